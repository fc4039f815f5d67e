"""Strict schema types: a value of another type is refused, not converted."""

from decimal import Decimal, localcontext
from typing import Any

import colander
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.values.types import (
    INTEGER_MAX,
    Integer,
    Isbn,
    Price,
    Refused,
    StrictType,
    Text,
)

TITLE = Text(1, 255)
STOCK = Integer(0, INTEGER_MAX)


def test_a_missing_value_and_null_are_treated_differently() -> None:
    required = colander.SchemaNode(TITLE)
    optional = colander.SchemaNode(Text(0, 9, nullable=True), missing="left out")
    with pytest.raises(colander.Invalid, match="Required"):
        required.deserialize(colander.null)
    with pytest.raises(colander.Invalid, match="must be text, not null"):
        required.deserialize(None)
    assert optional.deserialize(colander.null) == "left out"
    assert optional.deserialize(None) is None


def test_a_strict_type_must_implement_read() -> None:
    with pytest.raises(NotImplementedError):
        StrictType().read(1)


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("a", "a"), ("  a b\n", "a b"), ("e\u0301", "é"), ("x" * 255, "x" * 255),
        (" " * 2000 + "x" * 255 + "\t", "x" * 255), ("e\u0301" * 255, "é" * 255),
        ("😀" * 255, "😀" * 255),
    ],
)  # fmt: skip
def test_text_is_trimmed_and_normalised_to_nfc(given_text: str, kept: str) -> None:
    assert TITLE.read(given_text) == kept


def test_text_with_trim_false_keeps_outer_white_space() -> None:
    assert Text(0, 9, trim=False).read(" a\n") == " a\n"
    assert Text(0, 9, trim=False).read("") == ""


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "not an integer"), (Decimal("5.0"), "not a decimal number"), (True, "not a boolean"),
        (None, "not null"), ([], "not a list"), ({}, "not an object"), (5.5, "not a binary float"),
        (b"x", "not a Python bytes"), ("", "not be empty"), (" \n\u3000", "not be empty"),
        ("x" * 256, "at most 255"), ("e\u0301" * 256, "at most 255"), ("x" * 2000, "at most 255"),
        ("a\0b", "NUL"), ("\ud800", "lone surrogates"),
    ],
)  # fmt: skip
def test_text_of_wrong_type_length_or_characters_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        TITLE.read(value)


@pytest.mark.parametrize("value", [0, 1, INTEGER_MAX])
def test_integers_within_the_range_are_kept(value: int) -> None:
    assert STOCK.read(value) == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (True, "not a boolean"), ("5", "not text"), (Decimal("5.0"), "not a decimal number"),
        (Decimal("1e1"), "not a decimal number"), (5.0, "not a binary float"), (None, "not null"),
        ([5], "not a list"), (-1, "from 0 to 2147483647"), (2**31, "from 0 to 2147483647"),
        (Decimal("1" * 5000), "from 0 to 2147483647"), (Decimal("1e999999999999999999"), "from 0"),
        (Decimal("NaN"), "not a decimal number"),
        (Decimal("1e-999999999999999999"), "not a decimal number"),
    ],
)  # fmt: skip
def test_an_integer_of_wrong_type_or_outside_the_range_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        STOCK.read(value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (0, "0.00"), (5, "5.00"), (Decimal("39.99"), "39.99"), (Decimal("1.5"), "1.50"),
        (Decimal("15e-1"), "1.50"), (Decimal("1.50000"), "1.50"), (Decimal("-0"), "0.00"),
        (Decimal("-0.0"), "0.00"), (Decimal("99999999.99"), "99999999.99"),
        (Decimal("1e7"), "10000000.00"),
        (Decimal("0e999999999999999999"), "0.00"), (Decimal("0e-999999999"), "0.00"),
    ],
)  # fmt: skip
def test_prices_are_kept_exactly_with_two_decimals(value: Any, kept: str) -> None:
    price = Price().read(value)
    assert str(price) == kept


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Decimal("1.005"), "2 decimals"), (Decimal("0.001"), "2 decimals"),
        (Decimal("1e-999999999999999999"), "2 decimals"),
        (Decimal("1." + "1" * 5000), "2 decimals"),
        (Decimal("-0.01"), "from 0.00"), (Decimal("-0.001"), "from 0.00"), (-1, "from 0.00"),
        (Decimal("100000000"), "to 99999999.99"), (Decimal("99999999.991"), "to 99999999.99"),
        (Decimal("1e400"), "to 99999999.99"), (Decimal("1" * 5000), "to 99999999.99"),
        (10**400, "to 99999999.99"), (Decimal("NaN"), "from 0.00"), (Decimal("sNaN"), "from 0.00"),
        (Decimal("Infinity"), "from 0.00"), (True, "not a boolean"), ("5", "not text"),
        (5.5, "not a binary float"), (None, "not null"),
    ],
)  # fmt: skip
def test_a_price_of_wrong_type_range_or_precision_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        Price().read(value)


@given(st.decimals(allow_nan=True, allow_infinity=True) | st.integers())
def test_a_price_equals_the_given_number_or_is_refused(value: Any) -> None:
    """This holds for every precision of the host's decimal context."""
    with localcontext(prec=2):
        try:
            price = Price().read(value)
        except Refused:
            return
    assert price == value
    assert price.as_tuple().exponent == -2


def test_an_isbn_is_read_as_13_digits() -> None:
    assert Isbn().read("1-7185-0044-0") == "9781718500440"


@pytest.mark.parametrize(
    ("value", "message"),
    [(9781718500440, "text, not an integer"), ("9780000000000", "check digit"), (None, "not null")],
)
def test_an_invalid_isbn_is_refused(value: Any, message: str) -> None:
    with pytest.raises(Refused, match=message):
        Isbn().read(value)
