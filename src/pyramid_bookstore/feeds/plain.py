"""Values without any peculiarity, taken by a few plain tests at a microsecond each.

`judge` tries these before the schema, which takes ten times as long; what they do not take, the
schema judges. A test holds the one against the other.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from unicodedata import is_normalized

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import Field
from pyramid_bookstore.catalogue.schema import validate_extra
from pyramid_bookstore.errors import InvalidJSON, ValidationFailed
from pyramid_bookstore.values import isbn as isbns
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import Integer, Isbn, Price, Text

_PRICE = re.compile(r"(0|[1-9][0-9]{0,7})(?:\.([0-9]{1,2}))?", re.ASCII)


class NotPlain(Exception):
    """The value wants a second look."""


class Plain(ABC):
    """Reads one field. Both give the value as it is kept, `None` for what counts as left out."""

    @abstractmethod
    def cell(self, cell: str) -> Any:
        """From a cell of CSV; raises `NotPlain`."""

    @abstractmethod
    def value(self, value: Any) -> Any:
        """From a JSON value; raises `NotPlain`. Exactly the type is asked for: a boolean is an
        integer too, and JSON gives no other subclasses."""


class _PlainText(Plain):
    def __init__(self, typ: Text, schema: Any) -> None:
        self._trim, self._nullable = typ.trim, typ.nullable
        self._shortest, self._longest = typ.min_length, typ.max_length

    def cell(self, cell: str) -> str | None:
        if not cell and self._nullable:
            return None
        if cell[:1] == "'":  # a spreadsheet's sign for text
            raise NotPlain
        return self._checked(cell)

    def value(self, value: Any) -> str | None:
        if value is None and self._nullable:
            return None
        if type(value) is not str:
            raise NotPlain
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:  # a lone surrogate
                raise NotPlain from None
        return self._checked(value)

    def _checked(self, text: str) -> str:
        if self._trim:
            text = text.strip()
        if (
            not self._shortest <= len(text) <= self._longest
            or "\0" in text
            or not is_normalized("NFC", text)
        ):
            raise NotPlain
        return text


class _PlainIsbn(Plain):
    def __init__(self, typ: Isbn, schema: Any) -> None:
        pass

    def cell(self, cell: str) -> str:
        digits = cell.encode()
        if (
            len(digits) == 13
            and digits.isdigit()
            and digits.startswith((b"978", b"979"))
            and not digits.startswith(b"9790")
            # Character codes instead of digits: what they are off by is a multiple of ten.
            and not (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10
        ):
            return cell
        try:
            return isbns.canonical(cell)
        except ValueError:
            raise NotPlain from None

    def value(self, value: Any) -> str:
        if type(value) is not str or not value.isascii():
            raise NotPlain
        return self.cell(value)


class _PlainPrice(Plain):
    def __init__(self, typ: Price, schema: Any) -> None:
        pass

    def cell(self, cell: str) -> str:
        match = _PRICE.fullmatch(cell)
        if match is None:
            raise NotPlain
        whole, cents = match.groups()
        return cell if cents and len(cents) == 2 else f"{whole}.{cents or '':0<2}"

    def value(self, value: Any) -> str:
        if type(value) is not int and type(value) is not Decimal:
            raise NotPlain
        return self.cell(str(value))


class _PlainInteger(Plain):
    def __init__(self, typ: Integer, schema: Any) -> None:
        self._lowest, self._highest = typ.minimum, typ.maximum
        self._nullable = typ.nullable

    def cell(self, cell: str) -> int | None:
        if not cell:
            return None
        if len(cell) > 10 or not (cell.isascii() and cell.isdigit()):
            raise NotPlain
        return self._checked(int(cell))

    def value(self, value: Any) -> int | None:
        if value is None and self._nullable:
            return None
        if type(value) is not int:
            raise NotPlain
        return self._checked(value)

    def _checked(self, number: int) -> int:
        if not self._lowest <= number <= self._highest:
            raise NotPlain
        return number


class _PlainExtra(Plain):
    def __init__(self, typ: Extra, schema: Any) -> None:
        self._schema = schema

    def cell(self, cell: str) -> str | None:
        if not cell:
            return None
        if cell == "{}" and self._schema is None:
            return cell
        try:
            return self._checked(jsontext.loads(cell.encode()))
        except InvalidJSON:
            raise NotPlain from None

    def value(self, value: Any) -> str:
        if type(value) is not dict:
            raise NotPlain
        return self._checked(value)

    def _checked(self, value: Any) -> str:
        try:
            return jsontext.dumps(validate_extra(value, self._schema)).decode()
        except ValidationFailed:
            raise NotPlain from None


_BY_TYPE: Mapping[type, Callable[[Any, Any], Plain]] = {
    Text: _PlainText,
    Isbn: _PlainIsbn,
    Price: _PlainPrice,
    Integer: _PlainInteger,
    Extra: _PlainExtra,
}


def plain(field: Field, extra_schema: Any) -> Plain:
    """The reader of a field; ``extra_schema`` is the host's."""
    return _BY_TYPE[type(field.type)](field.type, extra_schema)
