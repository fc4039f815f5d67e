"""The table of sources: it follows the books, whoever deletes them, and comes and goes alone."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import insert, inspect, make_url, text

from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.engines import make_engine
from tests.support.catalogue import book_row

FILL = text("INSERT INTO bookstore_sources SELECT 'trade', id, false FROM bookstore_books")
MEMBERS = text("SELECT count(*) FROM bookstore_sources")
BOOKS = text("SELECT count(*) FROM bookstore_books")


@pytest.fixture
def filled(engine):
    with engine.begin() as connection:
        connection.execute(insert(Book), [book_row(number) for number in range(1, 6)])
        connection.execute(FILL)
    return engine


def count(engine, what=MEMBERS):
    with engine.connect() as connection:
        return connection.scalar(what)


def test_members_go_with_the_books_of_a_statement_and_no_others(filled):
    with filled.begin() as connection:
        some = "SELECT isbn FROM bookstore_books ORDER BY isbn LIMIT 2"
        connection.execute(text(f"DELETE FROM bookstore_books WHERE isbn IN ({some})"))
        left = text("SELECT count(*) FROM bookstore_sources JOIN bookstore_books ON book_id = id")
        assert connection.scalar(MEMBERS) == connection.scalar(left) == 3


def test_a_connection_that_ignores_foreign_keys_leaves_no_member_on_sqlite(filled):
    if filled.dialect.name == "sqlite":
        plain = sqlite3.connect(make_url(filled.url).database)
        plain.execute("DELETE FROM bookstore_books")
        plain.commit()
        plain.close()
        assert count(filled) == 0


def test_the_migration_goes_down_and_up_with_books_and_members_there(filled):
    migrations.downgrade(filled, "bookstore_0004")
    assert not inspect(filled).has_table("bookstore_sources")
    with filled.begin() as connection:
        some = "SELECT isbn FROM bookstore_books ORDER BY isbn LIMIT 1"
        connection.execute(text(f"DELETE FROM bookstore_books WHERE isbn IN ({some})"))
    migrations.upgrade(filled)
    assert (count(filled), count(filled, BOOKS)) == (0, 4)
    with filled.begin() as connection:
        connection.execute(FILL)
    for revision in ("bookstore_0003", "base"):
        migrations.downgrade(filled, revision)
    migrations.upgrade(filled)
    assert count(filled) == 0


class TestPostgreSQL:
    @pytest.fixture
    def filled(self, postgres_backend):
        url = postgres_backend.create()
        engine = make_engine({"url": url})
        with engine.begin() as connection:
            connection.execute(insert(Book), [book_row(number) for number in range(1, 6)])
            connection.execute(FILL)
        yield engine
        engine.dispose()
        postgres_backend.drop(url)

    def test_a_truncate_of_the_books_alone_empties_it(self, filled):
        with filled.begin() as connection:
            connection.execute(text("TRUNCATE bookstore_books"))
        assert count(filled) == 0

    def test_tables_may_be_truncated_in_any_order(self, filled):
        with filled.begin() as connection:
            connection.execute(text("TRUNCATE bookstore_sources"))
            connection.execute(text("TRUNCATE bookstore_totals, bookstore_sources"))
            connection.execute(text("TRUNCATE bookstore_books, bookstore_sources"))
        assert (count(filled), count(filled, BOOKS)) == (0, 0)

    def test_it_is_found_with_another_search_path(self, filled):
        """And no other table of its name, such as a temporary one."""
        with filled.begin() as connection:
            connection.execute(text("CREATE TEMPORARY TABLE bookstore_sources (book_id uuid)"))
            connection.execute(text("SET LOCAL search_path = pg_catalog"))
            connection.execute(text("DELETE FROM public.bookstore_books"))
            assert connection.scalar(text("SELECT count(*) FROM public.bookstore_sources")) == 0
