"""Declared fields in feeds: columns of CSV and spreadsheets, members of a line of NDJSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import colander
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyramid.config import Configurator
from webtest import TestApp

from pyramid_bookstore.feeds.importer import Importer
from pyramid_bookstore.feeds.intake import Intake
from pyramid_bookstore.feeds.options import FeedOptions
from pyramid_bookstore.web.mount import Mount
from tests.support.apps import close_app
from tests.support.examples import examples
from tests.support.feeds import EXPORT, FAUST, MOMO, NDJSON, isbn, messages, only, send
from tests.support.sheets import xlsx

FIELDS = {
    "bookstore.migrate": "true",
    "bookstore.field.publisher": "text filter facet sort search",
    "bookstore.field.pages": "integer filter sort",
    "bookstore.field.rating": "number filter",
    "bookstore.field.published": "date filter sort",
    "bookstore.field.signed": "boolean filter",
    "bookstore.field.language": "texts filter facet",
}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BOOK = "isbn,title,author,price"
ROW = f"{MOMO},Momo,Ende,15.00"
FULL = {"publisher": "Piper", "pages": 300, "rating": 4.5, "published": "2024-05",
        "signed": True, "language": ["ger", "eng"]}  # fmt: skip
COLUMNS = "publisher,pages,rating,published,signed,language"
CELLS = "Piper,300,4.5,2024-05,TRUE,ger;eng"


@pytest.fixture
def client(client_with: Callable[..., TestApp]) -> TestApp:
    return client_with(FIELDS)


def put(client: TestApp, extra: Any, number: str = MOMO) -> None:
    book = {"title": "Momo", "author": "Ende", "price": 15, "extra": extra}
    client.put_json(f"/api/v1/books/isbn/{number}", book, status=[200, 201])


def total(client: TestApp, query: str) -> int:
    found: int = client.get(f"/api/v1/books?{query}").json["total"]
    return found


def test_a_cell_becomes_the_member_and_the_book_is_found_by_it(client: TestApp) -> None:
    assert send(client, f"{BOOK},{COLUMNS}\n{ROW},{CELLS}\n").json["created"] == 1
    assert only(client)["extra"] == FULL
    assert total(client, "publisher=piper&min_pages=300&language=eng&published=2024") == 1
    assert total(client, "search=piper") == 1


def test_an_empty_cell_takes_the_member_away_and_others_stay(client: TestApp) -> None:
    put(client, {**FULL, "note": "kept"})
    report = send(client, f"isbn,publisher,pages\n{MOMO},,350\n").json
    assert (report["updated"], report["unchanged"]) == (1, 0)
    left = {**FULL, "pages": 350, "note": "kept"}
    del left["publisher"]
    assert only(client)["extra"] == left
    assert (total(client, "publisher=piper"), total(client, "pages=350")) == (0, 1)


def test_a_filled_extra_is_whole_and_a_column_adds_to_it(client: TestApp) -> None:
    put(client, {**FULL, "note": "goes"})
    extra = json.dumps({"pages": 7, "publisher": "Reclam"}).replace('"', '""')
    send(client, f'isbn,extra,publisher,rating\n{MOMO},"{extra}",,2\n')
    assert only(client)["extra"] == {"pages": 7, "publisher": "Reclam", "rating": 2}


def test_a_row_that_says_what_is_there_changes_nothing_in_any_order_of_members(
    client: TestApp,
) -> None:
    put(client, dict(reversed([*FULL.items(), ("note", {"a": [1]})])))
    before = only(client)
    report = send(client, f"isbn,{COLUMNS}\n{MOMO},{CELLS}\n").json
    assert (report["updated"], report["unchanged"]) == (0, 1)
    assert only(client) == before


def test_faults_name_the_column_and_come_with_those_of_other_cells(client: TestApp) -> None:
    answer = send(
        client,
        f"{BOOK},{COLUMNS}\n{MOMO},,Ende,15,Piper,many,x,2024-13,perhaps,{'y' * 300}\n",
        status=422,
    )
    [row] = answer.json["rejects"]
    assert [each["field"] for each in row["faults"]] == [
        "title", "pages", "rating", "published", "signed", "language.0",
    ]  # fmt: skip
    assert client.get("/api/v1/books").json["total"] == 0


def test_text_guards_are_opened_and_nothing_is_read_as_a_formula(client: TestApp) -> None:
    send(client, f'{BOOK},publisher,published\n{ROW},\'=Piper,"=""2024"""\n')
    assert only(client)["extra"] == {"publisher": "=Piper", "published": "2024"}
    assert "'=Piper" in client.get(EXPORT).text


