"""``POST /books/import``: upsert by ISBN, all rows or none, equal results on both databases."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from sqlalchemy import text

from pyramid_bookstore.web.mount import Mount
from tests.support.feeds import BOOKS, CSV, FAUST, IMPORT, MOMO, NDJSON, csv_of, send

HEADER = "isbn,title,author,price,stock\n"
MOMO_ROW = f"{MOMO},Momo,Michael Ende,15.00,3\n"
FAUST_ROW = f"{FAUST},Faust,Goethe,9.5,0\n"


def engine_of(client):
    return Mount.of(client.app.registry).database.writing


def definitions(client):
    """Every index and trigger of the books' table, as the database defines it."""
    statement = {
        "sqlite": "SELECT type, name, sql FROM sqlite_master ORDER BY name",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'bookstore%'"
        " ORDER BY indexname",
    }
    engine = engine_of(client)
    with engine.connect() as connection:
        return connection.execute(text(statement[engine.dialect.name])).all()


def counts(answer):
    return tuple(answer.json[name] for name in ("created", "updated", "unchanged", "rejected"))


def listed(client):
    return client.get(f"{BOOKS}?sort=title").json["data"]


def total(client):
    return client.get(BOOKS).json["total"]


def test_creates_books_in_the_order_of_the_file(client):
    answer = send(client, HEADER + MOMO_ROW + FAUST_ROW)
    assert answer.json == {
        "rows": 2, "created": 2, "updated": 0, "unchanged": 0, "rejected": 0,
        "dry_run": False, "rejects": [], "repeated": 0, "blank": 0, "absent": 0, "absent_books": [],
    }  # fmt: skip
    assert answer.headers["Cache-Control"] == "no-store"
    first, second = client.get(f"{BOOKS}?sort=created_at").json["data"]
    assert (first["title"], second["title"]) == ("Momo", "Faust")
    assert first["id"] < second["id"]
    assert first["id"][14] == "7"
    assert second["price"] == 9.5
    assert second["description"] is None
    assert second["extra"] == {}


def test_imported_books_are_found_by_search_and_counted(client):
    send(client, HEADER + f"{MOMO},MÖMO,Michael Énde,15.00,3\n")
    assert client.get(f"{BOOKS}?search=momo").json["total"] == 1
    assert client.get(f"{BOOKS}?author=ende").json["total"] == 1
    assert total(client) == 1


def test_a_row_updates_the_book_of_its_isbn_only_if_it_differs(client):
    send(client, HEADER + MOMO_ROW + FAUST_ROW)
    faust, momo = listed(client)
    answer = send(client, HEADER + MOMO_ROW + f"{FAUST},Faust I,Goethe,9.5,0\n")
    assert counts(answer) == (0, 1, 1, 0)
    changed, same = listed(client)
    assert same == momo
    assert changed["title"] == "Faust I"
    assert changed["updated_at"] > faust["updated_at"]
    assert (changed["id"], changed["created_at"]) == (faust["id"], faust["created_at"])
    assert client.get(f"{BOOKS}?search=faust i").json["total"] == 1


def test_a_difference_in_any_field_counts_as_an_update(client):
    full = "isbn,title,author,price,stock,description,extra\n"
    first = f'{MOMO},Momo,Ende,1.00,1,,"{{""a"":1}}"\n'
    send(client, full + first)
    for row in (
        f'{MOMO},Momo,Ende,1.00,1,new,"{{""a"":1}}"\n',
        f'{MOMO},Momo,Ende,1.00,1,new,"{{""a"":2}}"\n',
        f'{MOMO},Momo,Ende,1.00,2,new,"{{""a"":2}}"\n',
        f'{MOMO},Momo,Ende,1.01,2,new,"{{""a"":2}}"\n',
        f'{MOMO},Momo,M. Ende,1.01,2,new,"{{""a"":2}}"\n',
        f'{MOMO},Momo,M. Ende,1.01,2,,"{{""a"":2}}"\n',
    ):
        assert counts(send(client, full + row)) == (0, 1, 0, 0), row
        assert counts(send(client, full + row)) == (0, 0, 1, 0), row
    [book] = listed(client)
    assert book["extra"] == {"a": 2}
    assert book["description"] is None


def test_fields_that_are_not_in_the_file_stay_unchanged(client):
    book = {"isbn": MOMO, "title": "Momo", "author": "Ende", "price": 15, "stock": 3}
    stored = client.post_json(BOOKS, book | {"description": "x", "extra": {"a": [1]}}).json
    assert counts(send(client, f"isbn,stock\n{MOMO},7\n")) == (0, 1, 0, 0)
    [found] = listed(client)
    assert found == stored | {"stock": 7, "updated_at": found["updated_at"]}


