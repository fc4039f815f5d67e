"""CSV cells as the values that a client would send in JSON."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import Field
from pyramid_bookstore.catalogue.fields import FIELDS, WRITABLE
from pyramid_bookstore.errors import Fault, InvalidJSON
from pyramid_bookstore.feeds.formulas import check_error, escape_formula, unescape_formula
from pyramid_bookstore.feeds.prices import read_price
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.text import is_blank, visible
from pyramid_bookstore.values.types import REQUIRED, Integer, Isbn, Price, Text

_WHOLE = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)
# A cell that a spreadsheet must take for text; some programs double the quotation marks.
_TEXT_GUARD = re.compile(r'\s*=\s*(?:"((?:[^"]|"")*)"|""([^"]*)"")\s*')
#: What programs put around an ISBN so that it stays text.
_ISBN_GUARDS = " \t\r\n\xa0='\"`´‘’‚“”„[]"
#: Each guard within a guard is a look at the whole cell; what is so long is no ISBN.
_LONGEST_ISBN = 200
_TRAILING_ZEROS = re.compile(r"([0-9X])[.,]0+\Z", re.ASCII | re.IGNORECASE)
_SCIENTIFIC = re.compile(r"[0-9]+(?:[.,][0-9]*)?E\+?[0-9]{1,3}", re.ASCII | re.IGNORECASE)


def fault(field: str, message: str) -> Fault:
    return Fault(field, f"/{field}", message)


def opened(cell: str) -> str:
    """The cell without the guard ``="…"``."""
    found = _TEXT_GUARD.fullmatch(cell) if '="' in cell.replace(" ", "") else None
    if found is None:
        return cell
    return found[2] if found[1] is None else found[1].replace('""', '"')


def values_of(
    cells: Mapping[str, str], faults: list[Fault], decimal: str | None = None
) -> dict[str, Any]:
    """The values of cells by field name, without empty cells of fields that cannot be null.

    Cells that cannot be read are left out, and their faults appended to ``faults``. ``decimal`` is
    the decimal sign of prices, ``comma`` or ``point``.
    """
    values: dict[str, Any] = {}
    for name, cell in cells.items():
        if type(FIELDS[name].type) is not Extra:  # of JSON, the schema sees to the texts
            cell = visible(cell, lines=True)
        try:
            check_error(cell)
            text = opened(cell)
            # What was in the guard is the text; an apostrophe in it is none of a spreadsheet's.
            if text is cell:
                value = _READERS[name](cell, decimal)
            else:
                value = _READERS[name](escape_formula(text) if text else text, decimal)
        except ValueError as error:
            faults.append(fault(name, str(error)))
        else:
            if value is not None or FIELDS[name].type.nullable:
                values[name] = value
    return values


def _required(cell: str, decimal: str | None) -> str:
    if is_blank(cell):
        raise ValueError(REQUIRED)
    return unescape_formula(cell)


def _isbn(cell: str, decimal: str | None) -> str:
    text, before = cell.strip(_ISBN_GUARDS)[:_LONGEST_ISBN], ""
    while text != before:  # guards may be within guards
        text, before = _TRAILING_ZEROS.sub(r"\1", text).strip(_ISBN_GUARDS), text
    if not text:
        raise ValueError(REQUIRED)
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError(
            f"{text[:40]} is an ISBN in scientific notation: a spreadsheet took it for a number and"
            " rounded it. Export it again with the column formatted as text, or as a number"
            " without decimals."
        )
    return text


def _price(cell: str, decimal: str | None) -> Decimal:
    return read_price(cell.strip().lstrip("'"), decimal)


def _whole_number(cell: str, decimal: str | None) -> int | None:
    text = cell.strip().lstrip("'").strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise ValueError("The value must be a whole number such as 12.")
    return int(text)


def _optional(cell: str, decimal: str | None) -> str | None:
    return unescape_formula(cell) if cell else None


def _extra_value(cell: str, decimal: str | None) -> Any:
    cell = unescape_formula(cell)
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


_BY_TYPE: Mapping[type, Callable[[str, str | None], Any]] = {
    Isbn: _isbn,
    Price: _price,
    Integer: _whole_number,
    Extra: _extra_value,
}


def _reader(field: Field) -> Callable[[str, str | None], Any]:
    if type(field.type) is Text:
        return _required if field.required else _optional
    return _BY_TYPE[type(field.type)]


_READERS = {field.name: _reader(field) for field in WRITABLE}
