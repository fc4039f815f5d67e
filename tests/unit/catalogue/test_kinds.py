"""The types of declared fields: what they take, and what a value is found and sorted by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import colander
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.catalogue.declared import declare
from pyramid_bookstore.catalogue.kind import Kind, token_of
from pyramid_bookstore.catalogue.kinds import KINDS
from pyramid_bookstore.catalogue.list_kinds import MOST, ContributorsKind
from pyramid_bookstore.search.folding import folded
from pyramid_bookstore.values.text import visible
from pyramid_bookstore.values.types import Refused

CONTRIBUTORS = ContributorsKind()
ANNA = {"name": "Anna Seghers", "role": "A01"}

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60).filter(
    lambda text: 0 < len(visible(text).strip()) <= 60
)
decimals = st.decimals(
    min_value=-(10**29), max_value=10**29, places=6, allow_nan=False, allow_infinity=False
)
days = st.dates().map(date.isoformat)
dates = st.builds(lambda day, end: day[:end], days, st.sampled_from([4, 7, 10])) | st.integers(
    1, 9999
).map(lambda year: f"-{year:04d}")
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": texts,
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": decimals | st.integers(-(10**29), 10**29),
    "date": dates,
    "boolean": st.booleans(),
    "texts": st.lists(texts, min_size=1, max_size=5),
    "contributors": st.lists(
        st.fixed_dictionaries({"name": texts, "role": st.from_regex(r"\A[A-Z][0-9]{2}\Z")}),
        min_size=1,
        max_size=5,
    ),
}
ALL: dict[str, Kind] = {**KINDS, "contributors": CONTRIBUTORS}
ORDERS: dict[str, Callable[[Any], Any]] = {
    "text": lambda text: folded(text)[:100] or "\x01",
    "integer": int,
    "number": Decimal,
    # A year before a month of it, and years before the year 1 downwards.
    "date": lambda text: (0, -int(text[1:])) if text.startswith("-") else (1, text),
}


def read(kind: str | Kind, value: Any) -> Any:
    return declare("field", ALL[kind] if isinstance(kind, str) else kind, ()).deserialize(value)


@pytest.mark.parametrize("kind", ALL)
@given(st.data())
def test_a_cell_gives_back_the_value_it_was_written_from(kind: str, data: Any) -> None:
    value = read(kind, data.draw(VALUES[kind]))
    assert read(kind, ALL[kind].from_cell(ALL[kind].to_cell(value))) == value


@pytest.mark.parametrize("kind", ORDERS)
@given(st.data())
def test_keys_sort_as_values_do_and_are_never_empty(kind: str, data: Any) -> None:
    one, other = (read(kind, data.draw(VALUES[kind])) for _ in range(2))
    typ, order = ALL[kind], ORDERS[kind]
    assert (typ.key(one) < typ.key(other)) == (order(one) < order(other))
    assert (typ.key(one) == typ.key(other)) == (order(one) == order(other))
    assert typ.key(one)
    assert typ.last_key(one) >= typ.key(one)


@pytest.mark.parametrize("kind", ALL)
@given(st.data())
def test_a_value_is_found_by_its_tokens_and_counted_by_the_token_of_its_shown_form(
    kind: str, data: Any
) -> None:
    value = read(kind, data.draw(VALUES[kind]))
    typ = ALL[kind]
    assert [*typ.tokens(value)]
    for token, shown in typ.facet_values(value):
        assert token in {*typ.tokens(value)}
        assert shown is not None


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("text", "", "must not be empty"), ("text", 5, "must be text"),
        ("text", "x" * 1001, "at most 1000"), ("text", "a\0", "NUL"), ("text", None, "null"),
        ("integer", 2**63, "from -9223372036854775808"), ("integer", -(2**63) - 1, "from"),
        ("integer", True, "whole number"), ("integer", "5", "whole number"),
        ("integer", Decimal("5.0"), "whole number"), ("integer", [5], "whole number"),
        ("number", True, "a number"), ("number", "5", "a number"), ("number", None, "a number"),
        ("number", 10**30, "30 digits"), ("number", Decimal("1e30"), "30 digits"),
        ("number", Decimal("1e-31"), "30 digits"), ("number", {}, "a number"),
        # Written out, these would need more memory than there is.
        ("number", Decimal("1e999999999999999999"), "30 digits"),
        ("number", Decimal("0e-999999999999999999"), "30 digits"),
        ("date", 2024, "a date as text"), ("date", "24", "must be YYYY"),
        ("date", "2023-02-29", "no such date"), ("date", "2023-13", "no such date"),
        ("date", "0000", "no such date"), ("date", "-0044-03", "only the year"),
        ("date", "2024-05-17T00:00", "must be YYYY"), ("date", "２０２４", "must be YYYY"),
        ("boolean", "true", "a boolean"), ("boolean", 1, "a boolean"),
        ("texts", "eng", "a list"), ("texts", [], "1 to 100"), ("texts", ["a"] * 101, "1 to 100"),
        ("contributors", [], "1 to 100"), ("contributors", "Anna", "a list"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused_with_a_reason(kind: str, value: Any, message: str) -> None:
    with pytest.raises(colander.Invalid) as refused:
        read(kind, value)
    assert message in next(iter(refused.value.asdict().values()))


def test_a_whole_number_beyond_64_bits_is_stored_as_a_decimal() -> None:
    """`extra` has no integers so large: the book could not be written back as it was read."""
    for large in (2**63, -(2**63) - 1, 10**30 - 1):
        for value in (large, Decimal(large)):
            assert str(read("number", value)) == f"{large}.0"
    for small in (2**63 - 1, -(2**63), Decimal(5)):
        assert str(read("number", small)) == str(small)


@pytest.mark.parametrize(
    ("kind", "value", "faults"),
    [
        ("texts", ["eng", 5, ""], {"field.1", "field.2"}),
        ("contributors", [ANNA, "Anna", {**ANNA, "x": 1}], {"field.1", "field.2"}),
        ("contributors", [{**ANNA, "role": "author"}], {"field.0"}),
        ("contributors", [{**ANNA, "role": None}], {"field.0"}),
        ("contributors", [{**ANNA, "role": "A01\n"}], {"field.0"}),
        ("contributors", [{**ANNA, "name": 5}, {"name": "Anna"}], {"field.0", "field.1"}),
    ],
)
def test_each_fault_of_a_list_names_its_place(kind: str, value: Any, faults: set[str]) -> None:
    with pytest.raises(colander.Invalid) as refused:
        read(kind, value)
    assert {*refused.value.asdict()} == faults


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("integer", " 352 ", 352), ("integer", "352.0", 352), ("integer", "-1", -1),
        ("integer", "many", "many"), ("integer", "352.5", "352.5"),
        ("number", "4.250", Decimal("4.250")), ("number", "1e5", "1e5"), ("number", "", ""),
        ("date", "2024", "2024"), ("date", "2024.0", "2024"), ("date", "-44", "-0044"),
        ("date", "800", "0800"), ("date", " 2024-05 ", "2024-05"), ("date", "May", "May"),
        ("date", "2024-05-17T00:00:00.5Z", "2024-05-17"), ("date", "2024-05 12:00", "2024-05"),
        ("boolean", "TRUE", True), ("boolean", "0", False), ("boolean", "1", True),
        ("boolean", "yes", "yes"), ("text", "x", "x"),
        ("texts", "eng; ger;", ["eng", "ger"]), ("texts", '["a;b"]', ["a;b"]),
        ("texts", '["a', ['["a']), ("texts", "", []),
        ("contributors", "Anna Seghers", [ANNA]),
        ("contributors", "Anna Seghers (B06); X", [{**ANNA, "role": "B06"}, {**ANNA, "name": "X"}]),
        ("contributors", '[{"name":"A;B","role":"A01"}]', [{"name": "A;B", "role": "A01"}]),
    ],
)  # fmt: skip
def test_a_cell_is_read_in_the_forms_that_tables_have(kind: str, cell: str, value: Any) -> None:
    assert ALL[kind].from_cell(cell) == value


@pytest.mark.parametrize(
    ("kind", "value", "cell"),
    [
        ("texts", ["eng", "ger"], "eng;ger"), ("texts", ["a;b"], '["a;b"]'),
        ("texts", ['["x"]'], '["[\\"x\\"]"]'),
        ("contributors", [ANNA], "Anna Seghers (A01)"),
        ("contributors", [{"name": "A;B", "role": "A01"}], '[{"name":"A;B","role":"A01"}]'),
        ("boolean", False, "false"), ("number", Decimal("1E+3"), "1000"),
    ],
)  # fmt: skip
def test_a_list_is_written_with_semicolons_unless_its_values_have_some(
    kind: str, value: Any, cell: str
) -> None:
    assert ALL[kind].to_cell(value) == cell


@pytest.mark.parametrize(
    ("kind", "value", "tokens"),
    [
        ("text", "Éditions", ["editions"]), ("integer", 5, ["5"]), ("boolean", True, ["true"]),
        ("number", Decimal("4.50"), ["4.5"]), ("number", 100, ["100"]),
        ("number", Decimal("-0.0"), ["0"]), ("number", Decimal("1E+2"), ["100"]),
        ("date", "2024-05-17", ["2024", "2024-05", "2024-05-17"]), ("date", "-0044", ["-0044"]),
        ("texts", ["Eng", "ger"], ["eng", "ger"]), ("contributors", [ANNA], ["anna seghers"]),
    ],
)  # fmt: skip
def test_tokens_are_the_folded_values(kind: str, value: Any, tokens: list[str]) -> None:
    assert [*ALL[kind].tokens(value)] == tokens


@pytest.mark.parametrize(
    ("kind", "text", "token"),
    [
        ("number", "4.50", "4.5"), ("integer", "5.0", "5"), ("boolean", "1", "true"),
        ("texts", "ENG", "eng"), ("contributors", "ANNA Seghers", "anna seghers"),
        ("date", "2024-05", "2024-05"), ("text", " Piper ", "piper"),
    ],
)  # fmt: skip
def test_a_parameter_asks_for_the_token_of_its_value(kind: str, text: str, token: str) -> None:
    assert ALL[kind].asked(text) == token


@pytest.mark.parametrize(
    ("kind", "text"),
    [("number", "x"), ("integer", "x"), ("date", "x"), ("boolean", "x"), ("text", "\0")],
)
def test_a_parameter_that_is_no_value_is_refused(kind: str, text: str) -> None:
    with pytest.raises(Refused):
        ALL[kind].asked(text)


def test_the_search_looks_into_texts_and_the_names_of_contributors() -> None:
    assert KINDS["text"].words("Piper") == "Piper"
    assert KINDS["texts"].words(["a", "b"]) == "a\nb"
    assert CONTRIBUTORS.words([ANNA, {**ANNA, "name": "X"}]) == "Anna Seghers\nX"


def test_dates_before_the_year_1_are_counted_by_their_year() -> None:
    assert [*KINDS["date"].facet_values("-0044")] == [("-0044", "-0044")]
    assert [*KINDS["date"].facet_values("2024-05-17")] == [("2024", "2024")]


def test_a_range_that_ends_with_a_year_or_month_has_all_its_days() -> None:
    kind = KINDS["date"]
    assert kind.key("2024-12-31") < kind.last_key("2024") < kind.key("2025")
    assert kind.key("2024-02-29") < kind.last_key("2024-02") < kind.key("2024-03")


def test_a_type_that_is_only_named_has_no_key() -> None:
    with pytest.raises(NotImplementedError):
        KINDS["boolean"].key(True)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=1000))
def test_a_token_is_never_longer_than_an_index_can_hold(text: str) -> None:
    token = token_of("publisher", text)
    assert len(token.encode()) <= 500
    assert token.startswith("publisher:")


def test_long_texts_that_differ_at_their_ends_have_tokens_of_their_own() -> None:
    assert len({token_of("f", "é" * 900 + end) for end in ("", "a", "b")}) == 3
    assert MOST == 100
