"""Rare cases: two faults at once, and writes that violate the rules of the database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, bindparam, event, literal_column, null, select, text, type_coerce
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from pyramid_bookstore.catalogue.schema import validate_book
from pyramid_bookstore.catalogue.store import Store
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_one_time_engine, make_reading_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.query import LeanReader, Query
from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.testing import book_fields
from pyramid_bookstore.transactions.writers import AutocommitWriter, TransactionWriter
from pyramid_bookstore.values.condition import ANY_STATE


@pytest.fixture
def reading(database: str) -> Iterator[Engine]:
    engine = make_reading_engine({"url": database})
    yield engine
    engine.dispose()


def test_an_isbn_that_violates_a_check_is_not_reported_as_a_duplicate(engine: Engine) -> None:
    with engine.connect() as connection:
        store = Store(TransactionWriter(connection, lambda: None))
        book = store.insert(validate_book(book_fields()))
        with pytest.raises(IntegrityError, match="bookstore_books_isbn_check"):
            store.update(book.id, {"isbn": "123"}, ANY_STATE)
        # The savepoint kept the transaction usable.
        assert store.require(book.id, ANY_STATE) == book


def test_a_null_timestamp_is_none_on_both_databases(reading: Engine) -> None:
    reader = LeanReader(reading, dialect_named(reading.dialect.name))
    rows = reader.rows(Query(select(type_coerce(null(), UTCDateTime()).label("moment"))), {})
    assert [tuple(row) for row in rows] == [(None,)]


def test_a_read_that_fails_outside_the_db_api_discards_its_connection(
    sqlite_backend: Any,
) -> None:
    """sqlite3 raises OverflowError, past the DB-API, for an integer of more than 64 bits."""
    engine = make_reading_engine({"url": sqlite_backend.create()})
    reader = LeanReader(engine, dialect_named("sqlite"))
    query = Query(select(bindparam("number").label("number")))
    with pytest.raises(OverflowError):
        reader.rows(query, {"number": 2**64})
    assert engine.pool.checkedout() == 0
    assert [tuple(row) for row in reader.rows(query, {"number": 7})] == [(7,)]
    engine.dispose()


def test_an_insert_that_fails_outside_the_db_api_discards_its_connection(
    sqlite_backend: Any,
) -> None:
    engine = make_reading_engine({"url": sqlite_backend.create()})
    with engine.connect() as connection:
        store = Store(AutocommitWriter(connection))
        fields = validate_book(book_fields())
        with pytest.raises(OverflowError):
            store.insert({**fields, "stock": 2**64})
        assert connection.invalidated
    with engine.connect() as connection:
        assert Store(AutocommitWriter(connection)).insert(fields).isbn == fields["isbn"]
    engine.dispose()


def test_an_insert_refused_by_a_constraint_keeps_its_connection_usable(reading: Engine) -> None:
    fields = validate_book(book_fields())
    with reading.connect() as connection:
        store = Store(AutocommitWriter(connection))
        with pytest.raises(Exception, match="bookstore_books_isbn_check") as caught:
            store.insert({**fields, "isbn": "123"})
        assert diagnose(caught.value).constraint == "bookstore_books_isbn_check"
        assert store.insert(fields).isbn == fields["isbn"]


@pytest.mark.parametrize("watched", [False, True])
def test_a_read_raises_if_its_second_connection_is_disconnected_too(
    postgres_backend: Any, watched: bool
) -> None:
    url = postgres_backend.create()
    engine, other = make_reading_engine({"url": url}), make_one_time_engine({"url": url})
    if watched:  # then it goes through SQLAlchemy, whose errors have the driver's in them
        event.listen(engine, "before_cursor_execute", lambda *_more: None)

    def end(connection: Any, *_more: Any) -> None:
        with other.begin() as admin:
            ended = text("SELECT pg_terminate_backend(:pid, 5000)")
            admin.execute(ended, {"pid": connection.info.backend_pid})

    event.listen(engine, "checkout", end)
    reader = LeanReader(engine, dialect_named("postgresql"))
    with pytest.raises(OperationalError if watched else psycopg.OperationalError):
        reader.rows(Query(select(bindparam("number", 1).label("number"))), {})
    event.remove(engine, "checkout", end)
    assert [tuple(row) for row in reader.rows(Query(select(bindparam("n", 1).label("n"))), {})]
    engine.dispose()
    postgres_backend.drop(url)


def test_a_failed_read_with_event_listeners_raises_the_database_error(reading: Engine) -> None:
    event.listen(reading, "before_cursor_execute", lambda *_more: None)
    reader = LeanReader(reading, dialect_named(reading.dialect.name))
    with pytest.raises(DBAPIError, match="nowhere"):
        reader.rows(Query(select(literal_column("nowhere").label("n"))), {})
