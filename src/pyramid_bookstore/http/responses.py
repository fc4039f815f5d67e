"""Every answer of the bookstore is made here, with the headers that all of them carry."""

from __future__ import annotations

from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.http.request_id import HEADER, request_id

JSON = "application/json"

#: In a request's environ: true once the process is about to end (`pyramid_bookstore.server`).
LEAVING = "bookstore.leaving"

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
    response = Response(body=body, status=status)
    if content_type is None or status in (204, 304):
        response.headers.pop("Content-Type", None)
    else:
        # Set as text: JSON has no charset parameter (RFC 8259).
        response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = _cache_control(request, cache)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers[HEADER] = request_id(request)
    return response


def _cache_control(request: Request, cache: str) -> str:
    """What only some may see must not be kept where all look it up."""
    guarded = request.registry.queryUtility(ISecurityPolicy) is not None
    return f"private, {cache}" if guarded and cache == REVALIDATE else cache
