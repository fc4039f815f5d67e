"""The query string, read strictly."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.http.errors import BadRequest
from pyramid_bookstore.schema.listing import parse_nothing

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

#: More parameters than this no request of ours has use for.
MAX_PARAMETERS = 100


def without_parameters(view: Callable[[Any, Request], Response]) -> Callable[..., Response]:
    """Decorator for views of operations that have no query parameters: any is a fault."""

    def bare(context: Any, request: Request) -> Response:
        if request.environ.get("QUERY_STRING"):
            parse_nothing(query_pairs(request))
        return view(context, request)

    return bare


def query_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters in the order in which they were sent; raises `BadRequest`."""
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
        # WSGI hands bytes over as Latin-1 (PEP 3333).
        return unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        raise BadRequest("The query string is not UTF-8.") from None
