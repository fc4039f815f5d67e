"""The types of declared fields: those of one value are here, and `KINDS` has them all."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from pyramid_bookstore.catalogue.kind import Kind
from pyramid_bookstore.catalogue.list_kinds import TextsKind
from pyramid_bookstore.search.folding import fold, folded
from pyramid_bookstore.values.text import visible
from pyramid_bookstore.values.types import NUMBER, Integer, Refused, Text

#: Characters of a text that it is sorted by.
_SORTED: Final = 100

_YEAR = re.compile(r"(-?)([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)
_YEAR_IN_CELL = re.compile(r"(-?)([0-9]{1,4})(?:\.0+)?", re.ASCII)
_TIME = re.compile(r"(?<=-[0-9]{2})[T ][0-9]{2}:[0-9:.]+(?:Z|[+-][0-9:]+)?\Z", re.ASCII)
_WHOLE_IN_CELL = re.compile(r"(-?[0-9]{1,19})(?:\.0+)?", re.ASCII)
#: Digits of a number before its point, and after it.
_DIGITS: Final = 30
_NUMBER = re.compile(rf"-?[0-9]{{1,{_DIGITS}}}(?:\.[0-9]{{1,{_DIGITS}}})?", re.ASCII)


class TextKind(Kind, Text):
    """One line of text, compared in its folded form."""

    name = "text"
    of_text = True
    example = "Piper"

    def __init__(self, max_length: int = 1000) -> None:
        super().__init__(1, max_length)
        self.schema = {"type": "string", "minLength": 1, "maxLength": max_length}

    def token(self, value: str) -> str:
        return fold(value)  # whole: `token_of` bounds it

    def key(self, value: str) -> str:
        return folded(value)[:_SORTED] or "\x01"  # the folded form of some characters is empty


class IntegerKind(Kind, Integer):
    """A whole number of 64 bits."""

    name = "integer"
    facet_type = "integer"
    purposes = ("filter", "facet", "sort")
    ranged = True
    example = 352

    def __init__(self) -> None:
        super().__init__(-(2**63), 2**63 - 1)
        self.schema = {"type": "integer", "format": "int64"}

    def key(self, value: int) -> str:
        return f"{value + 2**63:020d}"

    def from_cell(self, text: str) -> Any:
        found = _WHOLE_IN_CELL.fullmatch(text.strip())
        return int(found[1]) if found else text


class NumberKind(Kind):
    """A number of up to 30 digits before and after the point, compared exactly."""

    name = "number"
    facet_type = "number"
    purposes = ("filter", "facet", "sort")
    ranged = True
    wanted = NUMBER
    example = Decimal("4.25")
    schema: Mapping[str, Any] = {"type": "number"}  # never changed

    def read(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.not_wanted(value)
        number = Decimal(value)
        # What is beyond these would have as many digits as its exponent says.
        exponent = number.as_tuple().exponent
        small = isinstance(exponent, int) and -_DIGITS <= exponent <= _DIGITS
        if not small or not _NUMBER.fullmatch(f"{number:f}"):
            raise Refused(
                f"The number must have at most {_DIGITS} digits before and after the point."
            )
        if exponent == 0 and not -(2**63) <= number < 2**63:
            return Decimal(f"{number}.0")  # JSON's integers have 64 bits
        return value

    def token(self, value: Any) -> str:
        text = f"{Decimal(value):f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text

    def key(self, value: Any) -> str:
        # Sixty digits, which for a negative number are counted down from its opposite.
        scaled = int(Decimal(f"{Decimal(value):f}e30").to_integral_exact()) if value else 0
        return f"{'1' if scaled >= 0 else '0'}{scaled if scaled >= 0 else 10**60 + scaled:060d}"

    def from_cell(self, text: str) -> Any:
        return Decimal(text.strip()) if _NUMBER.fullmatch(text.strip()) else text

    def to_cell(self, value: Any) -> str:
        return f"{Decimal(value):f}"


class DateKind(Kind):
    """A year, a month or a day: ``2024``, ``2024-05``, ``2024-05-17``; ``-0044`` is a year B.C.

    Found by each of its beginnings, and counted by its year.
    """

    name = "date"
    purposes = ("filter", "facet", "sort")
    ranged = True
    wanted = "a date as text: YYYY, YYYY-MM or YYYY-MM-DD"
    example = "2024-05"
    schema: Mapping[str, Any] = {  # never changed
        "type": "string",
        "pattern": "^-?[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$",
    }

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise self.not_wanted(value)
        text: str = visible(value)
        found = _YEAR.fullmatch(text)
        if not found:
            raise Refused("The date must be YYYY, YYYY-MM or YYYY-MM-DD.")
        before_christ, year, month, day = found.groups()
        try:
            date(int(year), int(month or 1), int(day or 1))
        except ValueError:
            raise Refused("There is no such date.") from None
        if before_christ and month:
            raise Refused("Of dates before the year 1 only the year is kept, as in -0044.")
        return text

    def tokens(self, value: str) -> Iterator[str]:
        if value.startswith("-"):
            yield value
        else:
            yield from (value[:end] for end in (4, 7, 10) if end <= len(value))

    def facet_values(self, value: str) -> Iterator[tuple[str, Any]]:
        year = value if value.startswith("-") else value[:4]
        yield year, year

    def key(self, value: str) -> str:
        return f"0{9999 - int(value[1:]):04d}" if value.startswith("-") else f"1{value}"

    def last_key(self, value: str) -> str:
        return f"{self.key(value)}~"  # behind all days of the month or year

    def from_cell(self, text: str) -> Any:
        found = _YEAR_IN_CELL.fullmatch(text.strip())
        if found:
            return f"{found[1]}{int(found[2]):04d}"
        return _TIME.sub("", text.strip())


class BooleanKind(Kind):
    """True or false."""

    name = "boolean"
    facet_type = "boolean"
    purposes = ("filter", "facet")
    wanted = "a boolean"
    wanted_as_text = "true or false"
    example = True
    schema: Mapping[str, Any] = {"type": "boolean"}  # never changed

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.not_wanted(value)
        return value

    def token(self, value: bool) -> str:
        return self.to_cell(value)

    def from_cell(self, text: str) -> Any:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower(), text)

    def to_cell(self, value: bool) -> str:
        return "true" if value else "false"


#: The types of a declaration, by the word for them.
KINDS: Mapping[str, Kind] = {
    each.name: each
    for each in (
        TextKind(),
        IntegerKind(),
        NumberKind(),
        DateKind(),
        BooleanKind(),
        TextsKind(),
    )
}
