"""The query string, read strictly."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import colander
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import Parameters
from pyramid_bookstore.web.errors import BadRequest


class NoParameters(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The parameters of an operation that has none."""

    schema_type = Parameters


def parse_nothing(pairs: Iterable[tuple[str, str]]) -> None:
    """Check that there are no parameters; raises as :func:`parse_listing`."""
    deserialized(_NONE, pairs, pointers=False)


_NONE = NoParameters()

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
