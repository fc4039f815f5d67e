"""``extra``: limits of its JSON, merge patches, and validation by the schema of the host."""

import datetime
import json
from decimal import Decimal
from typing import Any

import colander
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.catalogue.extra import MAX_BYTES, ExtraRules, apply_merge_patch
from pyramid_bookstore.catalogue.schema import validate_book, validate_extra, validate_merge_patch
from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.values.faults import MAX_FAULTS
from pyramid_bookstore.values.jsontext import dumps, loads
from tests.unit.catalogue.test_schema import RUST, faults

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text("aé ß"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4),
    max_leaves=10,
)


class Publisher(colander.MappingSchema):
    name = colander.SchemaNode(colander.String(), validator=colander.Length(min=2, max=20))
    town = colander.SchemaNode(colander.String(), missing=colander.drop)

    def schema_type(self) -> colander.Mapping:
        return colander.Mapping(unknown="raise")


class Awards(colander.SequenceSchema):
    award = Publisher()


class Pair(colander.TupleSchema):
    width = colander.SchemaNode(colander.Integer())
    cover = colander.SchemaNode(colander.Date())


class HostExtra(colander.MappingSchema):
    """Colander as hosts use it, with types that JSON does not have."""

    publisher = colander.SchemaNode(colander.String(), validator=colander.Length(min=2))
    language = colander.SchemaNode(colander.String(), missing="en")
    pages = colander.SchemaNode(colander.Integer(), missing=colander.drop)
    weight = colander.SchemaNode(colander.Float(), missing=colander.drop)
    edition = colander.SchemaNode(colander.String(), missing=colander.null)
    published = colander.SchemaNode(colander.Date(), missing=colander.drop)
    tags = colander.SchemaNode(colander.Set(), missing=colander.drop)
    pair = Pair(missing=colander.drop)
    awards = Awards(missing=colander.drop)
    free = colander.SchemaNode(colander.Mapping(unknown="preserve"), missing=colander.drop)

    def schema_type(self) -> colander.Mapping:
        return colander.Mapping(unknown="raise")


HOST = ExtraRules(HostExtra())


@pytest.mark.parametrize(
    "value",
    [
        {}, {"a": None, "b": [True, 1, "x", {"": {}}]},
        {"n": [2**63 - 1, -(2**63), Decimal("1.7e308"), Decimal("5e-324")]},
        {"n": Decimal("0." + "1" * 64)}, {"x": "y" * (MAX_BYTES - 8)}, {"nul": "no\\0ne"},
    ],
)  # fmt: skip
def test_json_objects_within_the_limits_are_stored_unchanged(value: dict[str, Any]) -> None:
    assert validate_extra(value) == value
    assert dumps(validate_extra(value)) == dumps(value)


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ([], "extra", "must be an object, not a list"), (None, "extra", "not null"),
        ("{}", "extra", "not text"), ({"x": "y" * (MAX_BYTES - 7)}, "extra", "at most 16384 bytes"),
        ({"x": "ß" * (MAX_BYTES // 2)}, "extra", "at most 16384 bytes"),
        ({"x": [0] * 70_000}, "extra", "at most 16384 bytes"),
        ({"x": "e\u0301" * 100_000}, "extra", "at most 16384 bytes"),
        ({"a": {"b": "\0"}}, "extra.a.b", "NUL"), ({"a": {"\0": 1}}, "extra.a", "NUL"),
        ({"a": "\ud800"}, "extra.a", "surrogates"), ({"\udc00": 1}, "extra", "surrogates"),
        ({"é": 1, "e\u0301": 2}, "extra", "the same text"), ({1: 2}, "extra", "must be text"),
        ({"n": 2**63}, "extra.n", "64 bits"), ({"n": -(2**63) - 1}, "extra.n", "64 bits"),
        ({"n": Decimal("1.8e308")}, "extra.n", "range"),
        ({"n": Decimal("1e-324")}, "extra.n", "range"),
        ({"n": Decimal("1" * 5000)}, "extra.n", "64 digits"),
        ({"n": Decimal("0." + "1" * 65)}, "extra.n", "64 digits"),
        ({"n": Decimal("1e999999999999999999")}, "extra.n", "range"),
        ({"n": Decimal("NaN")}, "extra.n", "finite"), ({"n": float("inf")}, "extra.n", "finite"),
        ({"n": {1}}, "extra.n", "no form for a Python set"),
    ],
)  # fmt: skip
def test_json_outside_the_limits_is_refused_with_field_and_reason(
    value: Any, field: str, message: str
) -> None:
    found = faults(validate_extra, value)
    assert list(found) == [field]
    assert message in found[field]


def test_the_number_of_reported_faults_is_limited() -> None:
    with pytest.raises(ValidationFailed) as caught:
        validate_extra({"x": ["\0"] * 500_000})
    assert len(caught.value.faults) == MAX_FAULTS + 1


def test_python_callers_may_use_tuples_and_floats() -> None:
    kept = validate_extra({"a": (1, 0.1)})
    assert kept == {"a": [1, Decimal("0.1")]}


def test_extra_of_the_greatest_allowed_depth_can_be_read_back_in_a_book() -> None:
    value: dict[str, Any] = {}
    for _ in range(30):
        value = {"a": value}
    assert loads(dumps(validate_book({**RUST, "extra": value})))["extra"] == value
    found = faults(validate_extra, {"a": value})
    assert list(found.values()) == ["The value is nested too deeply."]


def test_an_object_that_contains_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["a"] = value
    assert list(faults(validate_extra, value).values()) == ["The value is nested too deeply."]


# All examples of RFC 7396, appendix A.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'), ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
        ('{"a":"b"}', '{"a":null}', "{}"), ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
        ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'), ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
        ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
        ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'), ('["a","b"]', '["c","d"]', '["c","d"]'),
        ('{"a":"b"}', '["c"]', '["c"]'), ('{"a":"foo"}', "null", "null"),
        ('{"a":"foo"}', '"bar"', '"bar"'),
        ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'), ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
        ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
    ],
)  # fmt: skip
def test_merge_patch_gives_the_results_of_rfc_7396(target: str, patch: str, result: str) -> None:
    assert apply_merge_patch(json.loads(target), json.loads(patch)) == json.loads(result)


