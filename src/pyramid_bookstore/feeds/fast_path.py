"""Converters for common values, half a microsecond each.

`validator` tries them before the schema, which takes twenty times as long. What they do not accept
goes through the schema. A property test compares the results of both.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from unicodedata import is_normalized

from pyramid_bookstore.catalogue.extra import Extra, ExtraRules
from pyramid_bookstore.catalogue.field import Field
from pyramid_bookstore.catalogue.schema import validate_extra
from pyramid_bookstore.errors import InvalidJSON, ValidationFailed
from pyramid_bookstore.values import isbn as isbns
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.text import trimmed, visible
from pyramid_bookstore.values.types import Integer, Isbn, Price, Text

_PRICE = re.compile(r"(0|[1-9][0-9]{0,7})(?:\.([0-9]{1,2}))?", re.ASCII)

#: Of ISBNs; 9790 is for printed music.
_PREFIXES = frozenset(str(number) for number in range(9780, 9800)) - {"9790"}


class NeedsSchema(Exception):
    """The fast path does not know whether the value is valid."""


class FastReader(NamedTuple):
    """Converts one field from a CSV ``cell`` or a JSON ``value`` to the value that is stored.

    Both functions return `None` for a value that is left out or null, and raise `NeedsSchema`.
    """

    cell: Callable[[str], Any]
    #: Compares types exactly, because `bool` is a subclass of `int`.
    value: Callable[[Any], Any]


def _text(typ: Text, rules: ExtraRules) -> FastReader:
    trim, shortest, longest, nullable = typ.trim, typ.min_length, typ.max_length, typ.nullable

    def cell(text: str, guards: str = "'=#") -> str | None:  # see `formulas` and `cells`
        if not text and nullable:
            return None
        bare = text.strip()
        stored = bare if trim else text
        if (
            not shortest <= len(stored) <= longest
            or bare[:1] in guards
            or not ((stored.isascii() and stored.isprintable()) or _is_clean(stored, not trim))
        ):
            raise NeedsSchema
        return stored

    def value(text: Any) -> str | None:
        if text is None and nullable:
            return None
        if type(text) is not str or _has_surrogates(text):
            raise NeedsSchema
        return cell(text, "") or text

    return FastReader(cell, value)


def _is_clean(text: str, lines: bool) -> bool:
    """Whether the text is stored as it is."""
    return (
        "\0" not in text
        and visible(text, lines=lines) == text
        and (lines or trimmed(text) == text)
        and (text.isascii() or is_normalized("NFC", text))
    )


def _has_surrogates(text: str) -> bool:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return True
    return False


def _isbn(typ: Isbn, rules: ExtraRules) -> FastReader:
    def cell(text: str) -> str:
        digits = text.encode()
        if (
            len(digits) == 13
            and digits.isdigit()
            and text[:4] in _PREFIXES
            # Character codes instead of digits: 48 more each, in all a multiple of ten.
            and not (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10
        ):
            return text
        try:
            return isbns.canonical(text)
        except ValueError:
            raise NeedsSchema from None

    def value(text: Any) -> str:
        if type(text) is not str or _has_surrogates(text):
            raise NeedsSchema
        return cell(text)

    return FastReader(cell, value)


def _price(typ: Price, rules: ExtraRules) -> FastReader:
    def cell(text: str) -> str:
        match = _PRICE.fullmatch(text)
        if match is None:
            raise NeedsSchema
        whole, cents = match.groups()
        return text if cents and len(cents) == 2 else f"{whole}.{cents or '':0<2}"

    def value(amount: Any) -> str:
        if type(amount) is not int and type(amount) is not Decimal:
            raise NeedsSchema
        return cell(str(amount))

    return FastReader(cell, value)


def _integer(typ: Integer, rules: ExtraRules) -> FastReader:
    least, most, nullable = typ.minimum, typ.maximum, typ.nullable

    def cell(text: str) -> int | None:
        if not text:
            return None
        if len(text) > 10 or not (text.isascii() and text.isdigit()):
            raise NeedsSchema
        number = int(text)
        if not least <= number <= most:
            raise NeedsSchema
        return number

    def value(number: Any) -> int | None:
        if number is None and nullable:
            return None
        if type(number) is not int or not least <= number <= most:
            raise NeedsSchema
        return number

    return FastReader(cell, value)


def _extra(typ: Extra, rules: ExtraRules) -> FastReader:
    def cell(text: str) -> str | None:
        if not text:
            return None
        if text == "{}" and rules.schema is None:
            return text
        try:
            return value(jsontext.loads(text.encode()))
        except InvalidJSON:
            raise NeedsSchema from None

    def value(document: Any) -> str:
        try:
            return jsontext.dumps(validate_extra(document, rules)).decode()
        except ValidationFailed:
            raise NeedsSchema from None

    return FastReader(cell, value)


_BY_TYPE: Mapping[type, Callable[[Any, Any], FastReader]] = {
    Text: _text,
    Isbn: _isbn,
    Price: _price,
    Integer: _integer,
    Extra: _extra,
}


def fast_reader(field: Field, rules: ExtraRules) -> FastReader:
    """The fast reader of a field; ``rules`` are those for ``extra``."""
    return _BY_TYPE[type(field.type)](field.type, rules)
