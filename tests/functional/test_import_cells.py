"""Cells as other programs and offices write them: guards of text, prices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.feeds.options import FeedOptions
from pyramid_bookstore.feeds.prices import read_price
from pyramid_bookstore.feeds.validator import RowValidator
from tests.support.feeds import HEADER, MOMO, messages, only, send

guards = st.sampled_from(['="{}"', '=""{}""', "'{}", "[{}]", '"{}"', " {} ", "{}.0", "’{}", "({}"])


@given(st.lists(guards.filter(lambda each: "(" not in each), max_size=3))
def test_an_isbn_is_found_in_any_guards_of_text(around):
    cell = MOMO
    for guard in around:
        if not (guard == "{}.0" and not cell[-1].isdigit()):
            cell = guard.format(cell)
    result = RowValidator(FeedOptions()).cell_validator(["isbn"])(
        [cell, None, None, None, None, None, None]
    )
    assert isinstance(result, tuple), (cell, result)
    assert result[0] == MOMO


@pytest.mark.parametrize("cell", ["9.78352E+12", "9,78352E+12", "9.783522202558e12", "'9.78E+12"])
def test_an_isbn_in_scientific_notation_is_refused_by_that_name(client, cell):
    answer = send(client, f'isbn;title\n="{cell}";x\n', status=422)
    assert "scientific notation" in messages(answer)
    assert "formatted as text" in messages(answer)


def test_guards_are_opened_in_every_column_and_an_empty_guard_is_empty(client):
    row = f'="{MOMO}",="Mo""mo", ="Ende" ,="15.00",="3",=""\n'
    send(client, HEADER.replace("\n", ",description\n") + row)
    book = only(client)
    assert (book["title"], book["author"], book["price"]) == ('Mo"mo', "Ende", 15)
    assert (book["stock"], book["description"]) == (3, None)
    answer = send(client, HEADER + '="",a,b,1,1\n', status=422)
    assert messages(answer) == "This field is required."


@pytest.mark.parametrize(
    ("cell", "decimal", "amount"),
    [
        ("$9.90", None, "9.90"), ("9.90 EUR", None, "9.90"), ("US$ 9", None, "9"),
        (".99", None, "0.99"),
        ("1,299.00", None, "1299.00"), ("1 299.50", None, "1299.50"), ("1'299.50", None, "1299.50"),
        ("14,00 €", "comma", "14.00"), ("1.299,00", "comma", "1299.00"), ("1.200", "comma", "1200"),
        ("1.200", "point", "1.200"), ("1,200", "point", "1200"), (",99", "comma", "0.99"),
        ("-3", None, "-3"), ("€-3", None, "-3"), ("1234.500", None, "1234.500"),
        ("'12.50", None, None),
        ("1.200", None, None), ("1,200", None, None), ("14,00", None, None),
        ("1.299,00", None, None),
        ("1.20", "comma", None), ("1,20", "point", None), ("1,29,000.00", None, None),
        ("12 pieces", None, None), ("1e2", None, None), ("NaN", None, None), ("-€-3", None, None),
        ("", None, None), ("€", None, None), ("1.2.3", None, None), ("12..", None, None),
    ],
)  # fmt: skip
def test_a_price_is_read_where_it_is_clear_and_refused_with_the_option_where_not(
    cell, decimal, amount
):
    if amount is not None:
        assert str(read_price(cell, decimal)) == amount
        return
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the message is looked at below
        read_price(cell, decimal)
    message = str(refused.value)
    assert "decimal" in message or "required" in message


def test_the_option_decimal_is_taken_by_import_and_by_fixed_values(client):
    send(client, f"isbn;title;author;price\n{MOMO};M;E;14,00 €\n", "?decimal=comma")
    assert only(client)["price"] == 14
    send(client, f"isbn;price\n{MOMO};1.20\n", "?decimal=comma", status=422)
    send(client, f"isbn;title\n{MOMO};M\n", "?decimal=comma&set=price=1.200,50")
    assert only(client)["price"] == 1200.5
