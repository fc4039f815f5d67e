"""A host's Colander schema as JSON Schema: what `extra` may have in this application.

Colander also accepts other forms (the text ``"5"`` for an integer); the usual form is described.
What JSON Schema cannot say, such as a validator that is a function, is left out.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import colander

from pyramid_bookstore.description.own_types import Schema, json_number
from pyramid_bookstore.values import jsontext


def mapping_schema(node: Any, *, stored: bool = False) -> Schema:
    """The schema of a node and its children.

    With ``stored`` nothing is required and nothing excluded, because books may have been stored
    before the host had this schema.
    """
    schema = _typed(node, stored)
    for validator in _flat(node.validator):
        schema |= _validated(validator, schema)
    if node.title and node.title != node.name.replace("_", " ").title():  # Colander's default
        schema["title"] = _plain(node.title)
    if node.description:
        schema["description"] = _plain(node.description)
    if not node.required and not stored and _is_json(node.missing):
        # In words: generators of strict clients require what has a default.
        said = f"By default {jsontext.dumps(node.missing).decode()}."
        schema["description"] = f"{schema.get('description', '')} {said}".strip()
    return schema


def _typed(node: Any, stored: bool) -> Schema:
    for kind, make in _TYPES.items():
        if isinstance(node.typ, kind):
            return make(node, stored)
    return {}


def _mapping(node: Any, stored: bool) -> Schema:
    children = {child.name: mapping_schema(child, stored=stored) for child in node.children}
    schema: Schema = {"type": "object", "properties": children}
    required = [child.name for child in node.children if child.required]
    if required and not stored:
        schema["required"] = required
    if node.typ.unknown == "raise" and not stored:
        schema["additionalProperties"] = False
    return schema


def _sequence(node: Any, stored: bool) -> Schema:
    return {"type": "array", "items": mapping_schema(node.children[0], stored=stored)}


def _tuple(node: Any, stored: bool) -> Schema:
    items = [mapping_schema(child, stored=stored) for child in node.children]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _enum(node: Any, stored: bool) -> Schema:
    return {"enum": sorted((_number(key) for key in node.typ.values), key=str)}


def _fixed(schema: Schema) -> Callable[[Any, bool], Schema]:
    return lambda node, stored: dict(schema)


#: A type comes before its base classes.
_TYPES: dict[type, Callable[[Any, bool], Schema]] = {
    colander.Mapping: _mapping,
    colander.Sequence: _sequence,
    colander.Tuple: _tuple,
    colander.Enum: _enum,
    colander.Set: _fixed({"type": "array", "uniqueItems": True}),
    colander.List: _fixed({"type": "array"}),
    colander.Boolean: _fixed({"type": "boolean"}),
    colander.Integer: _fixed({"type": "integer"}),
    colander.Money: _fixed({"type": "number"}),
    colander.Number: _fixed({"type": "number"}),
    colander.DateTime: _fixed({"type": "string", "format": "date-time"}),
    colander.Date: _fixed({"type": "string", "format": "date"}),
    colander.Time: _fixed({"type": "string", "format": "time"}),
    colander.String: _fixed({"type": "string"}),
}


def _flat(validator: Any) -> Iterator[Any]:
    """The validators that must all accept a value."""
    if type(validator) is colander.All:
        for part in validator.validators:
            yield from _flat(part)
    elif validator is not None:
        yield validator


def _validated(validator: Any, schema: Schema) -> Schema:
    """The keywords that a validator adds to the schema of its node."""
    if isinstance(validator, colander.Length):
        return _length(validator, schema)
    if isinstance(validator, colander.Range):
        limits = {"minimum": validator.min, "maximum": validator.max}
        numbers = (int, float, Decimal)
        return {
            name: _number(value) for name, value in limits.items() if isinstance(value, numbers)
        }
    if isinstance(validator, colander.OneOf):
        return {"enum": [_number(choice) for choice in validator.choices]}
    if isinstance(validator, colander.NoneOf):
        return {"not": {"enum": [_number(choice) for choice in validator.forbidden]}}
    if isinstance(validator, colander.ContainsOnly):
        return {"items": {"enum": [_number(choice) for choice in validator.choices]}}
    if isinstance(validator, colander.Email):
        return {"format": "email"}
    if isinstance(validator, colander.Regex):
        return _regex(validator)
    return {}


def _length(validator: Any, schema: Schema) -> Schema:
    suffix = {"array": "Items", "object": "Properties"}.get(schema.get("type", ""), "Length")
    limits = {f"min{suffix}": validator.min, f"max{suffix}": validator.max}
    # "No limit" is -1 in one place of Colander and None in another.
    return {name: limit for name, limit in limits.items() if limit is not None and limit >= 0}


def _regex(validator: Any) -> Schema:
    """A format if the pattern is Colander's own; other patterns may not be valid in ECMAScript."""
    if validator is colander.url:
        return {"format": "uri"}
    if validator is colander.uuid:
        return {"format": "uuid"}
    pattern = validator.match_object.pattern
    # Colander matches from the beginning, JSON Schema anywhere.
    return {"pattern": pattern if pattern.startswith("^") else f"^(?:{pattern})"}


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, Decimal, bool, list, dict))


def _number(value: Any) -> Any:
    return json_number(value) if isinstance(value, Decimal) else value


def _plain(text: Any) -> str:
    return str(text.interpolate() if hasattr(text, "interpolate") else text)
