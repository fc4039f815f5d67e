"""Reads JSON strictly (RFC 8259 and I-JSON, RFC 7493), and writes it.

Numbers never become a binary float: integers are ``int``, all others ``Decimal``.
"""

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

import msgspec

from pyramid_bookstore.errors import InvalidJSON

MAX_DEPTH: Final = 32
"""Levels of arrays and objects."""

# A longer integer becomes a Decimal: Python refuses to read 4,301 digits and more.
_MAX_INT_DIGITS: Final = 400
# The largest exponent of a Decimal, used for all larger ones.
_MAX_EXPONENT: Final = "999999999999999999"

# A string (possibly without its end) or a bracket. Without the possessive quantifiers it takes
# quadratic time on a body of backslashes and quotes.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_COMMA_AT_END = re.compile(r",[ \t\r\n]*+[\]}]")
# An escape; group 1 is a lone surrogate.
_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F])|.)"
)


def loads(body: bytes) -> Any:
    """The value of a JSON text, with ``Decimal`` for every number that is no integer literal.

    Integers of more than 400 digits are ``Decimal`` too. Numbers of any size are accepted; the
    schema refuses them. Raises :exc:`~pyramid_bookstore.errors.InvalidJSON` with what is wrong and
    where, for: an empty body, encodings other than UTF-8, a byte order mark, bad syntax, ``NaN``
    and ``Infinity``, a repeated name in an object, lone surrogates, and more than
    :data:`MAX_DEPTH` levels.
    """
    if not body or body.isspace():
        raise InvalidJSON("The body is empty; JSON is expected.")
    if body.startswith(b"\xef\xbb\xbf"):
        raise InvalidJSON("The body begins with a byte order mark, which JSON does not allow.")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJSON(f"The body is not UTF-8 (at byte {error.start + 1}).") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_depth(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # Messages such as "Unterminated string starting at" end before the place.
        fault = error.msg.removesuffix(" at").removesuffix(" starting")
        comma = _COMMA_AT_END.match(text, text.rfind(",", 0, error.pos + 1))
        # By the version of Python the place is the comma or what is behind it.
        at_end = comma is not None and error.pos in (comma.start(), comma.end() - 1)
        hint = " A comma before } or ] is not allowed." if at_end else ""
        raise InvalidJSON(
            f"The body is not JSON: {fault} (line {error.lineno}, column {error.colno}).{hint}"
        ) from None
    if "\\ud" in text or "\\uD" in text:
        _check_surrogates(text)
    return value


def dumps(obj: Any) -> bytes:
    """``obj`` as compact JSON in UTF-8.

    ``Decimal`` becomes a number with all its digits, a UUID its text, an aware datetime in UTC
    RFC 3339 with ``Z``. Raises :exc:`UnicodeEncodeError` for lone surrogates, :exc:`TypeError` for
    values that JSON does not have.
    """
    return _ENCODE(obj)


_ENCODE = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical").encode


def canonical(obj: Any) -> bytes:
    """As `dumps`, the same for equal values: the members of objects are in order."""
    return _ENCODE_IN_ORDER(obj)


_ENCODE_IN_ORDER = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object with unique names: parsers disagree which of two equal names counts."""
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        shown = twice[:64].encode("utf-8", "backslashreplace").decode()
        raise InvalidJSON(f'The name "{shown}" occurs twice in one object.')
    return result


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else Decimal(digits)


def _decimal(number: str) -> Decimal:
    """The exact value, in any decimal context of the caller."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        pass
    else:
        if value.is_finite():
            return value
    # The exponent has more than the 18 digits that Decimal allows. Only zero keeps its value.
    mantissa, _, exponent = number.lower().partition("e")
    if not mantissa.strip("-0."):
        return Decimal(0)
    sign = "-" if mantissa.startswith("-") else ""
    direction = "-" if exponent.startswith("-") else ""
    return Decimal(f"{sign}1e{direction}{_MAX_EXPONENT}")


def _constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not a JSON number.")


# With these hooks the standard decoder still scans in C.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)


def _check_depth(text: str) -> None:
    depth = 0
    for match in _TOKENS.finditer(text):
        token = match[0]
        if token in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidJSON(
                    f"The body is nested too deeply: more than {MAX_DEPTH} levels "
                    f"({_place(text, match.start())})."
                )
        elif token in "]}":
            depth -= 1


def _check_surrogates(text: str) -> None:
    """Refuse escapes of lone surrogates, which UTF-8, and so a database, cannot contain."""
    for match in _ESCAPES.finditer(text):
        if match[1]:
            raise InvalidJSON(
                f"The body holds a lone surrogate, \\{text[match.start() + 1 : match.end() + 2]} "
                f"({_place(text, match.start())})."
            )


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"
