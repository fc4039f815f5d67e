"""A host's Colander schema as JSON Schema."""

from __future__ import annotations

import enum
from decimal import Decimal

import colander
import pytest
from jsonschema_rs import Draft202012Validator, meta

from pyramid_bookstore.description.colander_types import mapping_schema
from pyramid_bookstore.description.own_types import type_schema
from pyramid_bookstore.values import parameters as query
from pyramid_bookstore.values import types


class Colour(enum.Enum):
    red = 1
    blue = 2


def node(typ, *children, **more):
    return colander.SchemaNode(typ, *children, **more)


def described(typ, **more):
    return mapping_schema(node(typ, name="field", **more))


TYPES = {
    "text": (colander.String(), {"type": "string"}),
    "integer": (colander.Integer(), {"type": "integer"}),
    "float": (colander.Float(), {"type": "number"}),
    "decimal": (colander.Decimal(), {"type": "number"}),
    "money": (colander.Money(), {"type": "number"}),
    "boolean": (colander.Boolean(), {"type": "boolean"}),
    "date": (colander.Date(), {"type": "string", "format": "date"}),
    "moment": (colander.DateTime(), {"type": "string", "format": "date-time"}),
    "time": (colander.Time(), {"type": "string", "format": "time"}),
    "set": (colander.Set(), {"type": "array", "uniqueItems": True}),
    "list": (colander.List(), {"type": "array"}),
    "enum": (colander.Enum(Colour), {"enum": ["blue", "red"]}),
    "enum by value": (colander.Enum(Colour, "value", colander.Integer()), {"enum": [1, 2]}),
    "unknown": (colander.GlobalObject(package=None), {}),
}


@pytest.mark.parametrize("name", TYPES)
def test_each_colander_type_becomes_its_json_schema(name):
    typ, schema = TYPES[name]
    assert described(typ) == schema
    meta.validate(schema)


VALIDATORS = {
    "length": (colander.Length(1, 80), {"minLength": 1, "maxLength": 80}),
    "at least": (colander.Length(min=2), {"minLength": 2}),
    "range": (colander.Range(Decimal("0.5"), 9), {"minimum": 0.5, "maximum": 9}),
    "up to": (colander.Range(max=9), {"maximum": 9}),
    "dates": (colander.Range(min="2020"), {}),
    "one of": (colander.OneOf(["a", "b"]), {"enum": ["a", "b"]}),
    "none of": (colander.NoneOf(["a"]), {"not": {"enum": ["a"]}}),
    "only": (colander.ContainsOnly(["a"]), {"items": {"enum": ["a"]}}),
    "email": (colander.Email(), {"format": "email"}),
    "url": (colander.url, {"format": "uri"}),
    "uuid": (colander.uuid, {"format": "uuid"}),
    "pattern": (colander.Regex("^[a-z]+$"), {"pattern": "^[a-z]+$"}),
    "open pattern": (colander.Regex("a|b"), {"pattern": "^(?:a|b)"}),
    "all": (
        colander.All(colander.Length(max=9), colander.All(colander.Email())),
        {"maxLength": 9, "format": "email"},
    ),
    "any": (colander.Any(colander.Email(), colander.url), {}),
    "function": (lambda node, value: None, {}),
}


@pytest.mark.parametrize("name", VALIDATORS)
def test_each_colander_validator_becomes_its_json_schema_keyword(name):
    validator, more = VALIDATORS[name]
    assert described(colander.String(), validator=validator) == {"type": "string", **more}


def test_length_limits_the_items_of_a_list_and_the_properties_of_a_mapping():
    length = colander.Length(1, 2)
    assert described(colander.List(), validator=length)["maxItems"] == 2
    mapping = node(colander.Mapping(), node(colander.String(), name="a"), validator=length)
    assert mapping_schema(mapping)["maxProperties"] == 2


def test_title_description_and_default_are_described():
    schema = described(colander.String(), title="Spine", description="What is on it.", missing="-")
    assert schema == {
        "type": "string", "title": "Spine", "description": 'What is on it. By default "-".'
    }  # fmt: skip
    assert "description" not in described(colander.String(), missing=colander.drop)
    for kind, missing, said in (
        (colander.String(), None, "null"),
        (colander.Decimal(), Decimal("1.50"), "1.50"),
        (colander.Boolean(), True, "true"),
    ):
        assert described(kind, missing=missing)["description"] == f"By default {said}."
    translated = colander._("Spine")
    assert described(colander.String(), title=translated)["title"] == "Spine"


class Size(colander.TupleSchema):
    width = colander.SchemaNode(colander.Integer())
    height = colander.SchemaNode(colander.Integer())


class Tags(colander.SequenceSchema):
    tag = colander.SchemaNode(colander.String())


class Cover(colander.MappingSchema):
    size = Size()
    tags = Tags(missing=())
    artist = colander.SchemaNode(colander.String(), missing=colander.drop)

    @staticmethod
    def schema_type():
        return colander.Mapping(unknown="raise")


def test_nested_schemas_are_described():
    schema = mapping_schema(Cover())
    assert schema == {
        "type": "object",
        "properties": {
            "size": {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "integer"}],
                "minItems": 2,
                "maxItems": 2,
            },
            "tags": {"type": "array", "items": {"type": "string"}},
            "artist": {"type": "string"},
        },
        "required": ["size"],
        "additionalProperties": False,
    }
    meta.validate(schema)


def test_the_schema_of_stored_values_requires_and_forbids_nothing():
    schema = mapping_schema(Cover(), stored=True)
    assert "required" not in schema
    assert "additionalProperties" not in schema


def test_our_own_types_accept_exactly_what_their_json_schema_accepts():
    """A value is valid for both or for neither."""
    cases = [
        (types.Text(1, 5), ["a", "", "  ", "abcde", "abcdef", 5, None, "a\0", "\x1c", " a "]),
        (types.Text(0, 5, trim=False, nullable=True), ["", None, "abcdef", "\0"]),
        (types.Integer(0, 9), [0, 9, 10, -1, "1", True, None]),
        (types.Price(), [0, 1.5, 99999999.99, 100000000, -1, "1", None, 0.5]),
        (query.Choice("a", "b"), ["a", "c"]),
        (query.Term(5), ["", "abcde", "abcdef"]),
        (query.Token(5), ["", "a", "abcdef"]),
    ]
    for typ, values in cases:
        schema = Draft202012Validator(type_schema(typ))
        for value in values:
            given = Decimal(str(value)) if isinstance(value, float) else value
            try:
                typ.deserialize(node(typ), given)
                taken = True
            except colander.Invalid:
                taken = False
            assert schema.is_valid(value) == taken, (typ, value)
    for typ in (query.Names(["a", "b"]), query.SortOrder(["a", "b"])):
        schema = Draft202012Validator(type_schema(typ))
        for value in ("a", "b,a", "a,a", "c", "-a", "-a,b", "a,-a", "", "-b,-a"):
            try:
                typ.deserialize(node(typ), value)
                taken = True
            except colander.Invalid:
                taken = False
            assert schema.is_valid(value.split(",")) == taken, (typ, value)