def test_an_option_gives_a_declared_field_its_column_or_its_value(client: TestApp) -> None:
    feed = f"{BOOK},Verlag\n{ROW},Piper\n"
    send(client, feed, "?column=publisher=Verlag&set=language=ger")
    assert only(client)["extra"] == {"publisher": "Piper", "language": ["ger"]}
    refused = send(client, feed, "?column=publisher=Verlag&set=pages=many", status=422)
    assert [each["field"] for each in refused.json["details"]] == ["pages"]


def test_a_profile_fills_the_trades_fields_where_they_are_declared(
    client: TestApp, make_client: Callable[..., TestApp]
) -> None:
    feed = (
        "Title,Author,ISBN13,Publisher,Number of Pages,Year Published\n"
        f'Momo,Ende,"=""{MOMO}""",Thienemann,304,1973\n'
    )
    query = "?profile=goodreads&set=price=9.99"
    send(client, feed, query)
    assert only(client)["extra"] == {"publisher": "Thienemann", "pages": 304, "published": "1973"}
    without = make_client({"bookstore.migrate": "true"})
    send(without, feed, query)
    assert only(without)["extra"] == {}


def test_a_list_that_an_option_names_stays_a_list(client: TestApp) -> None:
    book = {"isbn": MOMO, "title": "Momo", "author": "Ende", "price": 15}
    line = json.dumps({**book, "codes": ["ger", "eng"], "houses": ["Piper", "Reclam"]})
    send(client, line, "?column=language=codes&column=publisher=houses", kind=NDJSON)
    assert only(client)["extra"] == {"language": ["ger", "eng"], "publisher": "Piper"}


def test_a_column_of_a_usual_name_is_proposed_for_a_declared_field(client: TestApp) -> None:
    refused = send(client, f"{BOOK},Verlag,Seitenzahl\n{ROW},Piper,9\n", status=422)
    assert "column=publisher=Verlag" in messages(refused)
    assert "column=pages=Seitenzahl" in messages(refused)


def test_lines_of_ndjson_may_have_declared_fields_beside_extra(client: TestApp) -> None:
    book = {"isbn": MOMO, "title": "Momo", "author": "Ende", "price": 15}
    lines = [
        {**book, "publisher": "Piper", "pages": "300", "language": ["ger"], "extra": {"a": 1}},
        {**book, "isbn": FAUST, "publisher": None, "signed": True},
    ]
    body = "\n".join(map(json.dumps, lines))
    assert send(client, body, kind=NDJSON).json["created"] == 2
    first, second = client.get("/api/v1/books?sort=created_at").json["data"]
    assert first["extra"] == {"a": 1, "publisher": "Piper", "pages": 300, "language": ["ger"]}
    assert second["extra"] == {"signed": True}
    taken = json.dumps({"isbn": FAUST, "signed": None, "publisher": "Reclam"})
    send(client, taken, "?set=pages=5", kind=NDJSON)
    assert client.get("/api/v1/books?sort=created_at").json["data"][1]["extra"] == {
        "publisher": "Reclam", "pages": 5,
    }  # fmt: skip
    wrong = json.dumps({"isbn": FAUST, "pages": [5], "title": ""})
    [row] = send(client, wrong, kind=NDJSON, status=422).json["rejects"]
    assert [each["field"] for each in row["faults"]] == ["title", "pages"]


def test_without_a_declaration_the_column_is_no_field(make_client: Callable[..., TestApp]) -> None:
    client = make_client({"bookstore.migrate": "true"})
    refused = send(client, f"{BOOK},publisher\n{ROW},Piper\n", status=422)
    assert "This is not a field of a book" in messages(refused)


def test_a_feed_without_the_columns_leaves_the_members_alone(client: TestApp) -> None:
    put(client, FULL)
    assert send(client, f"isbn,title\n{MOMO},Momo!\n").json["updated"] == 1
    assert only(client)["extra"] == FULL