def test_a_file_with_only_isbns_changes_nothing(client):
    send(client, HEADER + MOMO_ROW)
    assert counts(send(client, f"isbn\n{MOMO}\n")) == (0, 0, 1, 0)


def test_an_empty_cell_is_null_in_description_and_ignored_in_stock_and_extra(client):
    client.post_json(
        BOOKS,
        {"isbn": MOMO, "title": "M", "author": "E", "price": 1, "stock": 3, "description": "x",
         "extra": {"a": 1}},
    )  # fmt: skip
    header = "isbn,title,author,price,stock,description,extra\n"
    answer = send(client, header + f"{MOMO},M,E,1,,,\n{FAUST},F,G,2,,,\n")
    assert counts(answer) == (1, 1, 0, 0)
    new, old = listed(client)
    assert (old["stock"], old["description"], old["extra"]) == (3, None, {"a": 1})
    assert (new["stock"], new["description"], new["extra"]) == (0, None, {})


def test_rows_of_new_books_need_all_required_fields(client):
    send(client, HEADER + MOMO_ROW)
    answer = send(client, f"isbn,title\n{MOMO},New\n{FAUST},Faust\n", status=422)
    assert answer.json["details"] == [
        {"line": 3, "field": name, "pointer": f"/{name}", "message": "This field is required."}
        for name in ("author", "price")
    ]
    assert listed(client)[0]["title"] == "Momo"
    assert counts(send(client, f"isbn,title\n{MOMO},New\n{FAUST},F\n", "?skip_invalid=true")) == (
        0, 1, 0, 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "file"),
    [
        ({"price": 1, "stock": 3}, f"isbn,price\n{MOMO},0\n"),
        ({"price": 0, "stock": 0}, f"isbn,stock\n{MOMO},3\n"),
        ({"price": 1, "stock": 3}, f"isbn,title,author,price\n{MOMO},M,E,0.00\n"),
    ],
)
def test_a_partial_row_cannot_make_a_book_free_and_in_stock(client, stored, file):
    client.post_json(BOOKS, {"isbn": MOMO, "title": "M", "author": "E", **stored})
    answer = send(client, file, status=422)
    [detail] = answer.json["details"]
    assert (detail["line"], detail["field"]) == (2, "price")
    [book] = listed(client)
    assert (book["price"], book["stock"]) == (stored["price"], stored["stock"])


def test_one_bad_row_refuses_the_whole_import_and_nothing_is_written(client):
    bad = f"{FAUST},,Goethe,-1,x\n"
    answer = send(client, HEADER + MOMO_ROW + bad, status=422)
    problem = answer.json
    assert answer.content_type == "application/problem+json"
    assert problem["error"] == "validation_failed"
    assert [(each["line"], each["field"]) for each in problem["details"]] == [
        (3, "title"),
        (3, "price"),
        (3, "stock"),
    ]
    assert (problem["rejected"], problem["created"], problem["rows"]) == (1, 1, 2)
    assert [reject["line"] for reject in problem["rejects"]] == [3]
    assert "1 of 2" in problem["message"]
    assert total(client) == 0


def test_skip_invalid_imports_the_valid_rows_and_reports_the_others(client):
    bad = "9783866472330,Faust,Goethe,1.00,1\n"
    answer = send(client, HEADER + bad + MOMO_ROW + "x\n", "?skip_invalid=true")
    assert counts(answer) == (1, 0, 0, 2)
    assert [reject["line"] for reject in answer.json["rejects"]] == [2, 4]
    assert answer.json["rejects"][0]["faults"][0]["field"] == "isbn"
    assert total(client) == 1


def test_a_dry_run_writes_nothing_and_gives_the_same_report(client):
    send(client, HEADER + MOMO_ROW)
    file = HEADER + f"{MOMO},Momo,Ende,1.00,3\n" + FAUST_ROW
    dry = send(client, file, "?dry_run=true").json
    assert [book["title"] for book in listed(client)] == ["Momo"]
    assert listed(client)[0]["price"] == 15
    assert dry == send(client, file).json | {"dry_run": True}
    send(client, file + "x\n", "?dry_run=true", status=422)
    answer = send(client, file + "x\n", "?dry_run=true&skip_invalid=true")
    assert counts(answer) == (0, 0, 2, 1)


