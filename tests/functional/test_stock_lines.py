"""`POST /stock`: several books in one change, all or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import webtest

from pyramid_bookstore import events
from tests.support.api import API, BOOKS, FixedContent, ask, assert_problem, isbn, new_book
from tests.support.statements import observed

STOCK = f"{API}/stock"


@pytest.fixture
def books(client):
    """Three books with five copies each."""
    return [client.post_json(BOOKS, new_book(number)).json for number in range(3)]


def change(client, *lines, status=200, **more):
    sent = [{"isbn" if len(book) == 13 else "id": book, "delta": delta} for book, delta in lines]
    return client.post_json(STOCK, {"lines": sent, **more}, status=status)


def stock_of(client, book):
    return client.get(f"{BOOKS}/{book['id']}").json["stock"]


def test_each_book_is_answered_with_its_stock_in_the_order_of_the_lines(client, books):
    a, b, _ = books
    answer = change(client, (b["isbn"], -2), (a["id"], 3))
    assert answer.json == {
        "lines": [
            {"id": b["id"], "isbn": b["isbn"], "stock": 3},
            {"id": a["id"], "isbn": a["isbn"], "stock": 8},
        ]
    }
    assert [stock_of(client, book) for book in books] == [8, 3, 5]


def test_an_isbn_may_be_in_any_writing(client, books):
    written = books[0]["isbn"]
    change(client, (f"{written[:3]}-{written[3:]}"[:17], -1), status=422)
    lines = [{"isbn": f"{written[:3]}-{written[3:]}", "delta": -1}]
    assert client.post_json(STOCK, {"lines": lines}).json["lines"][0]["stock"] == 4


def test_lines_of_one_book_are_added_up_first(client, books):
    a = books[0]
    answer = change(client, (a["id"], -9), (a["isbn"], 6), (a["id"], -1))
    assert answer.json["lines"] == [{"id": a["id"], "isbn": a["isbn"], "stock": 1}]
    # No line alone is too much, and all of them are.
    refused = change(client, (a["id"], -1), (a["isbn"], -1), status=409)
    assert assert_problem(refused, 409, "insufficient_stock")["lines"][0]["available"] == 1


def test_every_short_line_is_named_with_what_is_left_and_nothing_is_written(client, books):
    a, b, c = books
    content = FixedContent(client)
    refused = change(client, (a["id"], -6), (b["id"], -1), (c["isbn"], -7), status=409)
    document = assert_problem(refused, 409, "insufficient_stock")
    assert document["lines"] == [
        {"pointer": "/lines/0", "id": a["id"], "isbn": a["isbn"], "available": 5},
        {"pointer": "/lines/2", "id": c["id"], "isbn": c["isbn"], "available": 5},
    ]
    content.assert_untouched()


def test_one_short_line_is_named_by_its_isbn(client, books):
    refused = change(client, (books[0]["id"], -6), status=409)
    document = assert_problem(refused, 409, "insufficient_stock")
    assert document["detail"] == f"5 copies of ISBN {books[0]['isbn']} are left."


def test_unknown_books_are_each_named_and_nothing_is_written(client, books):
    content = FixedContent(client)
    refused = change(client, (str(uuid4()), -1), (books[0]["id"], -1), (isbn(77), 1), status=422)
    document = assert_problem(refused, 422, "validation_failed", "lines.0.id", "lines.2.isbn")
    assert [each["pointer"] for each in document["details"]] == ["/lines/0/id", "/lines/2/isbn"]
    content.assert_untouched()


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ({"isbn": isbn(0)}, ["lines.1.delta"]),
        ({"delta": 1}, ["lines.1"]),
        ({"isbn": isbn(0), "id": str(uuid4()), "delta": 1}, ["lines.1"]),
        ({"isbn": isbn(0), "delta": 1.5}, ["lines.1.delta"]),
        ({"isbn": isbn(0), "delta": True}, ["lines.1.delta"]),
        ({"isbn": isbn(0), "delta": 2**31}, ["lines.1.delta"]),
        ({"isbn": isbn(0), "delta": 10**500}, ["lines.1.delta"]),
        ({"isbn": "978", "delta": "1"}, ["lines.1.isbn", "lines.1.delta"]),
        ({"id": "none", "delta": 1}, ["lines.1.id"]),
        ({"id": 7, "delta": 1}, ["lines.1.id"]),
        ({"isbn": isbn(0), "delta": 1, "quantity": 1}, ["lines.1.quantity"]),
        ("978", ["lines.1"]),
        (None, ["lines.1"]),
    ],
)
def test_a_bad_line_is_named_with_all_its_faults(client, books, line, fields):
    content = FixedContent(client)
    lines = [{"isbn": books[0]["isbn"], "delta": -1}, line]
    assert_problem(ask(client, "POST", STOCK, {"lines": lines}), 422, "validation_failed", *fields)
    content.assert_untouched()


@pytest.mark.parametrize("writing", ["{{{}}}", "{{{}", "urn:uuid:{}", " {}", "{}\u200b"])
def test_an_id_has_one_writing(client, books, writing):
    """As in the path and in a lookup; `test_an_isbn_may_be_in_any_writing` has what differs."""
    content = FixedContent(client)
    wrong = [writing.format(books[1]["id"]), books[1]["id"].replace("-", "")]
    lines = [{"id": each, "delta": 1} for each in wrong]
    answer = ask(client, "POST", STOCK, {"lines": lines})
    assert_problem(answer, 422, "validation_failed", "lines.0.id", "lines.1.id")
    content.assert_untouched()
    change(client, (books[1]["id"].upper(), 1))


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["lines"]),
        ({"lines": []}, ["lines"]),
        ({"lines": "978"}, ["lines"]),
        ({"lines": [{"isbn": isbn(0), "delta": 1}] * 501}, ["lines"]),
        ({"lines": [{"isbn": isbn(0), "delta": 1}], "why": 1}, ["why"]),
        ({"lines": [{"isbn": isbn(0), "delta": 1}], "reason": "x" * 101}, ["reason"]),
        ({"lines": [{"isbn": isbn(0), "delta": 1}], "reason": ""}, ["reason"]),
        ({"lines": [{"isbn": isbn(0), "delta": 1}], "reference": "x" * 256}, ["reference"]),
        ({"lines": [{"isbn": isbn(0), "delta": 1}], "reference": 17}, ["reference"]),
        ([], [""]),
    ],
)
def test_a_bad_change_is_refused_with_every_fault(client, books, body, fields):
    content = FixedContent(client)
    assert_problem(ask(client, "POST", STOCK, body), 422, "validation_failed", *fields)
    content.assert_untouched()


def test_500_lines_are_two_statements(client, books):
    numbers = range(10, 110)
    for number in numbers:
        client.post_json(BOOKS, new_book(number))
    lines = [(isbn(number), -1) for number in numbers] * 5
    with observed() as statements:
        answer = change(client, *lines)
    assert len(statements.work) == 2, statements
    assert [line["stock"] for line in answer.json["lines"]] == [0] * 100


def test_lines_that_add_up_to_nothing_change_nothing(client, books):
    a, b, _ = books
    before = client.get(f"{BOOKS}/{a['id']}")
    answer = change(client, (a["id"], 3), (b["id"], 0), (a["id"], -3))
    assert [line["stock"] for line in answer.json["lines"]] == [5, 5]
    assert client.get(f"{BOOKS}/{a['id']}").headers["ETag"] == before.headers["ETag"]
    assert change(client, (a["id"], 0), (b["id"], -1)).json["lines"][1]["stock"] == 4


def test_a_stock_above_its_maximum_and_copies_of_a_free_book_are_refused(client, books):
    free = client.post_json(BOOKS, new_book(9, price=0, stock=0)).json
    content = FixedContent(client)
    refused = change(
        client, (books[0]["id"], 2**31 - 1), (books[0]["id"], 2**31 - 1), (free["id"], 1),
        (books[1]["id"], -9), status=422,
    )  # fmt: skip
    assert_problem(refused, 422, "validation_failed", "lines.0.delta", "lines.2.delta")
    content.assert_untouched()


def test_the_same_idempotency_key_changes_once(client, books):
    lines = [{"id": books[0]["id"], "delta": -2}]
    sent = {"headers": {"Idempotency-Key": "order-4711-of-the-shop"}}
    first, second = (client.post_json(STOCK, {"lines": lines}, **sent) for _ in range(2))
    assert first.body == second.body
    assert second.headers["Idempotency-Replayed"] == "true"
    assert stock_of(client, books[0]) == 3


def test_a_reason_and_a_reference_are_taken_by_a_change_of_one_book_too(client, books):
    path = f"{BOOKS}/{books[0]['id']}/stock"
    client.post_json(path, {"delta": -1, "reason": "sale", "reference": "order 17"})
    refused = ask(client, "POST", path, {"delta": -1, "reason": " ", "reference": ["17"]})
    assert_problem(refused, 422, "validation_failed", "reason", "reference")
    assert stock_of(client, books[0]) == 4


def test_a_delta_of_0_changes_nothing(client, books):
    path = f"{BOOKS}/{books[0]['id']}"
    before = client.get(path)
    answer = client.post_json(f"{path}/stock", {"delta": 0})
    assert (answer.json, answer.headers["ETag"]) == (before.json, before.headers["ETag"])
    assert_problem(ask(client, "POST", f"{BOOKS}/{uuid4()}/stock", {"delta": 0}), 404, "not_found")
    stale = client.post_json(f"{path}/stock", {"delta": 0}, headers={"If-Match": '"1"'}, status=412)
    assert_problem(stale, 412, "precondition_failed")


def test_baskets_in_opposite_orders_neither_deadlock_nor_oversell(client, books):
    """As many baskets as there are copies, each of all three books in an order of its own."""
    for book in books:
        client.put_json(f"{BOOKS}/{book['id']}", {"stock": 40})
    orders = [books, books[::-1], [books[1], books[0], books[2]]]

    def sell(number):
        lines = [(book["id"], -1) for book in orders[number % 3]]
        return change(webtest.TestApp(client.app), *lines, status="*").status_int

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(sell, range(60)))
    # On SQLite a writer may give up after its wait for the others.
    assert set(statuses) <= {200, 409, 503}
    sold = statuses.count(200)
    assert [stock_of(client, book) for book in books] == [40 - sold] * 3
    assert sold == 40 or 503 in statuses


def test_each_changed_book_is_announced(make_client):
    heard = []
    client = make_client(
        configure=lambda config: config.add_subscriber(heard.append, events.StockChanged)
    )
    a, b = (client.post_json(BOOKS, new_book(number)).json for number in range(2))
    change(client, (b["id"], -2), (a["id"], 1), (a["id"], 1))
    found = {(event.book.isbn, event.delta, event.book.stock) for event in heard}
    assert found == {(b["isbn"], -2, 3), (a["isbn"], 2, 7)}
    heard.clear()
    change(client, (b["id"], 0))
    change(client, (b["id"], -9), status=409)
    assert heard == []


def test_a_subscriber_that_raises_undoes_all_lines(make_client):
    def refuse(event):
        if event.book.isbn == isbn(1):
            raise ValueError("not this one")

    client = make_client(
        configure=lambda config: config.add_subscriber(refuse, events.StockChanged)
    )
    a, b = (client.post_json(BOOKS, new_book(number)).json for number in range(2))
    change(client, (a["id"], -1), (b["id"], -1), status=500)
    assert [stock_of(client, book) for book in (a, b)] == [5, 5]
