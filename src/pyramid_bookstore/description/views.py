"""The OpenAPI document and its page over HTTP."""

from importlib.metadata import version

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.description.document import description_of, encoded_description
from pyramid_bookstore.description.page import POLICY, asset, page
from pyramid_bookstore.errors import BookNotFound
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.web.conditional import entity_tag, tag_matches
from pyramid_bookstore.web.links import resource_paths
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.responses import REVALIDATE, answer

#: For URLs with a version (RFC 8246).
_FOREVER = "public, max-age=31536000, immutable"


def index(request: Request) -> Response:
    """Where everything is, for programs."""
    currency = Mount.of(request.registry).settings.currency
    document = {
        "version": version("pyramid_bookstore"),
        **({"currency": currency} if currency else {}),
        "links": resource_paths(request),
    }
    body = jsontext.dumps(document)
    return _tagged(request, body, entity_tag(body), "application/json", REVALIDATE)


def openapi(request: Request) -> Response:
    """The OpenAPI document of this mount."""
    body, etag = encoded_description(request)
    return _tagged(request, body, etag, "application/json", REVALIDATE)


def docs(request: Request) -> Response:
    """The page with the documentation."""
    body = page(description_of(request))
    response = answer(request, body, content_type="text/html; charset=utf-8", cache=REVALIDATE)
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def docs_asset(request: Request) -> Response:
    """A file of the page."""
    file = asset(request.matchdict["asset"])
    if file is None:
        raise BookNotFound("There is no such file.")
    has_version = request.environ.get("QUERY_STRING") == f"v={file.version}"
    cache = _FOREVER if has_version else REVALIDATE
    return _tagged(request, file.body, f'"{file.version}"', file.content_type, cache)


def _tagged(request: Request, body: bytes, tag: str, content_type: str, cache: str) -> Response:
    if tag_matches(request, tag):
        response = answer(request, status=304, cache=cache)
    else:
        response = answer(request, body, content_type=content_type, cache=cache)
    response.headers["ETag"] = tag
    return response