def test_a_second_row_with_the_same_isbn_is_rejected_and_names_the_first(client):
    file = HEADER + MOMO_ROW + FAUST_ROW + "978-3-522-20255-8,Momo,Ende,1.00,1\n" + FAUST_ROW
    answer = send(client, file, status=422)
    assert [(each["line"], each["message"]) for each in answer.json["details"]] == [
        (4, "This ISBN is on line 2 already, with other values."),
    ]
    answer = send(client, file, "?skip_invalid=true")
    assert counts(answer) == (2, 0, 0, 1)
    assert answer.json["repeated"] == 1


def test_invalid_and_duplicate_rows_are_reported_in_order_of_line(client):
    file = HEADER + MOMO_ROW + "x\n" + MOMO_ROW.replace("3", "4") + "y\n"
    answer = send(client, file, status=422)
    assert [reject["line"] for reject in answer.json["rejects"]] == [3, 4, 5]


def test_of_many_bad_rows_a_thousand_are_listed_and_all_are_counted(client):
    answer = send(client, HEADER + MOMO_ROW + "x\n" * 1502, status=422)
    assert answer.json["rejected"] == 1502
    assert len(answer.json["rejects"]) == 1000
    assert answer.json["rejects"][-1]["line"] == 1002


def test_an_import_of_several_batches_keeps_order_and_finds_duplicates(client, monkeypatch):
    monkeypatch.setattr("pyramid_bookstore.feeds.importer.BATCH", 3)
    monkeypatch.setattr("pyramid_bookstore.feeds.bulk.PAGE", 2)
    isbns = [book["isbn"] for book in csv_of(11)]
    rows = [f"{isbn},Title,Author,1.00,1\n" for isbn in isbns]
    assert counts(send(client, HEADER + "".join(rows))) == (11, 0, 0, 0)
    assert [book["isbn"] for book in client.get(f"{BOOKS}?sort=created_at").json["data"]] == isbns
    answer = send(client, HEADER + "".join(rows[:5] * 2 + rows[5:]), "?skip_invalid=true")
    assert counts(answer) == (0, 0, 11, 0)
    assert (answer.json["rows"], answer.json["repeated"]) == (16, 5)
    changed = [row.replace("1.00", "2.00") for row in rows[:5]]
    answer = send(client, HEADER + "".join(rows[:5] + changed + rows[5:]), "?skip_invalid=true")
    assert counts(answer) == (0, 0, 11, 5)
    assert [reject["line"] for reject in answer.json["rejects"]] == [7, 8, 9, 10, 11]


def test_a_large_import_into_an_empty_catalogue_restores_all_indexes(client):
    before = definitions(client)
    rows = [
        f"{book['isbn']},Title {number},Author {number % 7},1.00,{number}\n"
        for number, book in enumerate(csv_of(2500))
    ]
    assert counts(send(client, HEADER + "".join(rows))) == (2500, 0, 0, 0)
    assert total(client) == 2500
    assert client.get(f"{BOOKS}?search=title 2499").json["total"] == 1
    assert client.get(f"{BOOKS}?author=author 3&count=exact").json["total"] == 357
    page = client.get(f"{BOOKS}?sort=-stock&limit=1").json["data"]
    assert page[0]["title"] == "Title 2499"
    assert counts(send(client, HEADER + "".join(rows))) == (0, 0, 2500, 0)
    # Indexes and triggers that the import dropped exist again.
    assert definitions(client) == before


def test_ndjson_rows_create_and_update_books(client):
    lines = [
        {"isbn": "978-3-522-20255-8", "title": " Momo ", "author": "Ende", "price": 15.5,
         "stock": 2, "description": "Grey\ngentlemen", "extra": {"pages": 304, "w": 1.50}},
        {"isbn": FAUST, "title": "Faust", "author": "Goethe", "price": 3},
    ]  # fmt: skip
    body = "\n".join(json.dumps(line) for line in lines)
    assert counts(send(client, body + "\n\n", kind=NDJSON)) == (2, 0, 0, 0)
    faust, momo = listed(client)
    assert momo["title"] == "Momo"
    assert momo["description"] == "Grey\ngentlemen"
    assert momo["extra"] == {"pages": 304, "w": 1.5}
    assert faust["price"] == 3
    answer = send(client, f'{{"isbn":"{MOMO}","description":null}}\n', kind=NDJSON)
    assert counts(answer) == (0, 1, 0, 0)
    assert listed(client)[1] == momo | {
        "description": None,
        "updated_at": listed(client)[1]["updated_at"],
    }


