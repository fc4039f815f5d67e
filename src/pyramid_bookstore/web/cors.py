"""Cross-origin requests (CORS, in the Fetch standard): pages of other origins may call.

Asked for by ``bookstore.cors.origins``. The headers are added when the answer is complete, so that
every answer has them, and the host's own are seen.
"""

import re

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.settings import Settings
from pyramid_bookstore.web.mount import Mount

_ORIGIN = "Origin"
_ASKED_METHOD = "Access-Control-Request-Method"
_ASKED_HEADERS = "Access-Control-Request-Headers"
_ALLOW_ORIGIN = "Access-Control-Allow-Origin"

#: What a page may read of an answer, besides what it always may.
_EXPOSED = "ETag, Link, Location, Retry-After, X-Request-ID, Idempotency-Replayed"

#: Names of headers, as a preflight lists them.
_NAMES = re.compile(r"[\w!#$%&'*+.^`|~, -]+", re.ASCII)


def add_headers(request: Request, response: Response) -> None:
    """Response callback: add what a browser needs to show the answer to the page that asked.

    Where the host has set the headers itself, they stay as they are.
    """
    settings = Mount.of(request.registry).settings
    anybody = settings.cors_origins == ("*",)
    if not anybody:
        _vary(response, _ORIGIN)
    if _ALLOW_ORIGIN in response.headers:
        return
    origin: str = "*" if anybody else request.headers.get(_ORIGIN, "")
    if not anybody and origin not in settings.cors_origins:
        return
    added = {_ALLOW_ORIGIN: origin}
    if settings.cors_credentials:
        added["Access-Control-Allow-Credentials"] = "true"
    # Without Allow there is nothing at the path, which the page may read.
    preflight = request.method == "OPTIONS" and _ASKED_METHOD in request.headers
    if preflight and "Allow" in response.headers:
        added |= _for_preflight(request, response, settings)
    else:
        added["Access-Control-Expose-Headers"] = _EXPOSED
    for name, value in added.items():
        response.headers.setdefault(name, value)


def _for_preflight(request: Request, response: Response, settings: Settings) -> dict[str, str]:
    added = {
        "Access-Control-Allow-Methods": response.headers["Allow"],
        "Access-Control-Max-Age": str(settings.cors_max_age),
    }
    # Whatever the page asks for: a host's policy may read a header of its own.
    names = request.headers.get(_ASKED_HEADERS, "")
    _vary(response, _ASKED_HEADERS)
    return added | ({"Access-Control-Allow-Headers": names} if _NAMES.fullmatch(names) else {})


def _vary(response: Response, name: str) -> None:
    vary: tuple[str, ...] = response.vary or ()
    if "*" not in vary and name.lower() not in map(str.lower, vary):
        response.vary = (*vary, name)
