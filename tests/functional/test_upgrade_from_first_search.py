"""A database with the first search becomes one with the search of today, its books untouched."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import delete, insert, inspect, make_url, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.catalogue.models import Book, columns_of
from pyramid_bookstore.db import migrations, revision
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.search.words import stored
from tests.support import first_search, reading
from tests.support.api import isbn
from tests.support.catalogue import book_row
from tests.support.searching import WORDS

ROWS = [
    book_row(
        number,
        title=f"{word} and {WORDS[-number]}",
        author=f"J. R. R. {word}",
        isbn=isbn(number * 7919),
        stock=number % 3,
        description=None if number % 2 else "Kept.",
        extra={"n": number},
    )
    for number, word in enumerate(WORDS, start=1)
]
KEPT = "seq, id, title, author, isbn, price, stock, description, extra, created_at, updated_at"


def books(engine):
    """All columns but those of the search, as the database has them."""
    columns = KEPT if engine.dialect.name == "sqlite" else KEPT.removeprefix("seq, ")
    columns = columns.replace("extra", "CAST(extra AS text)")
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT {columns} FROM bookstore_books ORDER BY isbn"))
        return [tuple(row) for row in rows]


def schema(engine):
    """The whole schema: on SQLite its SQL, on PostgreSQL what the catalogues say."""
    if engine.dialect.name == "sqlite":
        query = "SELECT type, name, sql FROM sqlite_master WHERE name LIKE '%bookstore%'"
        with engine.connect() as connection:
            found = connection.execute(text(query)).all()
        # SQLite writes a renamed column with quotes.
        return {
            (kind, name, " ".join((sql or "").replace('"', "").split()))
            for kind, name, sql in found
        }
    queries = (
        "SELECT 'column', table_name || '.' || column_name, concat_ws(' ', data_type,"
        " is_nullable, collation_name, column_default) FROM information_schema.columns"
        " WHERE table_name LIKE 'bookstore%'",
        "SELECT 'index', indexname, indexdef || coalesce(obj_description("
        "indexname::regclass, 'pg_class'), '') FROM pg_indexes WHERE indexname LIKE 'bookstore%'",
        "SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc"
        " WHERE proname LIKE 'bookstore%'",
        "SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE tgname LIKE 'bookstore%'",
        "SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conname LIKE 'bookstore%'",
        "SELECT 'table', relname, reloptions::text FROM pg_class WHERE relname LIKE 'bookstore%'",
        "SELECT 'extension', extname, '' FROM pg_extension",
    )
    with engine.connect() as connection:
        return {tuple(row) for query in queries for row in connection.execute(text(query))}


def found(engine, search):
    with Session(engine) as session:
        return {book.isbn for book in Bookstore.on(session).list(search=search, limit=1000).books}


def assert_searchable(engine, rows):
    for search in (
        "the",
        "国",
        "c++",
        "???",
        "jrr",
        "o'reilly",
        "and sea",
        "1984",
        rows[3]["isbn"],
    ):
        assert found(engine, search) == {row["isbn"] for row in reading.found(rows, search)}, search
    with engine.connect() as connection:
        query = text("SELECT title, author, title_words, author_words FROM bookstore_books")
        for row in connection.execute(query):
            assert (row.title_words, row.author_words) == (stored(row.title), stored(row.author))


@pytest.fixture
def old(backend):
    """An engine on a database with the first search and some books."""
    url = backend.create()
    engine = make_engine({"url": url})
    migrations.downgrade(engine, "base")
    first_search.make(engine, ROWS)
    yield engine
    engine.dispose()
    backend.drop(url)


def test_the_books_stay_and_are_found(old):
    before = books(old)
    assert len(before) == len(ROWS)
    migrations.upgrade(old)
    with old.connect() as connection:
        assert revision.is_current(connection)
    assert books(old) == before
    assert_searchable(old, ROWS)


def test_nothing_of_the_old_search_is_left(old, engine):
    """The schema is that of a new database, to the last trigger."""
    migrations.upgrade(old)
    assert schema(old) == schema(engine)


def test_the_index_follows_the_changes_after_the_upgrade(old):
    migrations.upgrade(old)
    with old.begin() as connection:
        connection.execute(
            update(Book).where(Book.stock == 0).values(columns_of({"title": "Changed C++ 国"}))
        )
        connection.execute(delete(Book).where(Book.stock == 1))
        connection.execute(insert(Book), [book_row(900, title="The New One", isbn=isbn(5))])
    rows = [
        row | ({"title": "Changed C++ 国"} if row["stock"] == 0 else {})
        for row in ROWS
        if row["stock"] != 1
    ]
    assert_searchable(old, [*rows, book_row(900, title="The New One", isbn=isbn(5))])


def test_more_books_than_a_batch_are_all_given_their_words(old):
    with old.begin() as connection:
        many = [
            book_row(number, title=f"Tome {number}", isbn=isbn(10**8 + number))
            for number in range(2000, 12_500)
        ]
        first_search.insert(connection, many)
    migrations.upgrade(old)
    with old.connect() as connection:
        query = text("SELECT count(*) FROM bookstore_books WHERE title_words NOT LIKE ' % '")
        assert connection.execute(query).scalar() == 0
        query = text("SELECT count(*) FROM bookstore_books WHERE title_words LIKE ' tome %'")
        assert connection.execute(query).scalar() == len(many)


def test_it_can_be_taken_down_and_up_again(old, engine):
    migrations.upgrade(old)
    before = books(old)
    migrations.downgrade(old, "bookstore_0002")
    migrations.upgrade(old)
    assert books(old) == before
    assert_searchable(old, ROWS)
    migrations.downgrade(old, "base")
    assert inspect(old).get_table_names() == [revision.VERSION_TABLE]


def test_a_downgrade_drops_the_extension_that_the_first_search_created(old):
    if old.dialect.name == "postgresql":
        migrations.upgrade(old)
        migrations.downgrade(old, "base")
        with old.connect() as connection:
            query = text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'")
            assert connection.execute(query).scalar() == 0


def test_a_failed_upgrade_leaves_the_old_database_as_it_was(old):
    before, old_schema = books(old), schema(old)
    if old.dialect.name == "sqlite":
        # A column of books cannot be renamed below a view that is broken.
        spoil = "CREATE VIEW theirs AS SELECT absent FROM bookstore_books"
    else:
        spoil = "CREATE VIEW theirs AS SELECT * FROM bookstore_search_words"
    with old.begin() as connection:
        connection.execute(text(spoil))
    with pytest.raises(DBAPIError, match="theirs"):
        migrations.upgrade(old)
    with old.begin() as connection:
        connection.execute(text("DROP VIEW theirs"))
    assert books(old) == before
    assert schema(old) == old_schema
    migrations.upgrade(old)
    assert_searchable(old, ROWS)


def test_a_dump_of_an_upgraded_sqlite_database_is_searchable(sqlite_backend, tmp_path):
    """By `.dump` and by `.backup`."""
    url = sqlite_backend.create()
    engine = make_engine({"url": url})
    migrations.downgrade(engine, "base")
    first_search.make(engine, ROWS)
    migrations.upgrade(engine)
    engine.dispose()
    source = sqlite3.connect(make_url(url).database)
    backup = sqlite3.connect(tmp_path / "backup.sqlite")
    source.backup(backup)
    for connection in (source, backup):
        connection.close()
    copy = make_engine({"url": f"sqlite:///{tmp_path}/backup.sqlite"})
    assert_searchable(copy, ROWS)
    copy.dispose()
    sqlite_backend.drop(url)
