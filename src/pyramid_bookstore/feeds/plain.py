"""Values without any peculiarity, taken by a few plain tests: half a microsecond each.

`judge` tries these before the schema, which takes twenty times as long; what they do not take, the
schema judges. A test holds the one against the other.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from unicodedata import is_normalized

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import Field
from pyramid_bookstore.catalogue.schema import validate_extra
from pyramid_bookstore.errors import InvalidJSON, ValidationFailed
from pyramid_bookstore.values import isbn as isbns
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import Integer, Isbn, Price, Text

_PRICE = re.compile(r"(0|[1-9][0-9]{0,7})(?:\.([0-9]{1,2}))?", re.ASCII)


#: Of books: 9790 is for music.
_PREFIXES = frozenset(str(number) for number in range(9780, 9800)) - {"9790"}


class NotPlain(Exception):
    """The value wants a second look."""


class Plain(NamedTuple):
    """Reads one field from a ``cell`` of CSV, or from a JSON ``value``; both give the value as it
    is kept, `None` for what counts as left out or null, and raise `NotPlain`."""

    cell: Callable[[str], Any]
    #: Exactly the type is asked for: a boolean is an integer too, and JSON has no other subclasses.
    value: Callable[[Any], Any]


def _text(typ: Text, schema: Any) -> Plain:
    trim, shortest, longest, nullable = typ.trim, typ.min_length, typ.max_length, typ.nullable

    def cell(text: str, mark: str | None = "'") -> str | None:  # a spreadsheet's mark of text
        if not text and nullable:
            return None
        plain = text.strip() if trim else text
        if (
            not shortest <= len(plain) <= longest
            or text[:1] == mark
            or "\0" in plain
            or not (plain.isascii() or is_normalized("NFC", plain))
        ):
            raise NotPlain
        return plain

    def value(text: Any) -> str | None:
        if text is None and nullable:
            return None
        if type(text) is not str or _has_surrogates(text):
            raise NotPlain
        return cell(text, None) or text

    return Plain(cell, value)


def _has_surrogates(text: str) -> bool:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return True
    return False


def _isbn(typ: Isbn, schema: Any) -> Plain:
    def cell(text: str) -> str:
        digits = text.encode()
        if (
            len(digits) == 13
            and digits.isdigit()
            and text[:4] in _PREFIXES
            # Character codes instead of digits: what they are off by is a multiple of ten.
            and not (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10
        ):
            return text
        try:
            return isbns.canonical(text)
        except ValueError:
            raise NotPlain from None

    def value(text: Any) -> str:
        if type(text) is not str or _has_surrogates(text):
            raise NotPlain
        return cell(text)

    return Plain(cell, value)


def _price(typ: Price, schema: Any) -> Plain:
    def cell(text: str) -> str:
        match = _PRICE.fullmatch(text)
        if match is None:
            raise NotPlain
        whole, cents = match.groups()
        return text if cents and len(cents) == 2 else f"{whole}.{cents or '':0<2}"

    def value(amount: Any) -> str:
        if type(amount) is not int and type(amount) is not Decimal:
            raise NotPlain
        return cell(str(amount))

    return Plain(cell, value)


def _integer(typ: Integer, schema: Any) -> Plain:
    def cell(text: str) -> int | None:
        if not text:
            return None
        if len(text) > 10 or not (text.isascii() and text.isdigit()):
            raise NotPlain
        return value(int(text))

    def value(number: Any) -> int | None:
        if number is None and typ.nullable:
            return None
        if type(number) is not int or not typ.minimum <= number <= typ.maximum:
            raise NotPlain
        return number

    return Plain(cell, value)


def _extra(typ: Extra, schema: Any) -> Plain:
    def cell(text: str) -> str | None:
        if not text:
            return None
        if text == "{}" and schema is None:
            return text
        try:
            return value(jsontext.loads(text.encode()))
        except InvalidJSON:
            raise NotPlain from None

    def value(document: Any) -> str:
        try:
            return jsontext.dumps(validate_extra(document, schema)).decode()
        except ValidationFailed:
            raise NotPlain from None

    return Plain(cell, value)


_BY_TYPE: Mapping[type, Callable[[Any, Any], Plain]] = {
    Text: _text,
    Isbn: _isbn,
    Price: _price,
    Integer: _integer,
    Extra: _extra,
}


def plain(field: Field, extra_schema: Any) -> Plain:
    """The reader of a field; ``extra_schema`` is the host's."""
    return _BY_TYPE[type(field.type)](field.type, extra_schema)