def test_faults_in_ndjson_are_reported_with_their_lines(client):
    lines = [
        f'{{"isbn":"{MOMO}","title":"T","author":"A","price":1,"colour":"red"}}',
        "{",
        "",
        "7",
        f'{{"isbn":"{MOMO}","title":"T","author":"A","price":NaN}}',
        '{"title":"T","author":"A","price":1}',
        f'{{"isbn":"{MOMO}","title":"\\ud800","author":"A","price":1.001}}',
    ]
    answer = send(client, "\n".join(lines), kind=NDJSON, status=422)
    found = [(each["line"], each["field"], each["message"]) for each in answer.json["details"]]
    assert [each[:2] for each in found] == [
        (1, "colour"), (2, ""), (4, ""), (5, ""), (6, "isbn"), (7, ""),
    ]  # fmt: skip
    assert found[1][2].startswith("The line is not JSON")
    assert total(client) == 0


def test_a_json_list_in_ndjson_is_a_fault_of_its_line(client):
    """Only a list on the first line gets a message that the whole file is a JSON list."""
    book = f'{{"isbn":"{MOMO}","title":"T","author":"A","price":1}}'
    body = f'{book}\n[1]\n{{"isbn":"x"}}\n'
    answer = send(client, body, kind=NDJSON, status=422)
    assert [(each["line"], each["field"]) for each in answer.json["details"]] == [
        (2, ""), (3, "isbn"),
    ]  # fmt: skip
    assert answer.json["details"][0]["message"] == "The line must hold a JSON object."
    assert counts(send(client, body, "?skip_invalid=true", kind=NDJSON)) == (1, 0, 0, 2)
    [refusal] = send(client, f"[{book}]\n", kind=NDJSON, status=422).json["details"]
    assert refusal["message"].startswith("Line 1: a JSON list")


def test_the_number_of_faults_reported_for_one_row_is_limited(client):
    row = {f"{number}{'x' * 5000}": 1 for number in range(30)}
    answer = send(client, json.dumps(row), kind=NDJSON, status=422)
    [reject] = answer.json["rejects"]
    assert len(reject["faults"]) == 21
    assert "more faults" in reject["faults"][-1]["message"]
    assert len(answer.body) < 30_000


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "text/csv; charset=latin1", ""])
def test_an_import_of_another_media_type_or_charset_gets_415(client, kind):
    answer = send(client, HEADER + MOMO_ROW, kind=kind, status=415)
    assert answer.json["error"] == "unsupported_media_type"


def test_an_import_with_a_content_encoding_gets_415(client):
    send(client, HEADER, headers={"Content-Encoding": "gzip"}, status=415)


def test_the_import_has_its_own_body_size_limit(make_client):
    size = len(HEADER + MOMO_ROW)
    client = make_client(
        {"bookstore.import.max_body_size": str(size), "bookstore.max_body_size": "10"}
    )
    send(client, HEADER + MOMO_ROW)
    answer = send(client, HEADER + MOMO_ROW + "x", status=413)
    assert str(size) in answer.json["message"]


@pytest.mark.parametrize(("query", "field"), [("?skip_invalid=yes", "skip_invalid"), ("?x=1", "x")])
def test_the_import_refuses_unknown_and_invalid_parameters(client, query, field):
    answer = send(client, HEADER + MOMO_ROW, query, status=422)
    assert answer.json["details"][0]["field"] == field


def test_the_import_path_allows_only_post(client):
    assert client.get(IMPORT, status=405).headers["Allow"] == "POST, OPTIONS"


def test_imported_prices_are_exact(client):
    send(client, HEADER + f"{MOMO},M,E,99999999.99,1\n{FAUST},F,G,0.07,1\n")
    with engine_of(client).connect() as connection:
        prices = connection.execute(text("SELECT price FROM bookstore_books ORDER BY price"))
        found = [Decimal(price) for (price,) in prices]
    assert [each / found[0] for each in found] == [1, Decimal("9999999999") / 7]


def test_csv_with_bom_crlf_semicolons_and_quoted_newlines_is_read(client):
    body = (
        "\ufeffISBN; Title ;AUTHOR;price;description\r\n"
        f'{MOMO};"Momo; oder";"Ende, ""M.""";"12.50";"one\r\ntwo\n"\r\n'
        "\r\n"
        f"{FAUST};Faust;Goethe;1;\r\n"
    )
    assert counts(send(client, body)) == (2, 0, 0, 0)
    momo = listed(client)[1]
    assert (momo["title"], momo["author"]) == ("Momo; oder", 'Ende, "M."')
    assert momo["description"] == "one\r\ntwo\n"


def test_an_import_with_charset_utf_8_is_accepted(client):
    assert counts(send(client, HEADER + MOMO_ROW, kind=f"{CSV}; charset=UTF-8")) == (1, 0, 0, 0)
