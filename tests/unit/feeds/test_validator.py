"""The fast check of an imported row gives the same result as the check by the schema."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace

import colander
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyramid_bookstore.catalogue.extra import ExtraRules
from pyramid_bookstore.catalogue.models import columns_of
from pyramid_bookstore.catalogue.schema import OTHER_ID, validate_book
from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.feeds.layout import FeedOptions
from pyramid_bookstore.feeds.staging import FEED_FIELDS, NULLABLE_FIELDS, ROW_COLUMNS
from pyramid_bookstore.feeds.staging import given as given_flag
from pyramid_bookstore.feeds.validator import RowValidator
from pyramid_bookstore.values import jsontext
from tests.support.feeds import FAUST, MOMO, isbn

#: The cells of a good row; a field that is not here has no column.
ROW = dict.fromkeys(FEED_FIELDS) | {
    "isbn": MOMO, "title": "Momo", "author": "Michael Ende", "price": "15.00", "stock": "3",
    "description": "", "extra": "{}",
}  # fmt: skip


def make(**options):
    return RowValidator(FeedOptions(**options))


def validated(validator, cells):
    """Check a row of a file that has only the columns whose cell is not None here."""
    given = [name for name, cell in zip(FEED_FIELDS, cells, strict=True) if cell is not None]
    return validator.cell_validator(given)(cells)


def named(result):
    """A row with its columns as attributes."""
    return SimpleNamespace(**dict(zip(ROW_COLUMNS, result, strict=True)))


class ExtraSchema(colander.MappingSchema):
    publisher = colander.SchemaNode(colander.String())


WITH_SCHEMA = FeedOptions(rules=ExtraRules(ExtraSchema().bind()))


def row(**changes):
    """The cells of a valid row, except for the changes."""
    return tuple((ROW | changes).values())


#: Unusual values, by field.
ODD_TEXTS = [
    "", " ", "'", "''", "'=1", "'Tis", "=1", "\0", "a\0b", "  x\t", "e\u0301", "\u212b", "ﬀ", "Å",
    "x" * 255, "x" * 256, "é" * 255, "é" * 256, "\x1c a", "\u2028", "İ", "x" * 10_000, "x" * 10_001,
    "e\u0301" * 255, "İ" * 255, "\u200b", "\ufeffMomo\u200b", "Mo\u200dmo", "a\n\tb\x07",
    "x\u200d1", "👩\u200d💻", "\u200b=1", "x" * 254 + "\u200by\u200b", "\x1f", "e\u200b\u0301",
]  # fmt: skip
ODD = {
    "isbn": [
        MOMO, FAUST, "978-3-522-20255-8", " 9783522202558", "3522202554", "351", "9783522202559",
        "9790000000001", "9771234567003", "9791090636071", "", "97835222０2558", "9783522202558\n",
        "439023483", "000000000X", "ISBN-13: 9783522202558", "\u200e9783522202558\u200b",
    ],
    "title": ODD_TEXTS,
    "author": ODD_TEXTS,
    "price": [
        "", "0", "0.0", "0.00", "1", "1.", "1.5", "01", "007.50", ".5", "-0", "-1", "+1", " 1 ",
        "1.234", "1.500", "1e2", "1,50", "1.000,50", "1,000", "99999999.99", "100000000", "NaN",
        "１", "12 €", "999999999.9",
    ],
    "stock": ["", " ", "007", "3.0", "2147483647", "2147483648", "1" * 11, "٣", "+1", "-0"],
    "description": ODD_TEXTS,
    "extra": [
        "", " ", "{}", " {} ", "null", "[]", "{", '{"a":1.50}', '{"a":1,"a":2}',
        '{"publisher":"P"}', '{"publisher":1}', '{"a":"\\ud800"}', json.dumps({"a": "x" * 17_000}),
    ],
}  # fmt: skip

texts = st.text(st.characters(codec="utf-8"), max_size=12)
odd = st.sampled_from(ODD_TEXTS)
isbns = st.one_of(st.integers(0, 999_999_999).map(isbn), st.sampled_from(ODD["isbn"]))
prices = st.one_of(st.decimals(0, 100_000_000, places=2).map(str), st.sampled_from(ODD["price"]))
stocks = st.one_of(st.integers(-5, 2**31 + 5).map(str), st.sampled_from(ODD["stock"]))
extras = st.one_of(
    st.dictionaries(texts, st.one_of(st.integers(), texts, st.none()), max_size=3).map(json.dumps),
    st.sampled_from(ODD["extra"]),
)


def maybe(strategy):
    return st.one_of(strategy, st.none())


any_text = st.one_of(texts, odd)
rows = st.tuples(
    isbns, maybe(any_text), maybe(any_text), maybe(prices), maybe(stocks), maybe(any_text),
    maybe(extras),
)  # fmt: skip
clean_rows = st.tuples(
    st.integers(0, 999_999_999).map(isbn),
    texts,
    texts,
    st.decimals("0.01", 1000, places=2).map(str),
    st.integers(0, 99).map(str),
    texts,
    st.just("{}"),
)
validators = st.sampled_from(
    [
        make(),
        RowValidator(WITH_SCHEMA),
        make(repair_isbn=True),
    ]
)


@given(
    st.one_of(rows, clean_rows).map(lambda cells: row(**dict(zip(ODD, cells, strict=True)))),
    validators,
)
def test_any_cells_get_the_same_result_from_fast_check_and_schema(cells, validator):
    assert validated(validator, cells) == validator.apply_schema_to_cells(cells)


@pytest.mark.parametrize("field", ODD)
@pytest.mark.parametrize("validator", [make(), RowValidator(WITH_SCHEMA)], ids=["plain", "host"])
def test_unusual_cells_get_the_same_result_from_fast_check_and_schema(field, validator):
    for value in [*ODD[field], None]:
        cells = row(**{field: value})
        assert validated(validator, cells) == validator.apply_schema_to_cells(cells), value


@pytest.mark.parametrize("field", ODD)
def test_unusual_json_values_get_the_same_result_from_fast_check_and_schema(field):
    validator = make()
    plain = {"isbn": MOMO, "title": "T", "author": "A", "price": 1}
    for value in [*ODD[field], "\ud800", "é\ud800", None, True, 1, -1, Decimal("1.5"), [], {}]:
        document = plain | {field: value}
        assert validator.validate_document(document) == validator.apply_schema(document), value


values = st.one_of(
    any_text, st.integers(-3, 2**31), st.decimals(0, 1000, places=2), st.none(), st.booleans(),
    st.dictionaries(texts, st.integers(), max_size=2), st.just("\ud800"), st.just([]),
    st.sampled_from([Decimal("1E+3"), Decimal("0.001"), Decimal("1E-2"), Decimal("-0")]),
)  # fmt: skip
good = st.fixed_dictionaries(
    {"isbn": isbns, "title": any_text, "author": any_text, "price": st.decimals(0, 10, places=2)},
    optional={"stock": st.integers(0, 9), "description": maybe(any_text),
              "extra": st.dictionaries(texts, st.integers(), max_size=2)},
)  # fmt: skip


@given(
    st.one_of(good, st.dictionaries(st.sampled_from([*FEED_FIELDS, "id", "other"]), values)),
    validators,
)
def test_any_json_object_gets_the_same_result_from_fast_check_and_schema(value, validator):
    if "id" in value:  # of no book, here
        assert validator.validate_document({**value})[0] == OTHER_ID
        del value["id"]
    assert validator.validate_document(value) == validator.apply_schema(value)


@given(good)
def test_an_imported_book_has_the_same_columns_as_one_sent_by_post(value):
    """An import writes the same columns as POST, the derived ones included."""
    result = make().validate_document(value)
    if isinstance(result, list):
        with pytest.raises(ValidationFailed) as refused:
            validate_book(value)
        assert sorted(result) == sorted(refused.value.faults)
        return
    columns = columns_of(validate_book(value))
    columns["extra"] = bytes(columns["extra"]).decode()
    found = vars(named(result))
    found["price"] = Decimal(found["price"])
    for name in NULLABLE_FIELDS:
        assert found.pop(given_flag(name)) is (name in value)
    assert found.pop("extra_patch") is found.pop("book_id") is None
    left_out = {"stock": 0, "extra": "{}"} | {n: "" for n in found if n.endswith("_words")}
    assert {n: left_out.get(n) if v is None else v for n, v in found.items()} == columns


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"isbn": " "}, "isbn", "required"),
        ({"isbn": "123"}, "isbn", "10 or 13 digits"),
        ({"title": ""}, "title", "required"),
        ({"title": "'"}, "title", "must not be empty"),
        ({"author": "x" * 256}, "author", "at most 255"),
        ({"price": ""}, "price", "required"),
        ({"price": "12,50"}, "price", "decimal comma"),
        ({"price": "1.234,5"}, "price", "decimal comma"),
        ({"price": "1,234"}, "price", "between thousands"),
        ({"price": "5 pieces"}, "price", "plain number"),
        ({"price": "-1"}, "price", "must be from"),
        ({"price": "0.001"}, "price", "decimals"),
        ({"price": "0"}, "price", "price above 0"),
        ({"stock": "many"}, "stock", "whole number"),
        ({"stock": "-1"}, "stock", "must be from"),
        ({"description": "x" * 10_001}, "description", "at most 10000"),
        ({"extra": "{"}, "extra", "The cell is not JSON"),
        ({"extra": "null"}, "extra", "not null"),
        ({"extra": "[]"}, "extra", "must be an object"),
        ({"extra": '{"a": "\\u0000"}'}, "extra.a", "NUL"),
    ],
)
def test_an_invalid_cell_is_reported_with_its_field_and_the_reason(changes, field, message):
    [fault] = validated(make(), row(**changes))
    assert fault.field == field
    assert fault.pointer == "/" + field.replace(".", "/")
    assert message in fault.message


def test_all_faults_of_a_row_are_reported_in_field_order():
    faults = validated(make(), row(extra="[", isbn="", price="x", title="", stock="-1"))
    assert [fault.field for fault in faults] == ["isbn", "title", "price", "stock", "extra"]


def test_the_apostrophe_that_protects_from_formulas_is_removed():
    checked = named(validated(make(), row(title="'=1", author="''=1", description="'")))
    assert (checked.title, checked.author, checked.description) == ("=1", "'=1", "")
    assert named(validated(make(), row(title="'Tis"))).title == "'Tis"


@pytest.mark.parametrize(
    ("isbn", "said"),
    [("7120273", True), ("7120274", False), ("9780007120278", False), ("x", False)],
)
def test_an_isbn_that_the_option_would_repair_is_refused_with_its_name(isbn, said):
    for refused in (
        validated(make(), row(isbn=isbn)),
        make().validate_document({"isbn": isbn, "title": "T", "author": "A", "price": 1}),
    ):
        [fault] = refused
        assert fault.message.startswith(("An ISBN ", "The check digit"))
        assert ("say --repair-isbn (over HTTP repair_isbn=true)" in fault.message) == said


def test_an_isbn_is_repaired_only_with_the_option_repair_isbn():
    lost = row(isbn="7120273")
    assert isinstance(validated(make(), lost), list)
    assert named(validated(make(repair_isbn=True), lost)).isbn == "9780007120277"
    [fault] = validated(make(repair_isbn=True), row(isbn="439023484"))
    assert fault.field == "isbn"
    assert isinstance(make(repair_isbn=True).validate_document({"isbn": 1}), list)


def test_invalid_fixed_values_are_refused_and_valid_ones_fill_every_row():
    with pytest.raises(ValidationFailed) as refused:
        make(fixed={"price": "9,99", "stock": "-1", "title": "T"})
    assert [fault.field for fault in refused.value.faults] == ["price", "stock"]
    validator = make(fixed={"price": "9.99", "stock": "2"})
    checked = named(validator.validate_document({"isbn": MOMO, "title": "T", "author": "A"}))
    assert (checked.price, checked.stock) == ("9.99", 2)


@pytest.mark.parametrize("value", [[], 1, None, "x"])
def test_an_ndjson_line_must_be_a_json_object(value):
    [fault] = make().validate_document(value)
    assert fault.field == ""
    assert "JSON object" in fault.message


def test_the_host_schema_gives_new_books_without_extra_their_default():
    class WithDefault(colander.MappingSchema):
        language = colander.SchemaNode(colander.String(), missing="de")

    validator = RowValidator(FeedOptions(rules=ExtraRules(WithDefault().bind())))
    assert jsontext.loads(validator.default_extra.encode()) == {"language": "de"}
    assert validator.faults_without_extra == []
    [fault] = RowValidator(WITH_SCHEMA).faults_without_extra
    assert fault.field == "extra.publisher"


def test_the_words_of_authors_are_right_when_their_cache_is_full(monkeypatch):
    monkeypatch.setattr("pyramid_bookstore.feeds.validator._CACHE_SIZE", 2)
    validator = make()
    for author in "ABCDABCD":
        assert named(validated(validator, row(author=author))).author_words == f" {author.lower()} "


def test_plain_rows_are_checked_without_the_schema(monkeypatch):
    """By the schema, an import would take ten times as long."""
    validator = make()
    monkeypatch.setattr(validator, "apply_schema", None)
    assert (
        named(validated(validator, row(title="Größe", description="Ä", extra='{"a":1}'))).title
        == "Größe"
    )
    assert (
        named(validated(validator, row(isbn="978-3-522-20255-8", price="1", stock=""))).price
        == "1.00"
    )
    assert validator.validate_document(
        {"isbn": MOMO, "title": "T", "author": "A", "price": Decimal("1.5")}
    )
