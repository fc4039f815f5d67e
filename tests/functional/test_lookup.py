"""POST /books/lookup: many books at once."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.errors import ValidationFailed
from tests.support.api import BOOKS, RUST, ask, isbn, new_book
from tests.support.statements import sent

LOOKUP = f"{BOOKS}/lookup"
NONE = "01a20253-e83e-7b91-92af-097058bab2fa"


@pytest.fixture
def books(client):
    return [client.post_json(BOOKS, new_book(number)).json for number in range(5)]


def look_up(client, status=200, **body):
    return client.post_json(LOOKUP, body, status=status).json


def test_books_come_whole_and_in_the_order_asked_those_by_isbn_first(client, books):
    found = look_up(
        client,
        isbns=[books[3]["isbn"], f"ISBN-13: {'-'.join(books[1]['isbn'])}"],
        ids=[books[4]["id"], books[0]["id"].upper()],
    )
    assert found == {
        "data": [books[3], books[1], books[4], books[0]], "missing": [], "invalid": [],
    }  # fmt: skip


def test_what_is_missing_or_invalid_is_named_as_it_was_sent(client, books):
    found = look_up(
        client,
        isbns=[isbn(77), "", "12", "x" * 500, "\0"],
        ids=[NONE, "x", f"{{{books[0]['id']}}}", books[0]["id"]],
    )
    assert found["data"] == [books[0]]
    assert found["missing"] == [isbn(77), NONE]
    assert found["invalid"] == ["", "12", "x" * 500, "\0", "x", f"{{{books[0]['id']}}}"]


def test_what_is_asked_twice_comes_once(client, books):
    twice = [books[2]["isbn"], "-".join(books[2]["isbn"]), isbn(77), " " + isbn(77), "12", "12"]
    found = look_up(client, isbns=twice, ids=[books[2]["id"]] * 2)
    assert found == {"data": [books[2]], "missing": [isbn(77)], "invalid": ["12"]}


@pytest.mark.parametrize("body", [{}, {"isbns": []}, {"isbns": [], "ids": []}])
def test_who_asks_for_nothing_gets_nothing(client, body):
    assert look_up(client, **body) == {"data": [], "missing": [], "invalid": []}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"isbns": "9781718500440"}, ["isbns"]), ({"isbns": None, "ids": {}}, ["isbns", "ids"]),
        ({"isbns": ["x", 5, None], "ids": [["x"]]}, ["isbns.1", "isbns.2", "ids.0"]),
        ({"isbn": ["x"]}, ["isbn"]), ([], [""]), ({"isbns": ["x"] * 1001}, ["isbns"]),
        ({"isbns": ["x"] * 500, "ids": ["x"] * 501}, [""]),
    ],
)  # fmt: skip
def test_a_body_of_another_form_is_refused_with_every_fault(client, body, fields):
    refused = client.post_json(LOOKUP, body, status=422).json
    assert [each["field"] for each in refused["details"]] == fields


def test_a_thousand_are_found_by_two_statements(client, books, monkeypatch):
    asked = {"isbns": [isbn(number) for number in range(500)], "ids": [books[0]["id"]] * 500}
    with sent(monkeypatch) as statements:
        answer = ask(client, "POST", LOOKUP, asked)
    assert (len(answer.json["data"]), len(answer.json["missing"])) == (5, 495)
    assert len(statements) == 2, statements


def test_a_lookup_is_a_post_that_writes_nothing(client, books):
    before = client.get(BOOKS).headers["ETag"]
    look_up(client, isbns=[books[0]["isbn"]])
    assert client.get(BOOKS).headers["ETag"] == before
    assert client.get(LOOKUP, status=405).headers["Allow"] == "POST, OPTIONS"


def test_python_has_it_too(engine):
    with Session(engine) as session:
        bookstore = Bookstore.on(session)
        made = bookstore.create(RUST | {"price": 1})
        found = bookstore.lookup(isbns=[RUST["isbn"], "x"], ids=[made.id, UUID(NONE)])
        assert ([*found.books], [*found.missing]) == ([made], [NONE])
        assert [*found.invalid] == ["x"]
        assert [*bookstore.lookup(ids=(str(made.id),)).books] == [made]
        with pytest.raises(ValidationFailed):
            bookstore.lookup(isbns=[isbn(1)] * 1001)
