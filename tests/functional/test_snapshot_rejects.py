"""Rejected rows of a snapshot: their books are in the file all the same."""

from __future__ import annotations

import json

import pytest

from pyramid_bookstore.feeds.views import XLSX
from tests.support.feeds import NDJSON, isbn, send
from tests.support.sheets import xlsx
from tests.support.snapshots import book_path, file_of, members, query, rows, stocks


class TestRejectedRows:
    @pytest.mark.parametrize(
        "row",
        [
            f"{isbn(2)},Title 2,A,free,3\n",
            f'="{isbn(2)}",,A,1.00,3\n',
            f"{isbn(2)},Title 2,A,0,3\n",
            f"{isbn(1)},Title 1,A,9.99,3\n{isbn(2)},Title 2,A,x,3\n",
        ],
    )
    def test_their_books_count_as_in_the_file(self, client, row):
        send(client, file_of([1, 2, 3]), query())
        body = file_of([1]) + row
        refused = send(client, body, query(absent="delete"), status=422)
        assert refused.json["absent"] == 1
        assert stocks(client) == {1: 3, 2: 3, 3: 3}
        report = send(client, body, query(absent="delete", skip_invalid="true")).json
        assert [book["isbn"] for book in report["absent_books"]] == [isbn(3)]
        assert stocks(client) == {1: 3, 2: 3}

    def test_so_do_those_that_only_the_database_can_reject(self, client):
        """A second row of an ISBN, a new book without its fields, a free book's copies."""
        send(client, file_of([1, 2]), query())
        client.put_json(book_path(client, 2), {"price": 0, "stock": 0})
        body = f"isbn,stock\n{isbn(1)},4\n{isbn(1)},5\n{isbn(2)},5\n{isbn(9)},1\n"
        report = send(client, body, query(absent="delete", skip_invalid="true")).json
        assert (report["rejected"], report["absent"]) == (3, 0)
        assert stocks(client) == {1: 4, 2: 0}

    def test_so_do_those_of_ndjson(self, client):
        send(client, file_of([1, 2, 3]), query())
        good = {"isbn": isbn(1), "title": "Title 1", "author": "A", "price": 1}
        bad = {"isbn": f"ISBN {isbn(2)[:3]}-{isbn(2)[3:]}".removeprefix("ISBN "), "price": -1}
        body = f"{json.dumps(good)}\n{json.dumps(bad)}\n"
        report = send(client, body, query(absent="delete", skip_invalid="true"), kind=NDJSON).json
        assert [book["isbn"] for book in report["absent_books"]] == [isbn(3)]

    def test_they_are_no_books_of_the_source_yet(self, client):
        send(client, file_of([1, 2]))
        body = file_of([1]) + f"{isbn(2)},Title 2,A,x,3\n"
        send(client, body, query(absent="zero", skip_invalid="true"))
        assert [found for _, found, _ in members(client)] == [isbn(1)]

    @pytest.mark.parametrize(
        ("kind", "bad", "lines"),
        [
            ("text/csv", "9783522202559,T,A,1,1\n", " 3"),
            ("text/csv", ",T,A,1,1\n" * 2, "s 3, 4"),
            ("text/csv", "9.78352E+12,T,A,1,1\n", " 3"),
            ("text/csv", f"{isbn(3)},T\n", " 3"),
            ("text/csv", "?,T,A,1,1\n" * 13, "s 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 more"),
            (NDJSON, "{\n", " 2"),
            (NDJSON, "7\n", " 2"),
            (NDJSON, '{"title": "T"}\n', " 2"),
            (NDJSON, '{"isbn": 7}\n', " 2"),
        ],
    )
    @pytest.mark.parametrize("absent", ["zero", "delete"])
    def test_one_of_unknown_isbn_could_be_any_absent_book(self, client, kind, bad, lines, absent):
        send(client, file_of([1, 2]), query())
        good = f'{{"isbn": "{isbn(1)}"}}\n' if kind == NDJSON else file_of([1])
        options = {"absent": absent, "skip_invalid": "true"}
        answer = send(client, good + bad, query(**options), kind=kind, status=422)
        [fault] = answer.json["details"]
        assert fault["field"] == "absent"
        assert fault["message"].startswith(f"The ISBN cannot be read on line{lines}: ")
        assert stocks(client) == {1: 3, 2: 3}
        # Where nothing is absent there is nothing to fear.
        good = good + (f'{{"isbn": "{isbn(2)}"}}\n' if kind == NDJSON else rows([2]))
        assert send(client, good + bad, query(**options), kind=kind).json["absent"] == 0

    def test_an_article_that_is_no_book_cannot_be_one(self, client):
        send(client, file_of([1, 2]), query())
        body = file_of([1]) + "4006381333931,Pen,A,1.00,1\n979-0-2600-0043-8,Score,A,1.00,1\n"
        report = send(client, body, query(absent="zero", skip_invalid="true")).json
        assert (report["rejected"], report["absent"]) == (2, 1)

    def test_a_repaired_isbn_is_read(self, client):
        zeros = "0439023483"
        send(client, f"isbn,title,author,price\n{zeros},T,A,1\n{isbn(1)},T,A,1\n", query())
        body = f"isbn,title,author,price\n{zeros.lstrip('0')},T,A,x\n{isbn(1)},T,A,1\n"
        options = query(absent="delete", skip_invalid="true", repair_isbn="true")
        assert send(client, body, options).json["absent"] == 0

    def test_so_do_those_of_a_spreadsheet(self, client):
        send(client, file_of([1, 2, 3]), query())
        sheet = xlsx(
            ["isbn", "title", "author", "price"],
            [int(isbn(1)), "Title 1", "A", 1],
            [int(isbn(2)), "Title 2", "A", "free"],
        )
        options = query(absent="delete", skip_invalid="true")
        report = send(client, sheet, options, kind=XLSX).json
        assert [book["isbn"] for book in report["absent_books"]] == [isbn(3)]
