"""Snapshots while others write, and books that a host's foreign key holds."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from webtest import TestApp

from pyramid_bookstore.db.engines import make_engine
from tests.support.feeds import isbn, send
from tests.support.snapshots import book_path, engine_of, file_of, members, query, stocks, take


class TestForeignKeys:
    """A host's table refers to books, as orders do."""

    @pytest.fixture
    def orders(self, database):
        engine = make_engine({"url": database})
        kind = "CHAR(32)" if engine.dialect.name == "sqlite" else "uuid"
        with engine.begin() as connection:
            connection.execute(
                text(f"CREATE TABLE orders (book_id {kind} REFERENCES bookstore_books (id))")
            )
        yield engine
        engine.dispose()

    def order(self, engine, *numbers):
        chosen = ", ".join(f"'{isbn(number)}'" for number in numbers)
        with engine.begin() as connection:
            connection.execute(
                text(f"INSERT INTO orders SELECT id FROM bookstore_books WHERE isbn IN ({chosen})")
            )

    @pytest.mark.parametrize("held", [[1], [5], [8], [3, 7]])
    def test_a_book_that_is_referred_to_refuses_the_whole_import_by_its_name(
        self, orders, make_client, database, held
    ):
        client = make_client(url=database)
        send(client, file_of(range(9)), query())
        self.order(orders, *held)
        state = stocks(client), members(client)
        body, options = file_of([0, 77], stock=9), query(absent="delete")
        dry = send(client, body, f"{options}&dry_run=true", status=409)
        answer = send(client, body, options, status=409)
        assert dry.json == answer.json
        assert answer.json["error"] == "book_in_use"
        assert answer.json["message"] == (
            f"The book {isbn(held[0])} is not in the file and cannot be deleted, because other"
            " records refer to it; nothing was written. --absent zero (over HTTP absent=zero) keeps"
            " such books, without stock."
        )
        assert (stocks(client), members(client)) == state
        send(client, file_of([0, 77], stock=9), query(absent="zero"))
        assert stocks(client) == {0: 9, 77: 9, **dict.fromkeys(range(1, 9), 0)}

    def test_one_that_is_not_absent_does_not_matter(self, orders, make_client, database):
        client = make_client(url=database)
        send(client, file_of(range(3)), query())
        self.order(orders, 1)
        for dry in ("true", "false"):
            options = query(absent="delete", dry_run=dry)
            assert send(client, file_of([1]), options).json["absent"] == 2
        assert stocks(client) == {1: 3}


@pytest.fixture
def postgres_url(postgres_backend):
    url = postgres_backend.create()
    yield url
    postgres_backend.drop(url)


@pytest.fixture
def postgres_client(postgres_url, make_app):
    return TestApp(make_app({"bookstore.sqlalchemy.url": postgres_url}))


class TestAtTheSameTime:
    def test_a_sale_that_is_under_way_comes_first_and_none_comes_after(self, client):
        """The sale is counted, the stock becomes 0, and the next sale is told so."""
        send(client, file_of([1, 2]), query())
        path = f"{book_path(client, 2)}/stock"
        engine = engine_of(client)
        with ThreadPoolExecutor(1) as pool:
            with engine.begin() as sale:
                sold = text("UPDATE bookstore_books SET stock = stock - 1 WHERE isbn = :isbn")
                sale.execute(sold, {"isbn": isbn(2)})
                answer = pool.submit(send, client, file_of([1]), query(absent="zero"))
                with pytest.raises(TimeoutError):
                    answer.result(timeout=0.3)
            assert answer.result(timeout=30).json["absent"] == 1
        assert stocks(client) == {1: 3, 2: 0}
        refused = client.post_json(path, {"delta": -1}, status=409)
        assert (refused.json["error"], refused.json["available"]) == ("insufficient_stock", 0)

    def test_a_sale_waits_for_an_import_and_finds_no_copies(self, client):
        send(client, file_of([1, 2]), query())
        path = f"{book_path(client, 2)}/stock"
        with ThreadPoolExecutor(1) as pool:
            with engine_of(client).begin() as connection:
                assert take(connection, file_of([1])).absent == 1
                sale = pool.submit(client.post_json, path, {"delta": -1}, expect_errors=True)
                with pytest.raises(TimeoutError):
                    sale.result(timeout=0.3)
            assert sale.result(timeout=30).json["error"] == "insufficient_stock"
        assert stocks(client) == {1: 3, 2: 0}

    def test_sales_and_snapshots_in_a_crowd_never_go_below_none(self, client):
        send(client, file_of(range(6), stock=40), query())
        paths = [f"{book_path(client, number)}/stock" for number in range(6)]

        def sell(path):
            answers = [client.post_json(path, {"delta": -1}, expect_errors=True) for _ in range(15)]
            return Counter(answer.status_int for answer in answers)

        with ThreadPoolExecutor(4) as pool:
            sales = [pool.submit(sell, path) for path in paths]
            for _ in range(3):
                send(client, f"isbn\n{isbn(0)}\n{isbn(1)}\n", query(absent="zero"))
            sold = [sale.result() for sale in sales]
        assert {status for each in sold for status in each} <= {200, 409}
        left = {number: 40 - sold[number][200] for number in (0, 1)}
        assert stocks(client) == left | dict.fromkeys(range(2, 6), 0)

    def test_two_imports_of_one_source_are_one_after_the_other(self, client):
        send(client, file_of([1, 2, 3]), query())
        files = [file_of([1, 2]), file_of([3])] * 3
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda body: send(client, body, query(absent="zero")), files))
        assert {answer.status_int for answer in answers} == {200}
        assert stocks(client) in ({1: 3, 2: 3, 3: 0}, {1: 0, 2: 0, 3: 3})

    @pytest.mark.parametrize("absent", ["zero", "delete"])
    def test_a_book_whose_isbn_changes_meanwhile_is_not_touched(self, postgres_client, absent):
        """It may be in the file by its new ISBN. (SQLite has one writer at a time.)"""
        client = postgres_client
        send(client, file_of([1, 2, 3]), query())
        path = book_path(client, 2)

        def change(rejects):
            client.put_json(path, {"isbn": isbn(4)})

        with engine_of(client).begin() as connection:
            take(connection, file_of([1, 4], stock=5), absent=absent, rejects=change)
        left = {3: 0} if absent == "zero" else {}
        assert stocks(client) == {1: 5, 4: 5} | left
        assert ("trade", isbn(4), False) in members(client)

    def test_a_book_that_is_deleted_meanwhile_leaves_no_member(self, postgres_client):
        """(SQLite has one writer at a time.)"""
        client = postgres_client
        send(client, file_of([1, 2]))
        path = book_path(client, 2)
        with ThreadPoolExecutor(1) as pool:
            with engine_of(client).begin() as connection:
                take(connection, file_of([1, 2]))
                gone = pool.submit(client.delete, path)
                with pytest.raises(TimeoutError):
                    gone.result(timeout=0.3)
            gone.result(timeout=30)
        assert [found for _, found, _ in members(client)] == [isbn(1)]
