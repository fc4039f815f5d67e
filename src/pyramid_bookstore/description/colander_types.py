"""A host's Colander schema as JSON Schema: what `extra` may hold in this application.

Colander reads leniently (the text ``"5"`` passes for an integer); described is the form that its
types are for. What has no counterpart in JSON Schema (a validator that is a function, say) is left
to the answer 422.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import colander

Schema = dict[str, Any]

_TEXT = {"type": "string"}
_ANY: Schema = {}


def mapping_schema(node: Any, *, stored: bool = False) -> Schema:
    """The schema of a node, with all that lies below it.

    ``stored`` describes what comes back: books may have been stored before the host had this
    schema, so nothing is required then, and nothing excluded.
    """
    schema = _typed(node, stored)
    for validator in _flat(node.validator):
        schema |= _validated(validator, schema)
    if node.title and node.title != _made_up(node.name):
        schema["title"] = _plain(node.title)
    if node.description:
        schema["description"] = _plain(node.description)
    if not node.required and not stored and _is_json(node.missing):
        schema["default"] = _number(node.missing)
    return schema


def _typed(node: Any, stored: bool) -> Schema:
    typ = node.typ
    for kind, make in _TYPES.items():
        if isinstance(typ, kind):
            return make(node, stored)
    return dict(_ANY)


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


#: In this order: a type stands before those it derives from.
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
    colander.String: _fixed(_TEXT),
}


def _flat(validator: Any) -> Iterator[Any]:
    """The validators that all must hold."""
    if type(validator) is colander.All:
        for part in validator.validators:
            yield from _flat(part)
    elif validator is not None:
        yield validator


def _validated(validator: Any, schema: Schema) -> Schema:
    """What a validator adds to the schema of its node."""
    if isinstance(validator, colander.Length):
        return _length(validator, schema)
    if isinstance(validator, colander.Range):
        limits = {"minimum": validator.min, "maximum": validator.max}
        return {name: _number(limit) for name, limit in limits.items() if _is_number(limit)}
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
    # Colander has -1 for "no limit" in one place and None in another.
    return {name: limit for name, limit in limits.items() if limit is not None and limit >= 0}


def _regex(validator: Any) -> Schema:
    """The formats that Colander has as patterns; others are Python's syntax, not ECMAScript's."""
    if validator is colander.url:
        return {"format": "uri"}
    if validator is colander.uuid:
        return {"format": "uuid"}
    pattern = validator.match_object.pattern
    # Colander matches from the beginning, JSON Schema anywhere.
    return {"pattern": pattern if pattern.startswith("^") else f"^(?:{pattern})"}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal))


def _is_json(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, Decimal, bool, list, dict))


def _number(value: Any) -> Any:
    """A decimal as the JSON number that reads the same; other values as they are."""
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return value


def _made_up(name: str) -> str:
    """The title that Colander gives to a node without one."""
    return name.replace("_", " ").title()


def _plain(text: Any) -> str:
    return str(text.interpolate() if hasattr(text, "interpolate") else text)
