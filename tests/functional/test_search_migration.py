"""Revision 0003: search on existing books, and PostgreSQL's extension pg_trgm."""

from __future__ import annotations

import importlib.util

import psycopg
import pytest
from sqlalchemy import insert, inspect, make_url, text
from sqlalchemy.orm import Session

from pyramid_bookstore.catalogue.listing import list_books
from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.db import migrations, revision
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.query import SessionReader
from pyramid_bookstore.search import postgresql
from tests.support.catalogue import book_row


def test_the_revision_and_the_search_code_have_equal_constants():
    """A revision must not change, so it has its own constants; the search must use the same."""
    path = migrations.script_location() / "versions" / "0003_search.py"
    spec = importlib.util.spec_from_file_location("revision", path)
    revision = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(revision)
    assert f"{256 // postgresql.SAMPLED}" == revision.SAMPLED.rpartition(" < ")[2]
    assert str(postgresql._IN_SAMPLE).rpartition(" < ")[2] == revision.SAMPLED.rpartition(" < ")[2]


def search(engine, term):
    with Session(engine) as session:
        return list_books(SessionReader(session), ListQuery(filters={"search": term})).total


def test_books_from_before_the_migration_are_found_by_search(engine):
    migrations.downgrade(engine, "bookstore_0002")
    with engine.begin() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("bookstore_books")}
        rows = [book_row(1, title="Momo"), book_row(2, title="Q")]
        rows = [{name: row[name] for name in columns & row.keys()} for row in rows]
        connection.execute(insert(Book), rows)
    migrations.upgrade(engine)
    assert [search(engine, term) for term in ("momo", "q", "omo", "om")] == [1, 1, 1, 0]


@pytest.fixture
def bare(postgres_backend):
    """URL of a PostgreSQL database with neither tables nor extension."""
    url = postgres_backend.create()
    engine = make_engine({"url": url})
    migrations.downgrade(engine, "base")
    engine.dispose()
    yield url
    postgres_backend.drop(url)


def extensions(engine):
    with engine.connect() as connection:
        query = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'"
        return set(connection.execute(text(query)).scalars())


def test_a_downgrade_drops_an_extension_that_the_migration_created(bare):
    engine = make_engine({"url": bare})
    assert extensions(engine) == set()
    migrations.upgrade(engine)
    assert extensions(engine) == {"pg_trgm"}
    migrations.downgrade(engine, "base")
    assert extensions(engine) == set()
    engine.dispose()


def test_a_downgrade_keeps_an_extension_that_existed_before(bare):
    """The extension may also be in a schema that is not in the search path."""
    engine = make_engine({"url": bare})
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA elsewhere"))
        connection.execute(text("CREATE EXTENSION pg_trgm SCHEMA elsewhere"))
    migrations.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(insert(Book), book_row(1, title="Momo"))
    assert search(engine, "omo") == 1
    migrations.downgrade(engine, "base")
    assert extensions(engine) == {"pg_trgm"}
    engine.dispose()


def test_a_downgrade_keeps_an_extension_that_other_tables_use(bare):
    engine = make_engine({"url": bare})
    migrations.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (name text)"))
        connection.execute(text("CREATE INDEX ON theirs USING gin (name gin_trgm_ops)"))
    migrations.downgrade(engine, "base")
    assert extensions(engine) == {"pg_trgm"}
    engine.dispose()


def test_migrating_without_the_right_to_create_the_extension_says_what_to_do(bare, postgres):
    """The failed migration changes nothing; if the extension exists, no right is needed."""
    engine = make_engine({"url": bare})
    name = make_url(bare).database
    role = f"clerk_{name}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'"))
        connection.execute(text(f"GRANT ALL ON SCHEMA public TO {role}"))
        connection.execute(text(f"DROP TABLE {revision.VERSION_TABLE}"))
    clerk = make_engine({"url": make_url(bare).set(username=role, password="secret")})
    try:
        with pytest.raises(migrations.ExtensionMissing) as caught:
            migrations.upgrade(clerk)
        for part in (
            "pg_trgm",
            role,
            "CREATE EXTENSION pg_trgm",
            f"GRANT CREATE ON DATABASE {name}",
        ):
            assert part in str(caught.value)
        with clerk.connect() as connection:
            assert revision.current(connection) is None
        with engine.begin() as connection:
            connection.execute(text("CREATE EXTENSION pg_trgm"))
        migrations.upgrade(clerk)
        with clerk.connect() as connection:
            assert revision.is_current(connection)
        migrations.downgrade(clerk, "base")
        assert extensions(engine) == {"pg_trgm"}
    finally:
        clerk.dispose()
        with engine.begin() as connection:
            connection.execute(text(f"DROP OWNED BY {role}"))
            connection.execute(text(f"DROP ROLE {role}"))
        engine.dispose()


def test_other_errors_of_the_migration_are_raised_unchanged(bare):
    engine = make_engine({"url": bare})
    migrations.upgrade(engine, "bookstore_0001")
    with engine.begin() as connection:
        connection.execute(
            text("CREATE INDEX bookstore_books_sample_idx ON bookstore_books (stock)")
        )
    with pytest.raises(Exception, match="already exists") as caught:
        migrations.upgrade(engine)
    assert isinstance(caught.value.orig, psycopg.errors.DuplicateTable)
    engine.dispose()
