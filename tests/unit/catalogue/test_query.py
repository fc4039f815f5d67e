"""Query parameters of the list, the export and the import."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.catalogue.declared import Declared, declare
from pyramid_bookstore.catalogue.query import (
    FIELDS,
    SORT_FIELDS,
    ListQuery,
    list_query,
    parse_listing,
)
from pyramid_bookstore.catalogue.trade import TRADE
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.schema import ExportQuery, ImportQuery, parse_export, parse_import
from pyramid_bookstore.settings import Settings

LIST_PARAMETERS = [
    "page", "limit", "author", "search", "min_price", "max_price", "in_stock", "sort", "fields",
    "cursor", "count",
]  # fmt: skip
NAMES = st.sampled_from([*LIST_PARAMETERS, "format", "dry_run"]) | st.text()


def faults(parse: Any, *pairs: tuple[str, str], **more: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        parse(pairs, **more)
    assert all(fault.pointer == "" for fault in caught.value.faults)
    return {fault.field: fault.message for fault in caught.value.faults}


def test_missing_query_parameters_have_their_defaults() -> None:
    assert parse_listing([]) == ListQuery(
        filters={}, page=1, limit=20, sort=(("created_at", True),), fields=None, cursor=None,
        count=None,
    )  # fmt: skip
    assert parse_export([]) == ExportQuery(format="csv")
    assert parse_import([]) == ImportQuery(skip_invalid=False, dry_run=False)


def test_every_query_parameter_is_converted_to_its_type() -> None:
    assert parse_listing(
        [
            ("page", "2"), ("limit", "3"), ("author", " Tolkie\u0301n "), ("search", "100%_\\"),
            ("min_price", "1"), ("max_price", "9.90"), ("in_stock", "false"),
            ("sort", "-price,title"), ("fields", "price,id"), ("count", "none"),
        ]
    ) == ListQuery(
        filters={
            "author": "Tolkién", "search": "100%_\\", "min_price": Decimal(1),
            "max_price": Decimal("9.9"), "in_stock": False,
        },
        page=2, limit=3, sort=(("price", True), ("title", False)),
        fields=("id", "price"), count="none",
    )  # fmt: skip
    assert parse_listing([("cursor", "abc"), ("in_stock", "true")]) == ListQuery(
        cursor="abc", filters={"in_stock": True}
    )
    assert parse_export(iter([("format", "ndjson"), ("search", "x"), ("max_price", "0")])) == (
        ExportQuery(format="ndjson", filters={"search": "x", "max_price": Decimal(0)})
    )
    assert parse_import([("dry_run", "True"), ("skip_invalid", "1")]) == ImportQuery(True, True)


@pytest.mark.parametrize("name", ["search", "author"])
def test_an_empty_search_or_author_does_not_filter(name: str) -> None:
    assert parse_listing([(name, "")]) == parse_listing([(name, " \u3000")]) == ListQuery()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("page", ["", "0", "-1", "+1", " 1", "1.0", "1e3", "x", "٣", "１"]),
        ("page", [str(2**31), "1" + "0" * 300]),
        ("limit", ["", "0", "101", "-5", "five", "1" * 5000]),
        ("author", ["x" * 501, "a\0", "\udcff"]),
        ("search", ["x" * 501, "a\0", "\udcff", "e\u0301" * 1_000]),
        ("min_price", ["-1", "-0", "1.005", "1.", ".5", "1e3", "NaN", "1,5", "٣", "100000000"]),
        ("max_price", ["Infinity", "1_000", "0x1", "9" * 5000, "99999999.999"]),
        ("in_stock", ["2", "yes", "true ", "wahr"]),
        ("updated_since", ["2026", "2026-03-01", "2026-03-01T09:30:00", "1e9", "9:30", "0"]),
        ("updated_since", ["2026-02-30T09:30:00Z", "2026-03-01T25:00:00Z", "2026-03-01T09:30Z"]),
        ("updated_since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00", "\0"]),
        ("sort", ["", ",", "title,", "isbn", "title,title", "title,-title", "--title"]),
        ("sort", ["+title", "Title", "-"]),
        ("fields", ["", "title,", "title,title", "titles", "title id", "*", "-title"]),
        ("cursor", ["", "x" * 16_385, "\0", "\udcff"]),
        ("count", ["", "Exact", "true"]),
        ("sort_by", ["title"]), ("Page", ["1"]), ("", [""]), ("format", ["csv"]),
    ],
)  # fmt: skip
def test_an_invalid_or_unknown_query_parameter_is_refused_by_name(
    name: str, values: list[str]
) -> None:
    for value in values:
        found = faults(parse_listing, (name, value))
        assert list(found) == [name], value
        assert found[name].endswith(".")


@pytest.mark.parametrize(
    "name", ["min_price", "max_price", "in_stock", "search", "author", "updated_since"]
)
@pytest.mark.parametrize("empty", ["", " ", "\u3000", "\u200b"])
def test_an_empty_filter_as_forms_send_it_is_as_none(name: str, empty: str) -> None:
    assert parse_listing([(name, empty)]) == ListQuery()
    assert parse_export([(name, empty)]) == ExportQuery()


@pytest.mark.parametrize(("name", "meant"), [("authors", "author"), ("minprice", "min_price"),
                         ("Updated_Since", "updated_since"), ("x" * 10_000, "")])  # fmt: skip
def test_an_unknown_parameter_is_refused_with_the_nearest_and_the_list(
    name: str, meant: str
) -> None:
    message = faults(parse_listing, (name, "1"))[name]
    assert (f"Did you mean `{meant}`?" in message) is bool(meant)
    assert message.endswith("page, search, sort, updated_since.")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("q", "search"), ("title", "search"), ("isbn", "search"), ("per_page", "limit"),
     ("order_by", "sort"), ("offset", "page")],
)  # fmt: skip
def test_the_names_of_other_apis_are_answered_with_ours(name: str, meant: str) -> None:
    assert f" Did you mean `{meant}`? " in faults(parse_listing, (name, "1"))[name]
    exported = faults(parse_export, (name, "1"))[name]
    assert (f" Did you mean `{meant}`? " in exported) is (meant == "search")


@pytest.mark.parametrize(
    ("name", "value", "wrong", "near"),
    [
        ("fields", "id,titel", "titel", "title"), ("fields", "Title", "Title", "title"),
        ("sort", "-title,prize", "prize", "price"), ("sort", "title desc", "title desc", ""),
        ("sort", "--price", "-price", "price"), ("sort", "", "", ""),
        ("fields", "x" * 10_000, "x" * 40, ""), ("facets", "publishr", "publishr", "publisher"),
    ],
)  # fmt: skip
def test_a_wrong_name_in_a_list_of_names_is_named_with_the_nearest(
    name: str, value: str, wrong: str, near: str
) -> None:
    declared = Declared({each.name: each for each in TRADE})
    message = faults(parse_listing, (name, value), declared=declared)[name]
    meant = f" Did you mean `{near}`?" if near else ""
    assert message.startswith(f"There is no `{wrong}` here.{meant} The value must be a comma-")
    assert ("`-` before it sorts descending" in message) is (name == "sort")


@pytest.mark.parametrize(
    ("kind", "name", "wanted"),
    [
        ("boolean", "shelf", "true or false"), ("integer", "shelf", "a whole number"),
        ("number", "min_shelf", "a number such as 12.50, with a point"),
        ("integer", "max_shelf", "a whole number"),
    ],
)  # fmt: skip
def test_a_parameter_is_not_refused_for_being_text(kind: str, name: str, wanted: str) -> None:
    declared = Declared({"shelf": declare("shelf", kind, ["filter"])})
    found = faults(parse_listing, (name, "maybe"), declared=declared)
    assert found == {name: f"The value must be {wanted}."}


def test_a_parameter_of_the_trade_is_refused_with_the_setting_that_makes_it_one() -> None:
    for name in ("publisher", "contributor", "min_pages"):
        for parse in (parse_listing, parse_export):
            assert faults(parse, (name, "1"))[name].endswith("`bookstore.trade = true` it is one.")
    declared = Declared({each.name: each for each in TRADE})
    assert "bookstore.trade" not in faults(parse_listing, ("x", "1"), declared=declared)["x"]


@pytest.mark.parametrize("parse", [parse_listing, parse_export, parse_import])
def test_only_a_parameter_that_is_near_is_meant(parse: Any) -> None:
    message = faults(parse, ("-", "1"))["-"]
    assert "Did you mean" not in message
    known = message.removesuffix(".").rpartition(": ")[2].split(", ")
    for name in (each for each in known if len(each) > 3):
        for at in range(1, len(name)):
            for typo in (name[:at] + name[at + 1 :], name[: at + 1] + name[at:], f"{name}s"):
                assert typo in known or "Did you mean" in faults(parse, (typo, "1"))[typo]
    for other in {"sort", "page", "where", "id", "cursor"} - {*known}:
        assert "Did you mean" not in faults(parse, (other, "1"))[other]


@pytest.mark.parametrize("value", ["true", "1", "TRUE", "True"])
def test_in_stock_may_be_as_forms_send_it(value: str) -> None:
    assert parse_listing([("in_stock", value)]).filters == {"in_stock": True}
    no = {"true": "false", "1": "0", "TRUE": "FALSE", "True": "False"}[value]
    assert parse_listing([("in_stock", no)]).filters == {"in_stock": False}


def test_blanks_after_commas_are_passed_over() -> None:
    assert parse_listing([("sort", "price, -title,  stock")]).sort == (
        ("price", False), ("title", True), ("stock", False),
    )  # fmt: skip
    assert parse_listing([("fields", "title,  id")]).fields == ("id", "title")


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-01T09:30:00Z", "2026-03-01t09:30:00z", "2026-03-01T10:30:00+01:00",
        "2026-03-01T10:30:00 01:00", "2026-03-01 08:30:00.000-01:00", "2026-03-01T09:30:00.000000Z",
    ],
)  # fmt: skip
def test_a_time_may_be_in_any_form_of_rfc_3339(written: str) -> None:
    """A plus that was not escaped is a blank."""
    found = parse_listing([("updated_since", written)]).filters
    assert found == {"updated_since": datetime(2026, 3, 1, 9, 30, tzinfo=UTC)}


def test_a_list_for_python_takes_none_and_refuses_what_is_no_sequence_of_names() -> None:
    assert list_query(sort=None, facets=None) == list_query() == list_query(facets=[])
    wrong: list[Any] = [5, [5], [("title",)], [(5, True)], object()]
    for value in wrong:
        for name in ("sort", "facets"):
            assert list(faults(lambda _, **given: list_query(**given), **{name: value})) == [name]
    unknown = faults(lambda _, **given: list_query(**given), facets=["publisher"])
    assert list(unknown) == ["facets"]


def test_the_largest_allowed_values_are_accepted() -> None:
    assert parse_listing([("page", "100000"), ("limit", "1")]).page == 100_000
    assert parse_listing([("cursor", "x" * 16_384), ("author", "x" * 255)]).cursor
    assert parse_listing([("fields", ",".join(reversed(FIELDS)))]).fields == tuple(FIELDS)
    assert len(parse_listing([("sort", ",".join(SORT_FIELDS))]).sort) == len(SORT_FIELDS)


def test_the_page_size_limits_come_from_the_settings() -> None:
    assert parse_listing([], default_limit=7, max_limit=9).limit == 7
    assert parse_listing([("limit", "9")], default_limit=7, max_limit=9).limit == 9
    assert "from 1 to 9" in faults(parse_listing, ("limit", "10"), max_limit=9)["limit"]
    assert parse_listing([("limit", "100")]).limit == 100


def test_pages_end_where_the_setting_has_it_by_default() -> None:
    assert (
        list_query().max_offset == Settings.from_mapping({"sqlalchemy.url": "sqlite://"}).max_offset
    )


def test_all_faulty_parameters_are_reported_together() -> None:
    found = faults(
        parse_listing,
        ("page", "1"), ("page", "1"), ("x", "1"), ("x", "2"), ("limit", "0"), ("count", "all"),
    )  # fmt: skip
    assert found == {
        "page": "This parameter must be given once only.",
        "x": "This is not a parameter here. The parameters are: author, count, cursor, fields,"
        " in_stock, limit, max_price, min_price, page, search, sort, updated_since.",
        "limit": "The value must be a whole number from 1 to 100.",
        "count": "The value must be exact or estimated or none.",
    }


def test_rules_across_parameters_are_checked_once_each_one_is_valid() -> None:
    both = [("page", "1"), ("cursor", "c"), ("min_price", "2.01"), ("max_price", "2")]
    assert list(faults(parse_listing, *both)) == ["min_price", "page"]
    assert list(faults(parse_listing, *both, ("limit", "0"))) == ["limit"]
    assert list(faults(parse_export, *both[2:])) == ["min_price"]
    assert parse_listing([("min_price", "2"), ("max_price", "2.00")]).filters["min_price"] == 2


@pytest.mark.parametrize(
    ("parse", "pairs", "field"),
    [
        (parse_export, [("format", "xml")], "format"), (parse_export, [("page", "1")], "page"),
        (parse_export, [("format", "csv"), ("format", "csv")], "format"),
        (parse_import, [("dry_run", "on")], "dry_run"), (parse_import, [("search", "x")], "search"),
        (parse_import, [("skip_invalid", "")], "skip_invalid"),
    ],
)  # fmt: skip
def test_export_and_import_refuse_invalid_or_unknown_parameters(
    parse: Any, pairs: Any, field: str
) -> None:
    assert list(faults(parse, *pairs)) == [field]


@given(
    st.lists(
        st.tuples(st.sampled_from([*LIST_PARAMETERS, "format", "dry_run"]) | st.text(), st.text())
    )
)
def test_any_parameters_are_parsed_or_refused_by_name(pairs: list[tuple[str, str]]) -> None:
    names = {name for name, _ in pairs}
    for parse in (parse_listing, parse_export, parse_import):
        found: Iterable[Fault] = ()
        try:
            parse(pairs)
        except ValidationFailed as refused:
            found = refused.faults
        assert {fault.field for fault in found} <= names
