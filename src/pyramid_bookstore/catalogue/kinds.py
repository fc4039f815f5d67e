"""The types of declared fields: what a value may be, and what it is found and sorted by.

A value is found by its *tokens*, which are compared whole, and sorted by its *key*, a text whose
order is that of the values. Both are stored beside the book, so both have a limited length.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, Final

import colander

from pyramid_bookstore.errors import InvalidJSON
from pyramid_bookstore.search.folding import fold, folded
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.text import is_blank, visible
from pyramid_bookstore.values.types import NUMBER, Integer, Refused, StrictType, Text

#: Bytes of a token; the database's index has no room for much longer ones.
_LONGEST_TOKEN: Final = 500
#: Characters of a text that it is sorted by.
_SORTED: Final = 100
#: Values in a list.
MOST: Final = 100

_PURPOSES = ("filter", "facet", "sort", "search")
_YEAR = re.compile(r"(-?)([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)
_YEAR_IN_CELL = re.compile(r"(-?)([0-9]{1,4})(?:\.0+)?", re.ASCII)
_TIME = re.compile(r"(?<=-[0-9]{2})[T ][0-9]{2}:[0-9:.]+(?:Z|[+-][0-9:]+)?\Z", re.ASCII)
_WHOLE_IN_CELL = re.compile(r"(-?[0-9]{1,19})(?:\.0+)?", re.ASCII)
#: Digits of a number before its point, and after it.
_DIGITS: Final = 30
_NUMBER = re.compile(rf"-?[0-9]{{1,{_DIGITS}}}(?:\.[0-9]{{1,{_DIGITS}}})?", re.ASCII)
_CONTRIBUTOR = re.compile(r"(.*\S)\s*\(([A-Z][0-9]{2})\)", re.DOTALL)


class Kind(StrictType):
    """The type of a declared field."""

    #: The word for it in a declaration.
    name: ClassVar[str]
    #: What a field of this type can be for.
    purposes: ClassVar[tuple[str, ...]] = _PURPOSES
    #: What a parameter must be, where that is not `wanted`.
    wanted_as_text: ClassVar[str] = ""
    #: Whether values are text, or lists of it.
    of_text: ClassVar[bool] = False
    #: Whether the list has ``min_`` and ``max_`` parameters for it.
    ranged: ClassVar[bool] = False
    #: The JSON type of a value that a facet counts.
    facet_type: ClassVar[str] = "string"
    #: Its JSON Schema.
    schema: Mapping[str, Any]
    example: Any

    def tokens(self, value: Any) -> Iterator[str]:
        """The texts that a value is found by."""
        yield self.token(value)

    def token(self, value: Any) -> str:
        """The text that a single value is found by, and counted by in facets."""
        return str(value)

    def asked(self, text: str) -> str:
        """The token of a parameter's text; raises `Refused`."""
        return self.token(self.given(text))

    def given(self, text: str) -> Any:
        """The value of a parameter's text; raises `Refused`."""
        value = self.from_cell(text)
        if isinstance(value, str) and self.facet_type != "string":
            raise Refused(f"The value must be {self.wanted_as_text or self.wanted}.")
        return self.read(value)

    def key(self, value: Any) -> str:
        """A text that sorts as the value does; never empty."""
        raise NotImplementedError

    def last_key(self, value: Any) -> str:
        """The key that ends a range which ends with this value."""
        return self.key(value)

    def facet_values(self, value: Any) -> Iterator[tuple[str, Any]]:
        """The token and the shown form of each value that a facet counts."""
        yield self.token(value), value

    def words(self, value: Any) -> str:
        """What the search looks into."""
        return str(value)

    def from_cell(self, text: str) -> Any:
        """The JSON value of a cell of CSV, or of a parameter; what is none is left to `read`."""
        return text

    def to_cell(self, value: Any) -> str:
        """The reverse of `from_cell`, for a valid value."""
        return str(value)


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


