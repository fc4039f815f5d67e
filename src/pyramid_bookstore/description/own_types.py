"""The bookstore's own Colander types as JSON Schema (draft 2020-12, as OpenAPI 3.1 has it).

Every limit is read from the type that enforces it.
"""

from collections.abc import Callable
from typing import Any

from pyramid_bookstore.catalogue import extra
from pyramid_bookstore.values import parameters as query
from pyramid_bookstore.values import types

Schema = dict[str, Any]

# Characters that Python strips; the \s of ECMAScript does not have all of them.
_BLANK = r"\s\u001c-\u001f\u0085"
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
    return {
        "type": "number",
        "minimum": _number(typ.minimum),
        "maximum": _number(typ.maximum),
        "multipleOf": _number(types.CENT),
    }


def _isbn(typ: types.Isbn) -> Schema:
    return {"type": "string", "format": "isbn", "minLength": 10, "maxLength": typ.max_length}


def _extra(typ: extra.Extra) -> Schema:
    # What holds at any depth (no NUL, 64-bit integers) would need a schema that refers to itself,
    # which generators of clients do not take; it is left to words.
    return {"type": "object"}


def _choice(typ: query.Choice) -> Schema:
    return {"type": "string", "enum": list(typ.options)}


def _flag(typ: query.Flag) -> Schema:
    return {"type": "boolean"}


def _token(typ: query.Token) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": typ.max_length}


def _names(typ: query.Names) -> Schema:
    items = {"type": "string", "enum": list(typ.options)}
    return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}


def _sort(typ: query.SortOrder) -> Schema:
    both = [[name, f"-{name}"] for name in typ.options]
    once = [{"contains": {"enum": pair}, "minContains": 0, "maxContains": 1} for pair in both]
    items = {"type": "string", "enum": [word for pair in both for word in pair]}
    return {"type": "array", "items": items, "minItems": 1, "allOf": once}


def _number(amount: Any) -> int | float:
    """A decimal of few digits as the JSON number that reads the same."""
    return int(amount) if amount == int(amount) else float(amount)


_SCHEMAS: dict[type, Callable[[Any], Schema]] = {
    types.Text: _text,
    types.Integer: _integer,
    types.Price: _money,
    types.Isbn: _isbn,
    types.Identifier: lambda typ: {"type": "string", "format": "uuid", "readOnly": True},
    types.Moment: lambda typ: {
        "type": "string",
        "format": "date-time",
        "pattern": "Z$",
        "readOnly": True,
    },
    extra.Extra: _extra,
    query.WholeNumber: _integer,
    query.Amount: _money,
    query.Choice: _choice,
    query.Flag: _flag,
    query.Term: _text,
    query.Token: _token,
    query.Names: _names,
    query.SortOrder: _sort,
}


def type_schema(typ: Any) -> Schema:
    """The schema of the JSON values that a type takes; raises `KeyError` for a type not of ours."""
    schema = _SCHEMAS[type(typ)](typ)
    if typ.nullable:
        schema["type"] = [schema["type"], "null"]
    return schema


def stored_schema(typ: Any) -> Schema:
    """The schema of a value as it comes back."""
    if type(typ) is types.Isbn:
        return {"type": "string", "pattern": "^97[89][0-9]{10}$"}
    return type_schema(typ)


def default_value(node: Any) -> Any:
    """What a field or parameter that was left out counts as, as a client would write it."""
    if isinstance(node.typ, query.SortOrder):
        return [f"-{name}" if descending else name for name, descending in node.missing]
    return node.missing
