"""``GET /books/export``: its formats, and importing an export changes nothing."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webtest import TestApp

from pyramid_bookstore.feeds.staging import FEED_FIELDS
from pyramid_bookstore.values.text import visible
from pyramid_bookstore.web.mount import Mount
from tests.support.examples import examples
from tests.support.feeds import BOOKS, CSV, EXPORT, FAUST, MOMO, NDJSON, csv_of, isbn, send

HEADER = f"{','.join(FEED_FIELDS)}\r\n".encode()
BOOK = {"isbn": MOMO, "title": "Momo", "author": "Michael Ende", "price": 15, "stock": 3}


def as_ndjson(books):
    return "".join(json.dumps(book) + "\n" for book in books)


def pool_of(client):
    return Mount.of(client.app.registry).database.reading.pool


def test_an_export_in_csv_has_all_fields_and_a_file_name(client):
    client.post_json(BOOKS, BOOK | {"description": 'a "b"\nc', "extra": {"a": 1.50}})
    client.post_json(BOOKS, BOOK | {"isbn": FAUST, "title": "Faust; I", "price": 0.5})
    answer = client.get(EXPORT)
    assert answer.content_type == "text/csv"
    assert answer.charset == "utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="books.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body.startswith(HEADER + f"{MOMO},Momo,Michael Ende,15.00,3,".encode())
    assert '"a ""b""\nc"' in answer.text
    assert f'\r\n{FAUST},"Faust; I",' in answer.text
    momo, faust = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert momo | {"description": 'a "b"\nc', "extra": '{"a":1.5}'} == momo
    assert faust | {"price": "0.50", "description": "", "extra": "{}"} == faust


def test_csv_may_begin_with_a_byte_order_mark_that_an_import_passes_over(client, run, tmp_path):
    client.post_json(BOOKS, BOOK | {"title": "Ämter"})
    answer = client.get(f"{EXPORT}?bom=true")
    assert answer.body == b"\xef\xbb\xbf" + client.get(EXPORT).body
    assert send(client, answer.body).json["unchanged"] == 1
    run("export", str(tmp_path / "books.csv"), "--bom")
    assert (tmp_path / "books.csv").read_bytes() == b"\xef\xbb\xbf" + HEADER


@pytest.mark.parametrize("format", ["ndjson", "xlsx"])
def test_only_csv_may_begin_with_a_byte_order_mark(client, run, tmp_path, format):
    refused = client.get(f"{EXPORT}?bom=true&format={format}", status=422).json
    assert refused["details"][0]["field"] == "bom"
    done = run("export", str(tmp_path / f"books.{format}"), "--bom", code=1)
    assert "Only CSV" in done.stderr
    assert not any(tmp_path.glob("books.*"))


def test_an_export_in_ndjson_has_all_fields_and_a_file_name(client):
    client.post_json(BOOKS, BOOK | {"extra": {"a": "é"}})
    answer = client.get(f"{EXPORT}?format=ndjson")
    assert answer.content_type == NDJSON
    assert answer.headers["Content-Disposition"] == 'attachment; filename="books.ndjson"'
    start = f'{{"isbn":"{MOMO}","title":"Momo","author":"Michael Ende","price":15.00,"stock":3,'
    assert answer.body.decode().startswith(start)
    (line,) = answer.body.decode().splitlines()
    assert list(json.loads(line)) == list(FEED_FIELDS)
    assert json.loads(line)["description"] is None
    assert line.endswith(',"extra":{"a":"é"}}')


def test_the_export_of_an_empty_catalogue_can_be_imported(client):
    """Import accepts this export."""
    table, lined = client.get(EXPORT).body, client.get(f"{EXPORT}?format=ndjson").body
    assert (table, lined) == (HEADER, b"")
    for body, kind in ((table, CSV), (lined, NDJSON)):
        report = send(client, body, kind=kind).json
        assert {report[name] for name in ("created", "updated", "unchanged", "rejected")} == {0}


def test_head_of_an_export_has_its_headers_and_no_body(client):
    client.post_json(BOOKS, BOOK)
    answer = client.head(f"{EXPORT}?format=ndjson")
    assert answer.body == b""
    assert answer.content_type == NDJSON
    assert "Content-Length" not in answer.headers
    client.head(f"{EXPORT}?format=xml", status=422)


@pytest.mark.parametrize(
    ("query", "found"),
    [("author=GOETHE", 1), ("search=momo", 1), ("min_price=10", 1), ("max_price=10", 1),
     ("in_stock=false", 1), ("in_stock=true", 1), ("search=nothing", 0), ("", 2)],
)  # fmt: skip
def test_an_export_takes_the_filters_of_the_list(client, query, found):
    client.post_json(BOOKS, BOOK)
    client.post_json(
        BOOKS, {"isbn": FAUST, "title": "Faust", "author": "Göthe Goethe", "price": 1, "stock": 0}
    )
    body = client.get(f"{EXPORT}?format=ndjson&{query}").body
    assert body.count(b"\n") == found
    assert client.get(f"{BOOKS}?{query}").json["total"] == found


@pytest.mark.parametrize("query", ["format=xml", "page=2", "sort=title", "min_price=x", "limit=1"])
def test_an_export_refuses_unknown_and_invalid_parameters(client, query):
    assert client.get(f"{EXPORT}?{query}", status=422).json["error"] == "validation_failed"


def test_an_export_of_several_pages_keeps_the_order_of_creation(client, monkeypatch):
    monkeypatch.setattr("pyramid_bookstore.feeds.exporter.PAGE", 3)
    books = csv_of(10)
    send(client, as_ndjson([b | {"price": 1, "stock": 0} for b in books]), kind=NDJSON)
    rows = list(csv.reader(io.StringIO(client.get(EXPORT).text, newline="")))
    assert [row[0] for row in rows[1:]] == [book["isbn"] for book in books]
    assert client.get(f"{EXPORT}?format=ndjson&search=title").body.count(b"\n") == 10
    assert pool_of(client).checkedout() == 0


def test_a_client_that_disconnects_from_an_export_leaves_no_connection_open(client, monkeypatch):
    monkeypatch.setattr("pyramid_bookstore.feeds.exporter.PAGE", 2)
    send(client, as_ndjson([b | {"price": 1, "stock": 0} for b in csv_of(9)]), kind=NDJSON)
    environ = client.RequestClass.blank(EXPORT).environ
    chunks = client.app(environ, lambda status, headers, exc_info=None: None)
    stream = iter(chunks)
    assert next(stream) == HEADER
    assert next(stream).count(b"\n") == 2
    assert pool_of(client).checkedout() == 0
    chunks.close()
    assert list(stream) == []


def test_an_export_inside_a_transaction_shows_its_uncommitted_books(testapp, monkeypatch):
    """This is so in the tests of a host, where nothing is committed."""
    monkeypatch.setattr("pyramid_bookstore.feeds.exporter._FILE_BLOCK", 10)
    testapp.post_json(BOOKS, BOOK)
    assert testapp.get(EXPORT).body.startswith(HEADER + MOMO.encode())
    send(testapp, testapp.get(EXPORT).body.replace(b"Momo", b"Momo II"))
    assert b"Momo II" in testapp.get(f"{EXPORT}?format=ndjson").body


def test_spreadsheet_formulas_are_escaped_in_csv_and_restored_on_import(client):
    for number, title in enumerate(("=1+1", "+1", "-1", "@SUM(A1)", "＝1", "'=x", "'Tis")):
        book = {"isbn": isbn(number), "title": title, "description": "\t=2"}
        client.post_json(BOOKS, BOOK | book)
    rows = list(csv.reader(io.StringIO(client.get(EXPORT).text, newline="")))
    assert [row[1] for row in rows[1:]] == [
        "'=1+1", "'+1", "'-1", "'@SUM(A1)", "'＝1", "''=x", "'Tis",
    ]  # fmt: skip
    assert {row[5] for row in rows[1:]} == {"'\t=2"}
    assert send(client, client.get(EXPORT).body).json["unchanged"] == 7


texts = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
    st.text("'=+-@\t\r\n \",;ab", min_size=1, max_size=8),
)
catalogues = st.lists(
    st.fixed_dictionaries(
        {
            "title": texts.filter(lambda text: visible(text).strip()),
            "author": texts.filter(lambda text: visible(text).strip()),
            "price": st.integers(1, 99),
            "stock": st.integers(0, 9),
            "description": st.one_of(st.none(), st.just(""), texts),
            "extra": st.dictionaries(texts, st.one_of(texts, st.integers(), st.none()), max_size=2),
        }
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(catalogues)
def test_export_import_export_gives_the_same_bytes(committing, books):
    app, empty = committing({})
    client = TestApp(app)
    empty()
    lines = [book | {"isbn": isbn(number)} for number, book in enumerate(books)]
    send(client, as_ndjson(lines), "?skip_invalid=true", kind=NDJSON)
    table, lined = client.get(EXPORT).body, client.get(f"{EXPORT}?format=ndjson").body
    # An import into the same catalogue changes nothing; one into an empty catalogue restores it.
    again = send(client, table).json
    assert again["unchanged"] == lined.count(b"\n")
    for body, kind in ((table, CSV), (lined, NDJSON)):
        if not lined:
            break
        empty()
        send(client, body, kind=kind)
        assert client.get(EXPORT).body == table
        assert client.get(f"{EXPORT}?format=ndjson").body == lined
