"""The API's description: for programs, and as a page."""

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.description.document import described, written
from pyramid_bookstore.description.page import POLICY, asset, page
from pyramid_bookstore.errors import BookNotFound
from pyramid_bookstore.web.conditional import tag_matches
from pyramid_bookstore.web.responses import REVALIDATE, answer

#: For an address that names the version of what it leads to (RFC 8246).
_FOR_EVER = "public, max-age=31536000, immutable"


def openapi(request: Request) -> Response:
    """The OpenAPI document of this mount."""
    found = written(request)
    return _tagged(request, found.body, found.etag, "application/json", REVALIDATE)


def docs(request: Request) -> Response:
    """The page."""
    body = page(described(request))
    response = answer(request, body, content_type="text/html; charset=utf-8", cache=REVALIDATE)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def docs_asset(request: Request) -> Response:
    """A file of the page."""
    found = asset(request.matchdict["asset"])
    if found is None:
        raise BookNotFound("There is no such file.")
    named = request.environ.get("QUERY_STRING") == f"v={found.version}"
    cache = _FOR_EVER if named else REVALIDATE
    return _tagged(request, found.body, f'"{found.version}"', found.content_type, cache)


def _tagged(request: Request, body: bytes, tag: str, content_type: str, cache: str) -> Response:
    if tag_matches(request, tag):
        response = answer(request, status=304, cache=cache)
    else:
        response = answer(request, body, content_type=content_type, cache=cache)
    response.headers["ETag"] = tag
    return response
