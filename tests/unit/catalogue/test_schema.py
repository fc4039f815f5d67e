"""Validation of books, changes and stock changes as clients send them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.catalogue import schema as book
from pyramid_bookstore.catalogue.schema import (
    check_price_and_stock,
    validate_book,
    validate_changes,
    validate_extra,
    validate_merge_patch,
)
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.stock.schema import validate_stock_change
from pyramid_bookstore.values.faults import MAX_FAULTS
from pyramid_bookstore.values.jsontext import dumps

RUST = {
    "title": "The Rust Programming Language",
    "author": "Steve Klabnik",
    "isbn": "978-1-7185-0044-0",
    "price": Decimal("39.99"),
    "stock": 100,
}
FIELDS = ["title", "author", "isbn", "price", "stock", "description", "extra", "delta", "id", "x"]

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.decimals(),
    st.text(),
    st.sampled_from([0, 5, "9781718500440", "\0", "e\u0301", 2**64, Decimal("1e999999999")]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner),
    max_leaves=8,
)


def faults(validate: Any, data: Any, **more: Any) -> dict[str, str]:
    """Field and message of every fault; each pointer must agree with its field."""
    with pytest.raises(ValidationFailed) as caught:
        validate(data, **more)
    for fault in caught.value.faults:
        assert fault.pointer == "".join("/" + name for name in fault.field.split(".") if name)
        assert "${" not in fault.message
        assert fault.message.endswith((".", "?"))
    return {fault.field: fault.message for fault in caught.value.faults}


def test_a_valid_book_becomes_the_values_that_are_stored() -> None:
    stored = {**RUST, "isbn": "9781718500440", "description": None, "extra": {}}
    assert validate_book(RUST) | stored == validate_book(RUST)
    given_book = {**RUST, "stock": 0, "price": 0, "description": " ", "extra": {"a": [1]}}
    stored = {**given_book, "isbn": "9781718500440", "price": Decimal("0.00")}
    assert validate_book(given_book) | stored == validate_book(given_book)


def test_default_values_are_not_shared_between_books() -> None:
    without = {name: RUST[name] for name in ("title", "author", "isbn", "price")}
    first, second = validate_book(without), validate_book(without)
    assert first["stock"] == 0
    first["extra"]["a"] = 1
    assert second["extra"] == validate_book(without)["extra"] == {}


def test_all_faults_of_a_book_are_reported_together() -> None:
    found = faults(
        validate_book,
        {
            "title": " ", "author": None, "isbn": "9780000000000", "price": "5", "stock": True,
            "description": "a\0", "extra": {"b": ["\0", {"c": 2**63}]}, "created_at": "now",
            "publisher": None,
        },
    )  # fmt: skip
    assert list(found) == [
        "title", "author", "isbn", "price", "stock", "description", "extra.b.0", "extra.b.1.c",
        "created_at", "publisher",
    ]  # fmt: skip
    assert found["created_at"] == "This field is set by the server, not by clients."
    assert found["publisher"] == "This is not a field of a book."


@pytest.mark.parametrize("validate", [validate_book, validate_changes, validate_merge_patch])
def test_a_field_that_is_none_is_refused_with_the_nearest(validate: Any) -> None:
    found = faults(validate, {"titel": "T", "Prize": 1, "stocks": 1, "xyz": 1, "x" * 10_000: 1})
    for name, near in (("titel", "title"), ("Prize", "price"), ("stocks", "stock")):
        assert found[name] == f"This is not a field of a book. Did you mean `{near}`?"
    assert found["xyz"] == found["x" * 10_000] == "This is not a field of a book."


def test_a_price_as_text_is_refused_with_the_form_that_it_must_have() -> None:
    for written in ("1,50", "12.50", "EUR 5"):
        assert faults(validate_changes, {"price": written}) == {
            "price": "The value must be a number such as 12.50, with a point, not text."
        }


def test_missing_required_fields_are_reported() -> None:
    required = dict.fromkeys(["title", "author", "isbn", "price"], "This field is required.")
    assert faults(validate_book, {}) == required


@pytest.mark.parametrize("validate", [validate_book, validate_changes, validate_merge_patch])
@pytest.mark.parametrize("data", [None, [], "x", 5, True, Decimal("1.5")])
def test_a_book_must_be_a_json_object(validate: Any, data: Any) -> None:
    with pytest.raises(ValidationFailed) as caught:
        validate(data)
    [fault] = caught.value.faults
    assert (fault.field, fault.pointer) == ("", "")
    assert "must be a JSON object" in fault.message


def test_json_pointers_escape_slash_and_tilde() -> None:
    with pytest.raises(ValidationFailed) as caught:
        validate_changes({"a/b~c": 1})
    assert caught.value.faults == (Fault("a/b~c", "/a~1b~0c", "This is not a field of a book."),)


def test_the_number_of_reported_faults_is_limited() -> None:
    with pytest.raises(ValidationFailed) as caught:
        validate_changes({f"f{i}": i for i in range(50_000)})
    assert len(caught.value.faults) == MAX_FAULTS + 1
    assert caught.value.faults[-1].message == f"There are more faults than these {MAX_FAULTS}."


@pytest.mark.parametrize("validate", [validate_book, validate_changes, validate_merge_patch])
def test_a_book_with_price_zero_cannot_have_stock(validate: Any) -> None:
    assert list(faults(validate, {**RUST, "price": 0})) == ["price"]
    # The rule is checked only when every single field is valid.
    assert list(faults(validate, {**RUST, "price": 0, "title": ""})) == ["title"]
    assert list(faults(validate, {**RUST, "price": 0, "x": 1})) == ["x"]


def test_price_zero_with_stock_is_checked_on_the_resulting_book() -> None:
    assert validate_changes({"price": 0}) == {"price": 0}
    assert validate_changes({"stock": 5}) == {"stock": 5}
    check_price_and_stock(Decimal("0.00"), 0)
    check_price_and_stock(Decimal("0.01"), 1)
    with pytest.raises(ValidationFailed) as caught:
        check_price_and_stock(Decimal("0.00"), 1)
    assert caught.value.faults == (Fault("price", "/price", book.FREE_STOCK),)


def test_changes_contain_only_the_given_fields() -> None:
    assert validate_changes({}) == {}
    assert validate_changes({"price": Decimal("34.99"), "stock": 80}) == {
        "price": Decimal("34.99"), "stock": 80,
    }  # fmt: skip
    assert validate_changes({"description": None}) == {"description": None}
    assert validate_changes({"extra": {"a": None}}) == {"extra": {"a": None}}


def test_in_changes_only_the_description_may_be_null() -> None:
    nulls = dict.fromkeys(["title", "author", "isbn", "price", "stock", "description", "extra"])
    assert list(faults(validate_changes, nulls)) == [
        "title", "author", "isbn", "price", "stock", "extra",
    ]  # fmt: skip


def test_in_a_merge_patch_null_resets_a_field_to_its_default() -> None:
    assert validate_merge_patch({"description": None, "stock": None, "extra": None}) == {
        "description": None, "stock": 0, "extra": {},
    }  # fmt: skip
    nulls = dict.fromkeys(["title", "author", "isbn", "price", "id", "x"])
    assert sorted(faults(validate_merge_patch, nulls)) == sorted(nulls)


def test_in_a_merge_patch_extra_is_itself_a_merge_patch() -> None:
    assert validate_merge_patch({"extra": {"e\u0301": None, "a": {}}, "stock": 3}) == {
        "extra_patch": {"é": None, "a": {}}, "stock": 3,
    }  # fmt: skip
    assert validate_merge_patch({"extra": {}}) == {"extra_patch": {}}
    assert list(faults(validate_merge_patch, {"extra": [], "x": 1})) == ["extra", "x"]
    assert list(faults(validate_merge_patch, {"extra": {"a": "\0"}})) == ["extra.a"]
    assert faults(validate_merge_patch, {"extra_patch": {}})


def test_faults_of_extra_alone_have_the_same_field_names_as_in_a_book() -> None:
    assert validate_extra({"a": 1}) == {"a": 1}
    assert list(faults(validate_extra, {"a": [2**64]})) == ["extra.a.0"]


@pytest.mark.parametrize("delta", [1, -3, 0, 2147483647, -2147483647])
def test_a_stock_change_accepts_whole_numbers(delta: int) -> None:
    assert validate_stock_change({"delta": delta}) == (delta, (None, None))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "delta"), ({"delta": None}, "delta"), ({"delta": True}, "delta"), (5, ""),
        ({"delta": 2**31}, "delta"), ({"delta": -(2**31)}, "delta"), ({"delta": "1"}, "delta"),
        ({"delta": 1, "by": 2}, "by"),
    ],
)  # fmt: skip
def test_an_invalid_stock_change_is_refused(data: Any, field: str) -> None:
    assert list(faults(validate_stock_change, data)) == [field]


@given(ANYTHING | st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
def test_any_value_becomes_json_or_is_refused(data: Any) -> None:
    """The result is JSON, and validating it again changes nothing."""
    for validate in (validate_book, validate_changes, validate_merge_patch, validate_stock_change):
        try:
            result = validate(data)
        except ValidationFailed:
            continue
        assert dumps(result)
        if validate in (validate_book, validate_changes):
            assert validate(result) == result
