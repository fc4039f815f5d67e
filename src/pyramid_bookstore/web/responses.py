"""Makes every response of the bookstore, with the headers that all of them have."""

from pyramid.interfaces import ISecurityPolicy
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.web.request_id import HEADER, request_id

JSON = "application/json"

#: In a request's environ: true once the process is about to end (`pyramid_bookstore.server`).
DRAINING = "bookstore.draining"

#: May be stored, and must be revalidated before use (RFC 9111, 5.2.2.4).
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
    """A response with the bookstore's headers, and without those of `request.response`."""
    # A list: WebOb's mapping searches all headers for each one that is set.
    headers = [
        ("Cache-Control", _cache_control(request, cache)),
        ("X-Content-Type-Options", "nosniff"),
        (HEADER, request_id(request)),
    ]
    if content_type is not None and status not in (204, 304):
        # Set here, as WebOb would add a charset, which JSON does not have (RFC 8259).
        headers.append(("Content-Type", content_type))
    return Response(body=body, status=None if status == 200 else status, headerlist=headers)


def redirect(request: Request, path: str) -> Response:
    """The way to another path of this application, for now."""
    response = answer(request, status=307, content_type=None)
    response.headers["Location"] = path
    return response


def _cache_control(request: Request, cache: str) -> str:
    """``private`` if there is a security policy: a shared cache must not store it."""
    guarded = request.registry.queryUtility(ISecurityPolicy) is not None
    return f"private, {cache}" if guarded and cache == REVALIDATE else cache
