"""Every answer of the bookstore is made here, with the headers that all of them carry."""

from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.web.request_id import HEADER, request_id

JSON = "application/json"

#: In a request's environ: true once the process is about to end (`pyramid_bookstore.server`).
DRAINING = "bookstore.draining"

#: May be kept, but only be used again after asking (RFC 9111, 5.2.2.4).
REVALIDATE = "no-cache"
NO_STORE = "no-store"


def answer(
    request: Request,
    body: bytes = b"",
    *,
    status: int = 200,
    content_type: str | None = JSON,
    cache: str = NO_STORE,
) -> Response:
    """A response with the bookstore's own headers; nothing of `request.response` is in it."""
    # As a list: WebOb's mapping looks through all headers for each one that is set.
    headers = [
        ("Cache-Control", _cache_control(request, cache)),
        ("X-Content-Type-Options", "nosniff"),
        (HEADER, request_id(request)),
    ]
    if content_type is not None and status not in (204, 304):
        # Set as text: JSON has no charset parameter (RFC 8259).
        headers.append(("Content-Type", content_type))
    return Response(body=body, status=None if status == 200 else status, headerlist=headers)


def _cache_control(request: Request, cache: str) -> str:
    """What only some may see must not be kept where all look it up."""
    guarded = request.registry.queryUtility(ISecurityPolicy) is not None
    return f"private, {cache}" if guarded and cache == REVALIDATE else cache