def test_members_of_many_books_are_changed_page_by_page(client: TestApp) -> None:
    numbers = [isbn(number) for number in range(1_001)]
    books = "".join(f"{number},Momo,Ende,5,old,7\n" for number in numbers)
    send(client, f"{BOOK},publisher,pages\n{books}")
    feed = "isbn,publisher\n" + "".join(f"{number},new\n" for number in numbers)
    assert send(client, feed).json["updated"] == 1_001
    assert total(client, "publisher=new&pages=7") == 1_001


def test_an_extra_that_gets_too_large_is_that_row_s_fault(client: TestApp) -> None:
    put(client, {"note": "x" * 16_000})
    put(client, {"note": "x"}, FAUST)
    long = "y" * 900
    feed = f"isbn,publisher\n{MOMO},{long}\n{FAUST},{long}\n"
    answer = send(client, feed, status=422)
    [row] = answer.json["rejects"]
    assert (row["line"], row["faults"][0]["field"]) == (2, "extra")
    assert send(client, feed, "?skip_invalid=true").json["updated"] == 1
    send(client, feed.partition("\n" + FAUST)[0], status=422)
    both = json.dumps({"note": "x" * 16_000}).replace('"', '""')
    [row] = send(client, f'isbn,extra,publisher\n{MOMO},"{both}",{long}\n', status=422).json[
        "rejects"
    ]
    assert row["faults"][0]["message"].startswith("The object must have at most")


def test_a_dry_run_counts_what_columns_would_change_and_changes_nothing(client: TestApp) -> None:
    put(client, FULL)
    put(client, {}, FAUST)
    report = send(client, f"isbn,publisher\n{MOMO},Piper\n{FAUST},Reclam\n", "?dry_run=true").json
    assert (report["updated"], report["unchanged"]) == (1, 1)
    assert total(client, "publisher=reclam") == 0


