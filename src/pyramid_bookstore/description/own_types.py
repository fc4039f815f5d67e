"""The bookstore's own Colander types as JSON Schema (draft 2020-12, as OpenAPI 3.1 has it).

Every limit is taken from the type that enforces it.
"""

import re
from collections.abc import Callable
from typing import Any

from pyramid_bookstore.catalogue import declared, extra
from pyramid_bookstore.stock.lines import MAX_LINES, Lines
from pyramid_bookstore.values import parameters as query
from pyramid_bookstore.values import types
from pyramid_bookstore.values.text import NEVER_ALONE

Schema = dict[str, Any]

# Blanks and characters that show nothing: not those beyond 16 bits, which are two characters in
# expressions of JavaScript without the flag "u".
_BEYOND = re.compile("[\U00010000-\U0010ffff](-[\U00010000-\U0010ffff])?")
_BLANK = r"\s" + "".join(
    char if char == "-" else rf"\u{ord(char):04x}" for char in _BEYOND.sub("", NEVER_ALONE)
)
_NO_NUL = r"^[^\u0000]*$"
_NO_NUL_NOT_BLANK = rf"^[^\u0000]*[^\u0000{_BLANK}][^\u0000]*$"


def _text(typ: types.Text) -> Schema:
    schema: Schema = {"type": "string", "maxLength": typ.max_length, "pattern": _NO_NUL}
    if typ.min_length:
        schema |= {"minLength": typ.min_length, "pattern": _NO_NUL_NOT_BLANK}
    return schema


def _integer(typ: types.Integer | query.WholeNumber) -> Schema:
    return {"type": "integer", "minimum": typ.minimum, "maximum": typ.maximum}


def _money(typ: types.Price | query.Amount) -> Schema:
    # Without `multipleOf`: a validator that computes with floats refuses 19.99.
    return {
        "type": "number",
        "minimum": json_number(typ.minimum),
        "maximum": json_number(typ.maximum),
    }


def _isbn(typ: types.Isbn) -> Schema:
    return {"type": "string", "format": "isbn", "minLength": 9, "maxLength": typ.max_length}


def _lines(typ: Lines) -> Schema:
    number = _integer(typ.number) | {"description": typ.description}
    properties = {"isbn": _isbn(types.Isbn()), "id": {"type": "string", "format": "uuid"}}
    line = {
        "type": "object",
        "properties": {**properties, typ.name: number},
        "required": [typ.name],
        "oneOf": [{"required": [name]} for name in properties],
        "additionalProperties": False,
    }
    return {"type": "array", "items": line, "minItems": 1, "maxItems": MAX_LINES}


def _names(typ: query.Names) -> Schema:
    items = {"type": "string", "enum": list(typ.options)}
    return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}


def _sort(typ: query.SortOrder) -> Schema:
    both = [[name, f"-{name}"] for name in typ.options]
    once = [{"contains": {"enum": pair}, "minContains": 0, "maxContains": 1} for pair in both]
    items = {"type": "string", "enum": [word for pair in both for word in pair]}
    return {"type": "array", "items": items, "minItems": 1, "allOf": once}


def _repeated(typ: query.Repeated) -> Schema:
    return {"type": "array", "items": {"type": "string", "maxLength": typ.max_length}}


def json_number(amount: Any) -> int | float:
    """A decimal of few digits as a JSON number."""
    return int(amount) if amount == int(amount) else float(amount)


_SCHEMAS: dict[type, Callable[[Any], Schema]] = {
    types.Text: _text,
    types.Integer: _integer,
    types.Price: _money,
    types.Isbn: _isbn,
    types.Texts: lambda typ: {
        "type": "array",
        "items": {"type": "string"},
        "maxItems": typ.most,
    },
    types.Identifier: lambda typ: {"type": "string", "format": "uuid", "readOnly": True},
    # Without a pattern: generated clients hold it against their own writing of the time.
    types.Moment: lambda typ: {"type": "string", "format": "date-time", "readOnly": True},
    # Rules at any depth (no NUL, 64-bit integers) would need a recursive schema, which generators
    # of clients do not support.
    extra.Extra: lambda typ: {"type": "object", "additionalProperties": True},
    Lines: _lines,
    query.WholeNumber: _integer,
    query.Amount: _money,
    query.Since: lambda typ: {"type": "string", "format": "date-time"},
    query.Repeated: _repeated,
    query.Choice: lambda typ: {"type": "string", "enum": list(typ.options)},
    query.Flag: lambda typ: {"type": "boolean"},
    query.Switch: lambda typ: {"type": "boolean"},
    query.Term: _text,
    query.Token: lambda typ: {"type": "string", "minLength": 1, "maxLength": typ.max_length},
    query.Names: _names,
    query.SortOrder: _sort,
    declared.Tokens: lambda typ: {
        "type": "array",
        "items": {"type": "string", "minLength": 1},
        "minItems": 1,
        "maxItems": declared.MOST,
    },
    declared.Bound: lambda typ: {**typ.kind.schema},
}


def type_schema(typ: Any) -> Schema:
    """The schema of the JSON values that a type accepts; raises `KeyError` for other types."""
    schema = _SCHEMAS[type(typ)](typ)
    if typ.nullable:
        schema["type"] = [schema["type"], "null"]
    return schema


def stored_schema(typ: Any) -> Schema:
    """The schema of a value in an answer."""
    if type(typ) is types.Isbn:
        return {"type": "string", "pattern": "^97[89][0-9]{10}$"}
    return type_schema(typ)


def default_value(node: Any) -> Any:
    """The default of a field or parameter, as a client would write it."""
    if isinstance(node.typ, query.SortOrder):
        return [f"-{name}" if descending else name for name, descending in node.missing]
    return node.missing
