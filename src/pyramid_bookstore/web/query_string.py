"""Reads the query string strictly."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

import colander
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import Parameters
from pyramid_bookstore.web.errors import BadRequest

_NO_PARAMETERS = colander.SchemaNode(Parameters())

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

#: More than any operation has.
MAX_PARAMETERS = 100


def without_parameters(view: Callable[[Any, Request], Response]) -> Callable[..., Response]:
    """Decorator for views without query parameters; raises `ValidationFailed` for any."""

    def bare(context: Any, request: Request) -> Response:
        if request.environ.get("QUERY_STRING"):
            deserialized(_NO_PARAMETERS, query_pairs(request), pointers=False)
        return view(context, request)

    return bare


def query_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters in the order of the URL; raises `BadRequest`."""
    raw: str = request.environ.get("QUERY_STRING", "")
    if not raw:
        return []
    if _BROKEN_ESCAPE.search(raw):
        raise BadRequest("The query string has a % without two hexadecimal digits.")
    pairs = []
    for part in raw.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        pairs.append((_decoded(name), _decoded(value)))
        if len(pairs) > MAX_PARAMETERS:
            raise BadRequest(f"The query string has more than {MAX_PARAMETERS} parameters.")
    return pairs


def _decoded(text: str) -> str:
    try:
        # WSGI decodes bytes as Latin-1 (PEP 3333).
        return unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        raise BadRequest("The query string is not UTF-8.") from None
