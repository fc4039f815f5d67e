"""The id of a request in logs: `X-Request-ID`."""

import re
import secrets
from contextvars import ContextVar

from pyramid.request import Request

HEADER = "X-Request-ID"

#: Id of the request that this thread serves, for log records; "-" outside of our routes.
current: ContextVar[str] = ContextVar("bookstore_request_id", default="-")

# Characters that cannot break a log line, a header or an SQL comment.
_VALID = re.compile(r"[A-Za-z0-9._:@/+=-]{1,128}")
_ATTRIBUTE = "_bookstore_request_id"


def request_id(request: Request) -> str:
    """The caller's id if it sent a valid one, else one made on first use."""
    known: str | None = request.__dict__.get(_ATTRIBUTE)
    if known is None:
        given = request.environ.get("HTTP_X_REQUEST_ID", "")
        known = given if _VALID.fullmatch(given) else secrets.token_hex(16)
        request.__dict__[_ATTRIBUTE] = known
    return known
