"""The name under which a request is found again in logs: `X-Request-ID`."""

import re
import secrets
from contextvars import ContextVar

from pyramid.request import Request

HEADER = "X-Request-ID"

#: Id of the request that this thread serves, for log records; "-" outside of the bookstore's.
current: ContextVar[str] = ContextVar("bookstore_request_id", default="-")

# What cannot break a log line or a header, and is no longer than a name needs to be.
_SANE = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")
_ATTRIBUTE = "_bookstore_request_id"


def request_id(request: Request) -> str:
    """The caller's id if it sent a sane one, else one made here, the same for the whole request."""
    known: str | None = request.__dict__.get(_ATTRIBUTE)
    if known is None:
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        known = given if _SANE.fullmatch(given) else secrets.token_hex(16)
        request.__dict__[_ATTRIBUTE] = known
    return known