@given(JSON, JSON)
def test_merge_patch_is_idempotent_and_does_not_modify_its_arguments(
    target: Any, patch: Any
) -> None:
    before = json.dumps([target, patch])
    result = apply_merge_patch(target, patch)
    assert apply_merge_patch(result, patch) == result
    assert json.dumps([target, patch]) == before


def test_values_read_by_the_host_schema_are_stored_as_json() -> None:
    kept = validate_extra(
        {
            "publisher": "No Starch", "pages": "560", "weight": Decimal("0.9"),
            "published": "2023-02-28", "tags": ["rust", "book"], "pair": [5, "2024-01-01"],
            "awards": [{"name": "Jolt"}],
            "free": {"any": [1, {"thing": None}]},
        },
        HOST,
    )  # fmt: skip
    assert kept == {
        "publisher": "No Starch", "language": "en", "pages": 560, "weight": Decimal("0.9"),
        "published": "2023-02-28", "tags": ["book", "rust"], "pair": [5, "2024-01-01"],
        "awards": [{"name": "Jolt"}], "free": {"any": [1, {"thing": None}]},
    }  # fmt: skip
    assert validate_extra(kept, HOST) == kept


def test_faults_of_the_host_schema_and_of_the_book_are_reported_together() -> None:
    extra = {
        "publisher": "x", "pages": "many", "foo": 1, "bar": 2,
        "awards": [{"name": "ok", "x": 1}, {"name": "", "y": {}, "town": "z"}],
    }  # fmt: skip
    found = faults(validate_book, {**RUST, "title": "", "extra": extra, "z": 1}, rules=HOST)
    assert set(found) == {
        "title", "z", "extra.publisher", "extra.pages", "extra.foo", "extra.bar",
        "extra.awards.0.x", "extra.awards.1.y", "extra.awards.1.name",
    }  # fmt: skip
    assert found["extra.publisher"] == "Shorter than minimum length 2."
    assert found["extra.foo"] == "This is not a field of extra."


def test_fields_required_by_the_host_schema_are_required_without_extra_too() -> None:
    assert faults(validate_book, RUST, rules=HOST) == {"extra.publisher": "Required."}
    removed = faults(validate_merge_patch, {"extra": None}, rules=HOST)
    assert removed == {"extra.publisher": "Required."}


def test_a_merge_patch_of_extra_is_not_validated_by_the_host_schema() -> None:
    assert validate_merge_patch({"extra": {"pages": None}}, rules=HOST) == {
        "extra_patch": {"pages": None}
    }


def test_the_size_limit_applies_to_the_result_of_the_host_schema() -> None:
    schema = colander.SchemaNode(
        colander.Mapping(),
        colander.SchemaNode(colander.String(), name="a", preparer=lambda text: text * 10_000),
    )
    assert list(faults(validate_extra, {"a": "xyz"}, rules=ExtraRules(schema))) == ["extra"]


def test_python_values_without_a_schema_node_are_converted_to_json() -> None:
    def prepare(value: Any) -> Any:
        return {"day": datetime.date(2025, 1, 2), 5: [datetime.date(2025, 1, 3)], "f": {1}}

    schema = colander.SchemaNode(
        colander.Mapping(),
        colander.SchemaNode(colander.Set(), name="f", missing=colander.drop),
        preparer=prepare,
    )
    assert validate_extra({}, ExtraRules(schema)) == {
        "day": "2025-01-02",
        "5": ["2025-01-03"],
        "f": [1],
    }


def test_several_messages_about_one_field_are_several_faults() -> None:
    schema = colander.SchemaNode(
        colander.Mapping(),
        colander.SchemaNode(
            colander.String(),
            name="a",
            validator=colander.All(colander.Length(max=1), colander.OneOf(["x" * 600])),
        ),
    )
    with pytest.raises(ValidationFailed) as caught:
        validate_extra({"a": "ab"}, ExtraRules(schema))
    first, second = [fault.message for fault in caught.value.faults]
    assert first == "Longer than maximum length 1."
    assert second.endswith(" …")


def test_an_exception_in_the_host_schema_is_a_logged_validation_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Colander's own Set raises TypeError for some JSON that a client can send."""
    found = faults(validate_extra, {"publisher": "ab", "tags": [{}]}, rules=HOST)
    assert found == {"extra": "The object cannot be read as the schema of extra demands."}
    assert "TypeError" in caplog.text


@given(st.dictionaries(st.sampled_from([n.name for n in HostExtra()]) | st.text("ab"), JSON))
def test_any_extra_is_refused_or_unchanged_when_validated_again(value: dict[str, Any]) -> None:
    value = {"publisher": "No Starch", **value}
    try:
        kept = validate_extra(value, HOST)
    except ValidationFailed:
        return
    assert validate_extra(kept, HOST) == kept
