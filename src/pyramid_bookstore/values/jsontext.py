"""JSON in, strictly (RFC 8259 and I-JSON, RFC 7493), and JSON out, exactly.

Numbers never pass through a binary float: integers are ``int``, all others ``Decimal``.
"""

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

import msgspec

from pyramid_bookstore.errors import InvalidJSON

MAX_DEPTH: Final = 32
"""Arrays and objects within one another."""

# Beyond this an integer is kept as a Decimal: Python refuses to read 4,301 digits and more.
_MAX_INT_DIGITS: Final = 400
# The largest exponent of a Decimal; what goes beyond keeps its sign and direction, no more.
_MAX_EXPONENT: Final = "999999999999999999"

# A string (or what would be one, if it ended) or a bracket. The possessive quantifiers keep it
# linear: the usual pattern takes quadratic time on a body of backslashes and quotes.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
# An escape, in group 1 where it is a surrogate without its other half.
_ESCAPES = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F])|.)"
)


def loads(body: bytes) -> Any:
    """The value of a JSON text, with ``Decimal`` for every number that is no integer literal.

    Integers of more than 400 digits are ``Decimal`` too; numbers of absurd size stay numbers, for
    the schema to refuse. Raises :exc:`~pyramid_bookstore.errors.InvalidJSON`, saying what and
    where, for: no body, other encodings than UTF-8 and a byte order mark, bad syntax, ``NaN`` and
    ``Infinity``, a name twice in one object, lone surrogates, and more than :data:`MAX_DEPTH`
    levels.
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
        # "Unterminated string starting at", "Invalid control character at": the place follows.
        fault = error.msg.removesuffix(" at").removesuffix(" starting")
        raise InvalidJSON(
            f"The body is not JSON: {fault} (line {error.lineno}, column {error.colno})."
        ) from None
    if "\\ud" in text or "\\uD" in text:
        _check_surrogates(text)
    return value


def dumps(obj: Any) -> bytes:
    """``obj`` as compact JSON in UTF-8.

    ``Decimal`` becomes a number with all its digits, a UUID its text, an aware datetime in UTC
    RFC 3339 with ``Z``. :exc:`UnicodeEncodeError` for lone surrogates, :exc:`TypeError` for what
    JSON has no form for.
    """
    return _ENCODE(obj)


_ENCODE = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical").encode


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, whose names must differ: of two equal ones, readers disagree which one counts."""
    result = dict(pairs)
    if len(result) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, count in counts.items() if count > 1)
        shown = twice[:64].encode("utf-8", "backslashreplace").decode()
        raise InvalidJSON(f'The name "{shown}" stands twice in one object.')
    return result


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= _MAX_INT_DIGITS else Decimal(digits)


def _decimal(number: str) -> Decimal:
    """The exact value, whatever the decimal context of the caller traps."""
    try:
        value = Decimal(number)
    except InvalidOperation:
        pass
    else:
        if value.is_finite():
            return value
    # The exponent is beyond what Decimal holds, 18 digits. Only a zero has a true value left.
    mantissa, _, exponent = number.lower().partition("e")
    if not mantissa.strip("-0."):
        return Decimal(0)
    sign = "-" if mantissa.startswith("-") else ""
    direction = "-" if exponent.startswith("-") else ""
    return Decimal(f"{sign}1e{direction}{_MAX_EXPONENT}")


def _constant(name: str) -> NoReturn:
    raise InvalidJSON(f"{name} is not a JSON number.")


# Made once: with these hooks the standard decoder still scans in C.
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
    """Refuse the escape of half a surrogate pair: no UTF-8, so no database, can hold it."""
    for match in _ESCAPES.finditer(text):
        if match[1]:
            raise InvalidJSON(
                f"The body holds a lone surrogate, \\{text[match.start() + 1 : match.end() + 2]} "
                f"({_place(text, match.start())})."
            )


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"