class ListKind(Kind):
    """A list of at most `MOST` values, which a cell has with semicolons between."""

    of_text = True
    item: StrictType
    wanted = "a list"

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        if not isinstance(cstruct, list):
            raise colander.Invalid(node, str(self.not_wanted(cstruct)))
        if not 1 <= len(cstruct) <= MOST:
            raise colander.Invalid(node, f"The list must have 1 to {MOST} values.")
        error = colander.Invalid(node)
        values = []
        for number, value in enumerate(cstruct):
            item = colander.SchemaNode(self.item, name=str(number))
            try:
                values.append(item.deserialize(value))
            except colander.Invalid as invalid:
                error.add(invalid, number)
        if error.children:
            raise error
        return values

    def asked(self, text: str) -> str:
        return self.item_token(self.item.read(text))

    def item_token(self, value: Any) -> str:
        """The token of one value of the list."""
        return fold(value)

    def tokens(self, value: Any) -> Iterator[str]:
        return (self.item_token(each) for each in value)

    def facet_values(self, value: Any) -> Iterator[tuple[str, Any]]:
        return ((self.item_token(each), each) for each in value)

    def words(self, value: Any) -> str:
        return "\n".join(value)

    def from_cell(self, text: str) -> Any:
        if text.startswith(('["', "[{")):
            try:
                return jsontext.loads(text.encode())
            except InvalidJSON:
                pass
        return [self.item_from_cell(part.strip()) for part in text.split(";") if not is_blank(part)]

    def item_from_cell(self, text: str) -> Any:
        """One value of the list."""
        return text

    def to_cell(self, value: Any) -> str:
        text = "; ".join(map(self.item_to_cell, value))
        # What the semicolons would not give back is written as JSON.
        return text if self.from_cell(text) == value else jsontext.dumps(value).decode()

    def item_to_cell(self, value: Any) -> str:
        """The reverse of `item_from_cell`."""
        return str(value)


class TextsKind(ListKind):
    """A list of texts."""

    name = "texts"
    purposes = ("filter", "facet", "search")
    example: Any = ("eng", "ger")
    item = Text(1, 255)
    schema: Mapping[str, Any] = {  # never changed
        "type": "array",
        "items": {"type": "string", "minLength": 1, "maxLength": 255},
        "minItems": 1,
        "maxItems": MOST,
    }


class _Contributor(StrictType):
    """One of `ContributorsKind`."""

    wanted = "an object"

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.not_wanted(value)
        if value.keys() != {"name", "role"}:
            raise Refused('The object must have "name" and "role", and nothing else.')
        name, role = value["name"], value["role"]
        if not isinstance(role, str) or not re.fullmatch("[A-Z][0-9]{2}", role):
            raise Refused("The role must be a code of ONIX's list 17, as A01 for an author.")
        return {"name": ContributorsKind.text.read(name), "role": role}


class ContributorsKind(ListKind):
    """People, each with a role of ONIX's list 17; found by their names."""

    name = "contributors"
    purposes = ("filter", "facet", "search")
    text = Text(1, 255)
    item = _Contributor()
    example: Any = ({"name": "Klaus Kordon", "role": "A01"},)
    schema: Mapping[str, Any] = {  # never changed
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 255},
                "role": {"type": "string", "pattern": "^[A-Z][0-9]{2}$"},
            },
            "required": ["name", "role"],
            "additionalProperties": False,
        },
        "minItems": 1,
        "maxItems": MOST,
    }

    def asked(self, text: str) -> str:
        return fold(self.text.read(text))

    def item_token(self, value: Any) -> str:
        return fold(value["name"])

    def facet_values(self, value: Any) -> Iterator[tuple[str, Any]]:
        return ((self.item_token(each), each["name"]) for each in value)

    def words(self, value: Any) -> str:
        return "\n".join(each["name"] for each in value)

    def item_from_cell(self, text: str) -> Any:
        found = _CONTRIBUTOR.fullmatch(text)
        name, role = found.groups() if found else (text, "A01")
        return {"name": name, "role": role}

    def item_to_cell(self, value: Any) -> str:
        return f"{value['name']} ({value['role']})"


def token_of(field: str, token: str) -> str:
    """The token of a field, of limited length."""
    whole = f"{field}:{token}"
    encoded = whole.encode()
    if len(encoded) <= _LONGEST_TOKEN:
        return whole
    digest = hashlib.blake2b(encoded, digest_size=16).hexdigest()
    # Cut between characters.
    return f"{encoded[: _LONGEST_TOKEN - 40].decode(errors='ignore')}…{digest}"


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
