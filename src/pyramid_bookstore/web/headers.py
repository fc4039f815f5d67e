"""Small parsers for request headers."""

import re

from pyramid.request import Request

_PARAMETER = re.compile(r';\s*([\w!#$%&\'*+.^`|~-]+)=(?:"([^"]*)"|([^\s;"]*))')

# An element of a list; commas within quoted strings do not separate.
_LISTED = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*+"?)++')


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type (RFC 9110, 8.3) as its type and its parameters, all in lower case."""
    kind, _, _ = value.partition(";")
    parameters = {
        name.lower(): (quoted or plain).lower() for name, quoted, plain in _PARAMETER.findall(value)
    }
    return kind.strip().lower(), parameters


def prefers_minimal(request: Request) -> bool:
    """Whether the client asked for no representation in the response (RFC 7240, return=minimal)."""
    preferences: str = request.environ.get("HTTP_PREFER", "")
    for preference in _LISTED.findall(preferences.lower()):
        name, _, value = preference.partition(";")[0].partition("=")
        # The first one counts (RFC 7240, 2).
        if name.strip() == "return":
            return bool(value.strip().strip('"') == "minimal")
    return False
