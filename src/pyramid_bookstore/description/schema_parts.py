"""What the JSON Schemas of requests and answers are put together from."""

from typing import Any

from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.description.own_types import (
    Schema,
    default_value,
    stored_schema,
    type_schema,
)
from pyramid_bookstore.values.types import Isbn

COUNT: Schema = {"type": "integer", "minimum": 0}
ID: Schema = {"type": "string", "format": "uuid"}
STORED_ISBN: Schema = stored_schema(Isbn())
AVAILABLE: Schema = COUNT | {"description": "Copies that no hold keeps.", "readOnly": True}
_FREE_IN_STOCK: Schema = {
    "description": FREE_STOCK,
    "properties": {
        "price": {"const": 0},
        # With the type, because limits do not apply to null.
        "stock": {"type": "integer", "exclusiveMinimum": 0},
    },
    "required": ["price", "stock"],
}


def ref(name: str) -> Schema:
    """A reference to the schema of this name."""
    return {"$ref": f"#/components/schemas/{name}"}


def properties_of(schema: Any) -> dict[str, Schema]:
    """The properties of a body."""
    return {node.name: property_schema(node, with_default=False) for node in schema}


def property_schema(node: Any, *, with_default: bool = True) -> Schema:
    """The schema of one field or parameter, with its description and default.

    Not with the default in a body: generators of strict clients require what has one.
    """
    schema = type_schema(node.typ) | {"description": node.description}
    if with_default and not node.required and (node.missing is not None or node.typ.nullable):
        schema["default"] = default_value(node)
    return schema


def object_schema(
    properties: dict[str, Schema], required: list[str] | None = None, **more: Any
) -> Schema:
    schema: Schema = {"type": "object", **more, "properties": properties}
    return schema | ({"required": required} if required else {})


def input_schema(
    properties: dict[str, Schema], text: str, example: Schema, required: list[str] | None = None
) -> Schema:
    closed: Schema = {"description": text, "additionalProperties": False}
    if example:
        closed["examples"] = [example]
    if "stock" in properties:
        closed["not"] = _FREE_IN_STOCK
    return object_schema(properties, required, **closed)
