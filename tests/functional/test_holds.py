"""Holds: copies that are kept for a customer who pays."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
import webtest
from sqlalchemy import create_engine, text

from pyramid_bookstore import events
from pyramid_bookstore.catalogue import availability, listing
from pyramid_bookstore.catalogue.service import CatalogueService
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.errors import BookNotFound, BookstoreError, HoldNotFound
from pyramid_bookstore.stock import holds as holds_module
from pyramid_bookstore.stock import shelf as shelf_module
from pyramid_bookstore.values import moments
from pyramid_bookstore.web.mount import Mount
from tests.support.api import API, BOOKS, ask, assert_problem, isbn, new_book
from tests.support.catalogue import book_row, fill

HOLDS = f"{API}/holds"
NO_ID = "01a20253-e83e-7b91-92af-097058bab2fa"


@pytest.fixture
def client(client_with):
    return client_with({"bookstore.holds": "true"})


@pytest.fixture
def books(client):
    """Three books with five copies each."""
    return [client.post_json(BOOKS, new_book(number)).json for number in range(3)]


class Clock:
    """Moves the time at which holds are looked at."""

    def __init__(self, monkeypatch):
        self.ahead = timedelta()
        for module in (availability, holds_module, listing, shelf_module):
            monkeypatch.setattr(module, "now", lambda: moments.now() + self.ahead)

    def move(self, **by):
        self.ahead += timedelta(**by)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def hold(client, *lines, status=201, **more):
    sent = [
        {"isbn" if len(book) == 13 else "id": book, "quantity": quantity}
        for book, quantity in lines
    ]
    return client.post_json(HOLDS, {"lines": sent, **more}, status=status)


def path_of(placed):
    return f"{HOLDS}/{placed.json['id']}"


def numbers(client, book):
    """Stock and what is available of it."""
    found = client.get(f"{BOOKS}/{book['id']}").json
    return found["stock"], found["available"]


class TestPlacing:
    def test_available_sinks_and_stock_does_not(self, client, books):
        a, b, _ = books
        placed = hold(client, (b["isbn"], 2), (a["id"], 3), (b["id"], 1), ttl=900, reference="b1")
        assert placed.json["lines"] == [
            {"id": b["id"], "isbn": b["isbn"], "quantity": 3},
            {"id": a["id"], "isbn": a["isbn"], "quantity": 3},
        ]
        assert set(placed.json) == {"id", "lines", "expires_at"}
        assert placed.headers["Location"].endswith(path_of(placed))
        assert client.get(path_of(placed)).json == placed.json
        assert [numbers(client, book) for book in books] == [(5, 2), (5, 2), (5, 5)]

    def test_all_lines_are_held_or_none(self, client, books):
        a, b, _ = books
        hold(client, (a["id"], 4))
        refused = hold(client, (b["id"], 1), (a["id"], 2), status=409)
        document = assert_problem(refused, 409, "insufficient_stock")
        short = {"pointer": "/lines/1", "id": a["id"], "isbn": a["isbn"], "available": 1}
        assert document["lines"] == [short]
        assert numbers(client, b) == (5, 5)

    @pytest.mark.parametrize("quantity", [0, -1, 1.5, "1", True, None, 2**31])
    def test_a_quantity_is_a_whole_number_above_0(self, client, books, quantity):
        body = {"lines": [{"id": books[0]["id"], "quantity": quantity}]}
        refused = ask(client, "POST", HOLDS, body)
        assert_problem(refused, 422, "validation_failed", "lines.0.quantity")

    @pytest.mark.parametrize("ttl", [0, -5, 3601, 31_536_000, 1.5, "900"])
    def test_a_ttl_is_within_the_setting(self, client, books, ttl):
        body = {"lines": [{"id": books[0]["id"], "quantity": 1}], "ttl": ttl}
        assert_problem(ask(client, "POST", HOLDS, body), 422, "validation_failed", "ttl")
        placed = path_of(hold(client, (books[0]["id"], 1)))
        assert_problem(ask(client, "PATCH", placed, {"ttl": ttl}), 422, "validation_failed", "ttl")

    def test_what_is_no_id_or_isbn_is_named_with_the_books_that_are_unknown(self, client, books):
        wrong = [{"id": "none"}, {"isbn": isbn(77)}, {"isbn": "9780"}, {"id": NO_ID}]
        lines = [{"id": books[0]["id"]}, *wrong]
        named = ["lines.1.id", "lines.2.isbn", "lines.3.isbn", "lines.4.id"]
        for path, number in ((HOLDS, {"quantity": 1}), (f"{API}/stock", {"delta": -1})):
            sent = {"lines": [{**line, **number} for line in lines]}
            document = assert_problem(ask(client, "POST", path, sent), 422, "validation_failed")
            assert [each["field"] for each in document["details"]] == named
            sent = {"lines": [{**wrong[0], **number}]}
            refused = ask(client, "POST", path, sent)
            assert_problem(refused, 422, "validation_failed", "lines.0.id")
            sent = {"lines": [{**wrong[0], **number}, {"id": NO_ID, **number}]}
            refused = ask(client, "POST", path, sent)
            assert_problem(refused, 422, "validation_failed", "lines.0.id", "lines.1.id")
            sent = {"lines": [wrong[0]]}  # what is wrong with the lines comes first
            refused = ask(client, "POST", path, sent)
            missing = f"lines.0.{next(iter(number))}"
            assert_problem(refused, 422, "validation_failed", "lines.0.id", missing)

    def test_unknown_books_and_fields_are_named(self, client, books):
        refused = hold(client, (isbn(77), 1), (books[0]["id"], 1), status=422)
        assert_problem(refused, 422, "validation_failed", "lines.0.isbn")
        refused = hold(client, (books[0]["id"], 1), until="tomorrow", status=422)
        assert_problem(refused, 422, "validation_failed", "until")
        lines = [{"id": books[0]["id"], "quantity": 1}] * 501
        assert_problem(ask(client, "POST", HOLDS, {"lines": lines}), 422, "validation_failed")

    def test_the_same_idempotency_key_holds_once(self, client, books):
        body = {"lines": [{"id": books[0]["id"], "quantity": 2}]}
        sent = {"headers": {"Idempotency-Key": "basket-4711-of-the-shop"}}
        first, second = (client.post_json(HOLDS, body, **sent) for _ in range(2))
        assert first.json == second.json
        assert first.headers["Location"] == second.headers["Location"]
        assert numbers(client, books[0]) == (5, 3)


class TestEnding:
    def test_a_commit_takes_the_copies_out_of_stock_once(self, client, books):
        placed = hold(client, (books[0]["id"], 2), (books[1]["id"], 5))
        committed = client.post(f"{path_of(placed)}/commit").json
        assert committed == {**placed.json, "committed": True}
        assert [numbers(client, book) for book in books] == [(3, 3), (0, 0), (5, 5)]
        again = client.post(f"{path_of(placed)}/commit", status=409)
        document = assert_problem(again, 409, "hold_over")
        assert document["detail"] == "The hold is over: it was committed."
        assert numbers(client, books[0]) == (3, 3)

    def test_a_commit_with_a_key_is_answered_again(self, client, books):
        placed = hold(client, (books[0]["id"], 2))
        sent = {"headers": {"Idempotency-Key": "commit-4711-of-the-shop"}}
        first, second = (client.post(f"{path_of(placed)}/commit", **sent) for _ in range(2))
        assert first.json == second.json
        assert numbers(client, books[0]) == (3, 3)

    def test_a_release_gives_the_copies_back(self, client, books):
        placed = hold(client, (books[0]["id"], 2))
        client.delete(path_of(placed), status=204)
        assert numbers(client, books[0]) == (5, 5)

    def test_what_is_over_can_be_neither_read_nor_ended_nor_prolonged(self, client, books):
        placed = hold(client, (books[0]["id"], 2))
        client.delete(path_of(placed))
        for method, path, body in self.everything(path_of(placed)):
            refused = ask(client, method, path, body)
            document = assert_problem(refused, 409, "hold_over")
            assert document["detail"] == "The hold is over: it was released."

    @pytest.mark.parametrize("name", [NO_ID, "none", f"{NO_ID}0", "1" * 32])
    def test_an_id_that_is_none_is_not_found(self, client, name):
        for method, path, body in self.everything(f"{HOLDS}/{name}"):
            document = assert_problem(ask(client, method, path, body), 404, "not_found")
            assert document["detail"] == "There is no such hold."

    @staticmethod
    def everything(path):
        return [
            ("GET", path, None),
            ("PATCH", path, {"ttl": 9}),
            ("DELETE", path, None),
            ("POST", f"{path}/commit", None),
        ]

    def test_a_patch_prolongs(self, client, books, clock):
        placed = hold(client, (books[0]["id"], 2), ttl=60)
        clock.move(seconds=50)
        prolonged = client.patch_json(path_of(placed), {"ttl": 60}).json
        assert prolonged["expires_at"] > placed.json["expires_at"]
        clock.move(seconds=50)
        assert client.get(path_of(placed)).json == prolonged
        assert numbers(client, books[0]) == (5, 3)
        assert_problem(ask(client, "PATCH", path_of(placed), {}), 422, "validation_failed", "ttl")
        kind = {"Content-Type": "application/merge-patch+json"}
        body = b'{"ttl": 5, "lines": []}'
        refused = ask(client, "PATCH", path_of(placed), body, kind)
        assert_problem(refused, 422, "validation_failed", "lines")

    def test_a_hold_runs_out_by_itself(self, client, books, clock):
        placed = hold(client, (books[0]["id"], 5), ttl=60)
        clock.move(seconds=61)
        assert numbers(client, books[0]) == (5, 5)
        for method, path, body in self.everything(path_of(placed)):
            document = assert_problem(ask(client, method, path, body), 409, "hold_over")
            assert document["detail"] == "The hold is over: it has run out."

    def test_a_commit_a_microsecond_too_late_is_refused(self, client, books, monkeypatch):
        placed = hold(client, (books[0]["id"], 5), ttl=60)
        end = moments.datetime.fromisoformat(placed.json["expires_at"])
        monkeypatch.setattr(holds_module, "now", lambda: end)
        assert_problem(ask(client, "POST", f"{path_of(placed)}/commit"), 409, "hold_over")
        monkeypatch.setattr(holds_module, "now", lambda: end - timedelta(microseconds=1))
        client.post(f"{path_of(placed)}/commit", status=200)

    def test_a_hold_that_ends_between_the_look_and_the_write_is_over(
        self, client, books, monkeypatch
    ):
        placed = hold(client, (books[0]["id"], 5), ttl=60)
        end = moments.datetime.fromisoformat(placed.json["expires_at"])
        looks = iter([end - timedelta(seconds=1)] * 2)
        monkeypatch.setattr(holds_module, "now", lambda: next(looks, end))
        refused = ask(client, "POST", f"{path_of(placed)}/commit")
        assert_problem(refused, 409, "hold_over")
        monkeypatch.undo()
        assert numbers(client, books[0]) == (5, 0)

    def test_copies_of_a_hold_that_ran_out_are_sold_at_once(self, client, books, clock):
        placed = hold(client, (books[0]["id"], 5), ttl=60)
        path = f"{BOOKS}/{books[0]['id']}/stock"
        assert_problem(ask(client, "POST", path, {"delta": -1}), 409, "insufficient_stock")
        clock.move(seconds=61)
        assert client.post_json(path, {"delta": -4}).json["available"] == 1
        assert_problem(ask(client, "POST", f"{path_of(placed)}/commit"), 409, "hold_over")
        assert numbers(client, books[0]) == (1, 1)

    def test_a_clock_set_back_neither_revives_nor_doubles(self, client, books, clock):
        """What was given back stays so, of each book by itself."""
        a, b, _ = books
        placed = hold(client, (a["id"], 5), (b["id"], 5), ttl=60)
        clock.move(seconds=61)
        client.post_json(f"{BOOKS}/{a['id']}/stock", {"delta": -5})
        clock.move(hours=-1)
        assert_problem(ask(client, "POST", f"{path_of(placed)}/commit"), 409, "hold_over")
        assert numbers(client, a) == (0, 0)
        assert numbers(client, b) == (5, 0)
        clock.move(hours=1)
        assert numbers(client, b) == (5, 5)

    def test_a_clock_that_jumps_never_sells_a_copy_twice(self, client, books, clock):
        """What ran out and was not cleaned up lives again with the clock; its copies were held all
        the time, so nobody else has them."""
        chosen, placed, committed, sold = random.Random(4), [], set(), Counter()
        ids = [book["id"] for book in books]
        for _ in range(250):
            number, book = chosen.randint(0, 2), chosen.choice(ids)
            path = chosen.choice(placed) if placed else None
            match chosen.randint(0, 6):
                case 0:
                    clock.move(seconds=chosen.choice([-3600, -61, 61, 3600]))
                case 1:
                    sale = {"lines": [{"id": book, "delta": -number}]}
                    if ask(client, "POST", f"{API}/stock", sale).status_int == 200:
                        sold[book] += number
                case 2 if number:
                    sale = ask(client, "POST", f"{BOOKS}/{book}/stock", {"delta": -number})
                    if sale.status_int == 200:
                        sold[book] += number
                case 3:
                    lines = chosen.sample(ids, 2)
                    made = hold(client, *((each, 1) for each in lines), ttl=60, status="*")
                    if made.status_int == 201:
                        placed.append(path_of(made))
                case 4 if path:
                    lines = ask(client, "GET", path).json.get("lines", ())
                    if ask(client, "POST", f"{path}/commit").status_int == 200:
                        assert lines
                        assert path not in committed
                        committed.add(path)
                        sold.update({line["id"]: line["quantity"] for line in lines})
                case 5 if path:
                    ask(client, "DELETE", path)
                case 6 if path:
                    ask(client, "PATCH", path, {"ttl": 60})
            for book in ids:
                stock, free = numbers(client, {"id": book})
                assert stock + sold[book] == 5
                assert 0 <= free <= stock
        assert len(committed) > 1
        assert sold.total() > 5
        clock.move(days=1)
        for book in books:
            stock, free = numbers(client, book)
            assert stock == free

    def test_what_ran_out_is_cleaned_up_by_the_next_holds(self, client, books, clock):
        for _ in range(5):
            hold(client, (books[0]["id"], 1), (books[1]["id"], 1), ttl=60)
        client.delete(f"{BOOKS}/{books[1]['id']}")
        clock.move(days=2)
        hold(client, (books[2]["id"], 1), ttl=60)
        engine = create_engine(client.app.registry["bookstore"].database.writing.url)
        with engine.connect() as connection:
            left = connection.scalar(text("SELECT count(*) FROM bookstore_hold_lines"))
            known = connection.scalar(text("SELECT count(*) FROM bookstore_holds"))
            held = connection.scalar(text("SELECT sum(held) FROM bookstore_books"))
        engine.dispose()
        assert (left, known, held) == (1, 1, 1)

    def test_what_ran_out_of_other_books_is_given_back_in_passing(self, client, books, clock):
        a, b, _ = books
        hold(client, (a["id"], 2), ttl=60)
        clock.move(seconds=61)
        hold(client, (b["id"], 1), ttl=60)
        off = "SELECT sum(held) FROM bookstore_books"
        engine = make_one_time_engine({"url": Mount.of(client.app.registry).database.writing.url})
        with engine.connect() as connection:
            assert connection.scalar(text(off)) == 1


class TestSales:
    def test_sales_and_holds_together_never_take_more_than_there_is(self, client, books):
        a = books[0]
        hold(client, (a["id"], 3))
        path = f"{BOOKS}/{a['id']}/stock"
        refused = ask(client, "POST", path, {"delta": -3})
        assert assert_problem(refused, 409, "insufficient_stock")["available"] == 2
        lines = [{"id": a["id"], "delta": -3}]
        refused = ask(client, "POST", f"{API}/stock", {"lines": lines})
        assert assert_problem(refused, 409, "insufficient_stock")["lines"][0]["available"] == 2
        sold = client.post_json(f"{API}/stock", {"lines": [{"id": a["id"], "delta": -2}]})
        assert sold.json["lines"][0]["available"] == 0
        assert numbers(client, a) == (3, 0)

    def test_a_stock_set_below_what_is_held_is_taken_and_the_commit_refused(self, client, books):
        a, b, _ = books
        placed = hold(client, (b["id"], 1), (a["id"], 4))
        assert client.put_json(f"{BOOKS}/{a['id']}", {"stock": 2}).json["available"] == 0
        refused = ask(client, "POST", f"{path_of(placed)}/commit")
        document = assert_problem(refused, 409, "insufficient_stock")
        short = {"pointer": "/lines/1", "id": a["id"], "isbn": a["isbn"], "available": 2}
        assert document["lines"] == [short]
        # Copies may come in, and then it is committed.
        client.post_json(f"{BOOKS}/{a['id']}/stock", {"delta": 2})
        client.post(f"{path_of(placed)}/commit")
        assert [numbers(client, book) for book in (a, b)] == [(0, 0), (4, 4)]

    def test_every_line_that_is_short_at_the_commit_is_named_in_its_order(self, client, books):
        a, b, c = (book["id"] for book in books)
        placed = hold(client, (a, 3), (b, 3), (c, 3))
        client.put_json(f"{BOOKS}/{a}", {"stock": 1})
        client.delete(f"{BOOKS}/{b}")
        refused = client.post(f"{path_of(placed)}/commit", status=409)
        short = [(each["pointer"], each["id"], each["available"]) for each in refused.json["lines"]]
        assert short == [("/lines/0", a, 1), ("/lines/1", b, 0)]
        assert numbers(client, books[2]) == (5, 2)

    def test_a_book_that_is_deleted_is_short_at_the_commit(self, client, books):
        a, b, _ = books
        placed = hold(client, (a["id"], 1), (b["id"], 2))
        client.delete(f"{BOOKS}/{a['id']}")
        refused = ask(client, "POST", f"{path_of(placed)}/commit")
        document = assert_problem(refused, 409, "insufficient_stock")
        short = {"pointer": "/lines/0", "id": a["id"], "isbn": a["isbn"], "available": 0}
        assert document["lines"] == [short]
        client.delete(path_of(placed))
        assert numbers(client, b) == (5, 5)

    def test_an_import_leaves_holds_alone(self, client, books):
        placed = hold(client, (books[0]["id"], 4))
        file = f"isbn,stock,available\n{books[0]['isbn']},9,1\n".encode()
        client.post(f"{BOOKS}/import", file, content_type="text/csv")
        assert numbers(client, books[0]) == (9, 5)
        client.post(f"{path_of(placed)}/commit")
        assert numbers(client, books[0]) == (5, 5)

    def test_a_hold_is_committed_once_or_not_at_all_whoever_races(self, client, books):
        """Commits and releases at once: one of them wins, and the copies are there once."""
        placed = [path_of(hold(client, (books[0]["id"], 1), (books[1]["id"], 1))) for _ in range(5)]

        def end(number):
            path = placed[number // 4]
            own = webtest.TestApp(client.app)
            if number % 2:
                return own.delete(path, status="*").status_int
            return own.post(f"{path}/commit", status="*").status_int

        with ThreadPoolExecutor(8) as pool:
            statuses = [*pool.map(end, range(20))]
        for at in range(5):
            assert sorted(statuses[at * 4 : at * 4 + 4])[1:] == [409] * 3, statuses
        committed = statuses.count(200)
        assert numbers(client, books[0]) == (5 - committed,) * 2
        assert numbers(client, books[1]) == (5 - committed,) * 2

    def test_holds_and_sales_at_once_do_not_oversell(self, client, books):
        def take(number):
            own = webtest.TestApp(client.app)
            if number % 3 == 0:
                path = f"{BOOKS}/{books[0]['id']}/stock"
                return own.post_json(path, {"delta": -1}, status="*").status_int
            chosen = books[:2] if number % 3 == 1 else books[1::-1]
            return hold(own, *((book["id"], 1) for book in chosen), status="*").status_int

        with ThreadPoolExecutor(8) as pool:
            statuses = [*pool.map(take, range(30))]
        assert set(statuses) <= {200, 201, 409, 503}
        stock, free = numbers(client, books[0])
        assert stock == 5 - statuses.count(200)
        assert free == stock - statuses.count(201)


class TestReading:
    def test_in_stock_means_available(self, client, books):
        a, b, c = books
        hold(client, (a["id"], 5), (b["id"], 1))
        client.put_json(f"{BOOKS}/{c['id']}", {"stock": 0})

        def found(wanted, *more):
            query = "&".join((f"in_stock={wanted}", "fields=isbn,available", *more))
            page = client.get(f"{BOOKS}?{query}").json
            assert page["total"] == len(page["data"])
            return {book["isbn"]: book["available"] for book in page["data"]}

        for more in ((), ("sort=title",), ("search=book",), ("sort=stock,-title",)):
            assert found("true", *more) == {b["isbn"]: 4}
            assert found("false", *more) == {a["isbn"]: 0, c["isbn"]: 0}
        for count in ("estimated", "none"):
            page = client.get(f"{BOOKS}?in_stock=false&count={count}&limit=1").json
            assert page["next_cursor"]
            rest = client.get(f"{BOOKS}?in_stock=false&limit=1&cursor={page['next_cursor']}").json
            assert {each["data"][0]["isbn"] for each in (page, rest)} == {a["isbn"], c["isbn"]}

    @pytest.mark.parametrize(
        "more", ["", "&min_price=1", "&search=book", "&max_price=1&sort=-title"]
    )
    def test_totals_of_very_many_are_of_what_is_available(self, client, clock, more):
        engine = make_one_time_engine({"url": Mount.of(client.app.registry).database.writing.url})
        fill(engine, (book_row(number, stock=number % 3) for number in range(1, 3601)))
        held = [str(UUID(int=number)) for number in range(1, 31) if number % 3]
        hold(client, *((book, 1) for book in held), ttl=60)
        shown = f"limit=1{more}"
        none, some = (0, 0) if "max_price" in more else (1210, 2390)
        for count in ("exact", "estimated"):
            page = client.get(f"{BOOKS}?in_stock=true&count={count}&{shown}").json
            assert page["total"] == some
            page = client.get(f"{BOOKS}?in_stock=false&count={count}&{shown}").json
            assert page["total"] == none
        clock.move(seconds=61)
        page = client.get(f"{BOOKS}?in_stock=true&{shown}").json
        assert page["total"] == (some and some + 10)

    def test_the_etag_tells_of_what_is_available_and_if_match_of_the_book_alone(
        self, client, books, clock
    ):
        path = f"{BOOKS}/{books[0]['id']}"
        before = client.get(path)
        known = {"If-None-Match": before.headers["ETag"]}
        client.get(path, headers=known, status=304)
        hold(client, (books[0]["id"], 1), ttl=60)
        assert client.get(path, headers=known, status=200).json["available"] == 4
        clock.move(seconds=61)
        client.get(path, headers=known, status=304)
        dated = {"If-Modified-Since": before.headers["Last-Modified"]}
        client.get(path, headers=dated, status=200)
        sent = {"headers": {"If-Match": before.headers["ETag"]}}
        client.put_json(path, {"title": "Other"}, **sent, status=200)
        client.put_json(path, {"title": "Another"}, **sent, status=412)

    def test_a_412_has_the_etag_that_a_get_gives(self, client, books):
        hold(client, (books[0]["id"], 2))
        path = f"{BOOKS}/{books[0]['id']}"
        by_isbn = f"{BOOKS}/isbn/{books[0]['isbn']}"
        tag = client.get(path).headers["ETag"]
        assert tag.endswith('-3"')
        whole = {name: books[0][name] for name in ("title", "author", "price", "stock")}
        for method, where, body in (
            ("PUT", path, {"stock": 1}),
            ("PATCH", path, {"extra": {"a": 1}}),
            ("DELETE", path, None),
            ("POST", f"{path}/stock", {"delta": -1}),
            ("POST", f"{path}/stock", {"delta": 0}),
            ("PUT", by_isbn, whole),
        ):
            for condition in ({"If-Match": '"1"'}, {"If-None-Match": tag}):
                if where != by_isbn or "If-Match" in condition:
                    refused = ask(client, method, where, body, condition)
                    document = assert_problem(refused, 412, "precondition_failed")
                    assert (document["etag"], refused.headers["ETag"]) == (tag, tag)
        refused = ask(client, "PUT", by_isbn, whole, {"If-None-Match": "*"})
        assert_problem(refused, 412, "precondition_failed")
        assert refused.headers["ETag"] == tag

    def test_a_412_of_a_book_that_is_gone_meanwhile_has_the_tag_that_it_had(
        self, client, books, monkeypatch
    ):
        monkeypatch.setattr(CatalogueService, "get", Mock(side_effect=BookNotFound))
        refused = ask(client, "PUT", f"{BOOKS}/{books[0]['id']}", {"stock": 1}, {"If-Match": '"1"'})
        assert_problem(refused, 412, "precondition_failed")
        assert refused.headers["ETag"]

    def test_every_answer_with_a_book_has_what_is_available(self, client, books):
        hold(client, (books[0]["id"], 2))
        path = f"{BOOKS}/{books[0]['id']}"
        by_isbn = f"{BOOKS}/isbn/{books[0]['isbn']}"
        whole = {name: books[0][name] for name in ("title", "author", "price", "stock")}
        answers = [
            client.get(path),
            client.get(by_isbn),
            client.put_json(path, {"title": "A"}),
            client.patch_json(path, {"title": "B"}),
            client.put_json(by_isbn, whole),
            client.post_json(f"{path}/stock", {"delta": 1}),
        ]
        assert [answer.json["available"] for answer in answers] == [3, 3, 3, 3, 3, 4]
        assert client.post_json(BOOKS, new_book(9)).json["available"] == 5
        assert client.get(BOOKS).json["data"][-1]["available"] == 4

    @pytest.mark.parametrize("format", ["csv", "ndjson"])
    def test_an_export_has_what_is_available_and_is_taken_back(self, client, books, format):
        hold(client, (books[0]["id"], 2))
        file = client.get(f"{BOOKS}/export?format={format}")
        assert "available" in file.text
        report = client.post(f"{BOOKS}/import", file.body, content_type=file.content_type)
        assert report.json["unchanged"] == 3
        some = client.get(f"{BOOKS}/export?format=csv&in_stock=true").text.splitlines()
        assert some[0].endswith(",available")
        assert [line.rsplit(",", 1)[1] for line in some[1:]] == ["3", "5", "5"]

    def test_a_catalogue_without_books_has_empty_lists(self, client):
        assert client.get(BOOKS).json["data"] == []
        assert client.get(f"{BOOKS}?in_stock=false").json["total"] == 0
        assert client.get(f"{BOOKS}/export?format=ndjson").body == b""

    def test_a_spreadsheet_has_what_is_available(self, client, books):
        pytest.importorskip("xlsxwriter")
        hold(client, (books[0]["id"], 2))
        file = client.get(f"{BOOKS}/export?format=xlsx")
        report = client.post(f"{BOOKS}/import", file.body, content_type=file.content_type)
        assert report.json["unchanged"] == 3

    def test_available_is_read_only(self, client, books):
        refused = ask(client, "POST", BOOKS, new_book(9, available=3))
        assert_problem(refused, 422, "validation_failed", "available")


class TestPython:
    @pytest.fixture
    def make(self, make_client):
        def make(view, **more):
            def configure(config):
                config.add_route("sell", "/sell")
                config.add_view(view, route_name="sell", renderer="json")
                config.include("pyramid_tm")
                config.add_subscriber(heard.append, events.HoldEvent)

            heard = []
            client = make_client({"bookstore.holds": "true", **more}, configure=configure)
            return client, heard

        return make

    def test_a_refusal_leaves_a_hosts_transaction_usable(self, make):
        def view(request):
            store = request.bookstore
            book = store.create(new_book(1))
            placed = store.hold([{"isbn": book.isbn, "quantity": 4}], ttl=5, reference="b")
            store.update(book.id, {"stock": 3})
            problems = []
            for attempt in (
                lambda: store.commit_hold(placed.id),
                lambda: store.hold([{"id": book.id, "quantity": 1}]),
                lambda: store.change_stocks([{"id": book.id, "delta": -1}]),
                lambda: store.get_hold("none"),
                lambda: store.release_hold(uuid4()),
            ):
                try:
                    attempt()
                except BookstoreError as error:
                    problems.append(error.code)
            store.change_stock(book.id, 1)
            prolonged = store.prolong_hold(str(placed.id), 50)
            found = store.get_hold(placed.id)
            store.commit_hold(placed.id)
            return [problems, prolonged == found, found.reference, store.get(book.id).available]

        client, heard = make(view)
        short = "insufficient_stock"
        problems = [short, short, short, "not_found", "not_found"]
        assert client.get("/sell").json == [problems, True, "b", 0]
        assert [type(event).__name__ for event in heard] == ["HoldPlaced", "HoldCommitted"]

    def test_a_release_is_announced(self, make):
        def view(request):
            store = request.bookstore
            book = store.create(new_book(1))
            placed = store.hold([{"id": book.id, "quantity": 4}])
            return store.release_hold(placed.id) == placed

        client, heard = make(view)
        assert client.get("/sell").json is True
        assert [type(event).__name__ for event in heard] == ["HoldPlaced", "HoldReleased"]
        assert isinstance(heard[0].hold.id, UUID)

    def test_without_the_setting_nothing_can_be_held(self, make_client):
        def view(request):
            for attempt in (
                lambda: request.bookstore.hold([]),
                lambda: request.bookstore.movements(uuid4()),
            ):
                with pytest.raises(RuntimeError, match=r"the setting bookstore\."):
                    attempt()
            return {}

        def configure(config):
            config.add_route("sell", "/sell")
            config.add_view(view, route_name="sell", renderer="json")

        client = make_client(configure=configure)
        assert client.get("/sell").json == {}
        assert client.get(HOLDS, status=404)
        assert "available" not in client.post_json(BOOKS, new_book(1)).json

    def test_holds_that_are_switched_off_keep_nothing(self, backend, make_client):
        url = backend.create()
        on = make_client({"bookstore.holds": "true"}, url=url)
        book = on.post_json(BOOKS, new_book(1)).json
        hold(on, (book["id"], 5))
        off = make_client(url=url)
        lines = [{"id": book["id"], "delta": -3}]
        assert off.post_json(f"{API}/stock", {"lines": lines}).json["lines"][0]["stock"] == 2
        off.post_json(f"{BOOKS}/{book['id']}/stock", {"delta": -1})
        assert numbers(on, book) == (1, 0)
        backend.drop(url)


def test_an_id_of_another_kind_is_not_found():
    from pyramid_bookstore.stock.hold_service import _parse

    with pytest.raises(HoldNotFound):
        _parse(SimpleNamespace())


@pytest.mark.parametrize(
    ("path", "name", "number"), [("stock", "delta", -1), ("holds", "quantity", 1)]
)
def test_a_row_that_the_database_does_not_write_undoes_all(
    make_client, database, path, name, number
):
    """A trigger of somebody's skips one book: the guard is in the statement that writes."""
    client = make_client({"bookstore.holds": "true"}, url=database)
    engine = make_one_time_engine({"url": database})
    a, b = [client.post_json(BOOKS, new_book(number)).json for number in range(2)]
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(
                "CREATE TRIGGER skip BEFORE UPDATE ON bookstore_books"
                f" WHEN old.isbn = '{a['isbn']}' BEGIN SELECT RAISE(IGNORE); END"
            )
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
                f" $$ BEGIN IF old.isbn = '{a['isbn']}' THEN RETURN NULL; END IF;"
                " RETURN new; END $$"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER skip BEFORE UPDATE ON bookstore_books"
                " FOR EACH ROW EXECUTE FUNCTION skip()"
            )
    lines = [{"id": book["id"], name: number} for book in (a, b)]
    refused = ask(client, "POST", f"{API}/{path}", {"lines": lines})
    assert_problem(refused, 503, "unavailable")
    assert [numbers(client, book) for book in (a, b)] == [(5, 5), (5, 5)]
