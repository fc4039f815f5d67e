"""CSV cells as the values that a client would send in JSON."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import Field
from pyramid_bookstore.catalogue.fields import FIELDS, WRITABLE
from pyramid_bookstore.errors import Fault, InvalidJSON
from pyramid_bookstore.feeds.formulas import unescape_formula
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import REQUIRED, Integer, Isbn, Price, Text

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{0,40})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9.]*,[0-9]{1,2}", re.ASCII)


def fault(field: str, message: str) -> Fault:
    return Fault(field, f"/{field}", message)


def values_of(cells: Mapping[str, str], faults: list[Fault]) -> dict[str, Any]:
    """The values of cells by field name, without empty cells of fields that cannot be null.

    Cells that cannot be read are left out, and their faults appended to ``faults``.
    """
    values: dict[str, Any] = {}
    for name, cell in cells.items():
        try:
            value = _READERS[name](cell)
        except ValueError as error:
            faults.append(fault(name, str(error)))
        else:
            if value is not None or FIELDS[name].type.nullable:
                values[name] = value
    return values


def _required(cell: str) -> str:
    if not cell.strip():
        raise ValueError(REQUIRED)
    return unescape_formula(cell)


def _price(cell: str) -> int | Decimal:
    text = cell.strip()
    if not text:
        raise ValueError(REQUIRED)
    if _NUMBER.fullmatch(text):
        return Decimal(text)
    if _DECIMAL_COMMA.fullmatch(text):
        raise ValueError(
            "The price has a decimal comma; write it with a point, as 12.50, and no separators."
        )
    raise ValueError("The price must be a plain number such as 12.50.")


def _whole_number(cell: str) -> int | None:
    text = cell.strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise ValueError("The value must be a whole number such as 12.")
    return int(text)


def _optional(cell: str) -> str | None:
    return unescape_formula(cell) if cell else None


def _extra_value(cell: str) -> Any:
    if not cell.strip():
        return None
    try:
        value = jsontext.loads(cell.encode("utf-8", "surrogatepass"))
    except InvalidJSON as error:
        reason = error.message.replace("The body", "The cell")
        raise ValueError(f"The cell must hold a JSON object. {reason}") from None
    if value is None:
        raise ValueError("The cell must hold a JSON object, not null.")
    return value


_BY_TYPE: Mapping[type, Callable[[str], Any]] = {
    Isbn: _required,
    Price: _price,
    Integer: _whole_number,
    Extra: _extra_value,
}


def _reader(field: Field) -> Callable[[str], Any]:
    if type(field.type) is Text:
        return _required if field.required else _optional
    return _BY_TYPE[type(field.type)]


_READERS = {field.name: _reader(field) for field in WRITABLE}