class Shop(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    shelf = colander.SchemaNode(colander.String())
    floor = colander.SchemaNode(colander.Integer(), missing=1)


@pytest.fixture
def host(database: str) -> Iterator[TestApp]:
    """The application of a host that has a schema for what it does not declare."""
    config = Configurator(settings={"bookstore.sqlalchemy.url": database, **FIELDS})
    config.include("pyramid_bookstore")
    config.set_bookstore_extra_schema(Shop())
    app = config.make_wsgi_app()
    yield TestApp(app)
    close_app(app)


def test_a_new_book_needs_what_the_hosts_schema_needs_and_a_stored_one_does_not(
    host: TestApp,
) -> None:
    put(host, {"shelf": "A1"})
    feed = f"{BOOK},publisher\n{ROW},Piper\n{FAUST},Faust,Goethe,5,Reclam\n"
    answer = send(host, feed, status=422)
    [row] = answer.json["rejects"]
    assert (row["line"], row["faults"][0]["field"]) == (3, "extra.shelf")
    assert send(host, feed, "?skip_invalid=true").json["updated"] == 1
    assert only(host)["extra"] == {"shelf": "A1", "floor": 1, "publisher": "Piper"}


def test_a_row_with_an_extra_has_the_defaults_of_the_hosts_schema(host: TestApp) -> None:
    extra = json.dumps({"shelf": "A1"}).replace('"', '""')
    send(host, f'{BOOK},extra,publisher\n{ROW},"{extra}",Piper\n')
    assert only(host)["extra"] == {"shelf": "A1", "floor": 1, "publisher": "Piper"}


def test_a_spreadsheet_holds_numbers_and_dates_and_comes_back_unchanged(client: TestApp) -> None:
    rows = [[*BOOK.split(","), *COLUMNS.split(",")],
            [MOMO, "Momo", "Ende", 15, "Piper", 300, 4.5, "2024-05", True, "ger;eng"]]  # fmt: skip
    assert send(client, xlsx(*rows), kind=XLSX).json["created"] == 1
    assert only(client)["extra"] == FULL
    put(client, {"pages": 2**62, "other": "o"}, FAUST)
    sheet = client.get(f"{EXPORT}?format=xlsx").body
    assert send(client, sheet, kind=XLSX).json["unchanged"] == 2


def test_the_export_has_a_column_for_each_declared_field_and_extra_the_rest(
    client: TestApp,
) -> None:
    put(client, {**FULL, "note": "kept"})
    [row] = csv.DictReader(io.StringIO(client.get(EXPORT).text))
    assert json.loads(row["extra"]) == {"note": "kept"}
    cells = [row[name] for name in COLUMNS.split(",")]
    assert cells == ["Piper", "300", "4.5", "2024-05", "true", "ger;eng"]
    assert [*row][-6:] == COLUMNS.split(",")
    assert json.loads(client.get(f"{EXPORT}?format=ndjson").text)["extra"] == {
        **FULL, "note": "kept",
    }  # fmt: skip


def test_a_value_from_before_the_declaration_stays_in_extra(
    make_client: Callable[..., TestApp], database: str
) -> None:
    put(make_client({}, url=database), {"pages": "many", "publisher": "Piper"})
    client = make_client(FIELDS, url=database)
    [row] = csv.DictReader(io.StringIO(client.get(EXPORT).text))
    assert (row["pages"], row["publisher"]) == ("", "Piper")
    assert json.loads(row["extra"]) == {"pages": "many"}


def test_a_book_stays_as_it_was_read_until_its_feed_is_written(
    client: TestApp,
) -> None:
    put(client, {"pages": 5})
    mount = Mount.of(client.app.registry)
    options = FeedOptions(rules=mount.rules)
    with Intake(options) as intake, mount.database.writing.begin() as connection:
        intake.read(io.BytesIO(f"isbn,publisher\n{MOMO},Piper\n".encode()), "csv")
        importer = Importer(intake, connection)
        importer._stage()
        with ThreadPoolExecutor(1) as other:
            writing = other.submit(put, client, {"note": "later"})
            assert not wait([writing], timeout=0.5).done
            assert importer._merge(None, None) == (0, 1)
            connection.commit()
            writing.result()
    assert only(client)["extra"] == {"note": "later"}


_texts = st.text(min_size=1, max_size=20).filter(str.strip)
_extras = st.fixed_dictionaries(
    {},
    optional={
        "publisher": _texts,
        "pages": st.integers(-(2**63), 2**63 - 1),
        "rating": st.decimals(allow_nan=False, allow_infinity=False, places=3,
                              min_value=-(10**9), max_value=10**9).map(float),
        "published": st.dates().map(str) | st.sampled_from(["-0044", "2024", "2024-02"]),
        "signed": st.booleans(),
        "language": st.lists(_texts | st.sampled_from(["a;b", '["x"', "(A01)"]), min_size=1,
                             max_size=3),
        "note": st.none() | _texts | st.lists(st.integers(), max_size=2),
    },
)  # fmt: skip


@given(st.lists(_extras, min_size=1, max_size=5))
@settings(max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_values_an_export_is_imported_unchanged(
    client: TestApp, extras: list[dict[str, Any]]
) -> None:
    kept = 0
    for number, extra in enumerate(extras):
        book = {"title": "Momo", "author": "Ende", "price": 15, "extra": extra}
        answer = client.put_json(f"/api/v1/books/isbn/{isbn(number)}", book, status="*")
        assert answer.status_int in (200, 201, 422), answer  # some texts are no text of ours
        kept = max(kept, number + 1 if answer.status_int < 300 else 0)
    for format, kind in (("csv", "text/csv"), ("xlsx", XLSX)):
        answer = client.get(f"{EXPORT}?format={format}", status="*")
        if answer.status_int == 422:  # U+FFFE does not fit into a sheet
            continue
        report = send(client, answer.body, kind=kind).json
        assert report["unchanged"] == report["rows"] >= (kept > 0)


def test_a_text_in_a_line_of_ndjson_is_what_it_says(client: TestApp) -> None:
    texts = ["'=1+1", '="abc"', "'-"]
    for text in texts:
        line = {"isbn": MOMO, "title": "Momo", "author": "Ende", "price": 15, "publisher": text}
        send(client, json.dumps(line), kind=NDJSON)
        assert only(client)["extra"] == {"publisher": text}


def test_lines_whose_members_are_in_another_order_are_equal(client: TestApp) -> None:
    line = {"isbn": MOMO, "title": "Momo", "author": "Ende", "price": 15, **FULL}
    other = dict(reversed(line.items()))
    body = f"{json.dumps(line)}\n{json.dumps(other)}"
    assert send(client, body, kind=NDJSON).json["repeated"] == 1
    assert [*only(client)["extra"]] == COLUMNS.split(",")
