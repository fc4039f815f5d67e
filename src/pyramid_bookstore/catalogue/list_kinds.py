"""The types of declared fields whose values are lists."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import colander

from pyramid_bookstore.catalogue.kind import Kind
from pyramid_bookstore.errors import InvalidJSON
from pyramid_bookstore.search.folding import fold
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.text import is_blank
from pyramid_bookstore.values.types import Refused, StrictType, Text

#: Values in a list.
MOST: Final = 100

_CONTRIBUTOR = re.compile(r"(.*\S)\s*\(([A-Z][0-9]{2})\)", re.DOTALL)


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
        text = ";".join(map(self.item_to_cell, value))
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
