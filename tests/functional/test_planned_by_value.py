"""What is best planned with its values is never prepared, whoever executes it."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from pyramid_bookstore.catalogue import rows, shapes
from pyramid_bookstore.catalogue.listing import list_books
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_engine, make_reading_engine
from pyramid_bookstore.db.query import LeanReader, Query, SessionReader
from tests.support.catalogue import book_row, fill

#: More than psycopg, and then PostgreSQL, executes with their values.
OFTEN = 12

BY_PRICE, BY_TITLE = ("price", False), ("title", True)
QUERY = ListQuery(filters={"max_price": Decimal(20)}, sort=(BY_PRICE, BY_TITLE), limit=2)


@pytest.fixture(autouse=True)
def large_groups(monkeypatch):
    """Groups are large from two books on, and so looked at."""
    for module in (shapes, rows):
        monkeypatch.setattr(module, "SMALL_GROUP", 2)
    shapes.page_query.cache_clear()
    yield
    shapes.page_query.cache_clear()


@pytest.fixture
def url(postgres_backend):
    url = postgres_backend.create()
    engine = make_engine({"url": url})
    fill(engine, [book_row(number) for number in range(1, 50)])
    engine.dispose()
    yield url
    postgres_backend.drop(url)


@pytest.fixture
def engine(url):
    """As the application reads, with one connection."""
    engine = make_reading_engine({"url": url, "pool_size": "1", "max_overflow": "0"})
    yield engine
    engine.dispose()


PLAIN = Query(sa.select(sa.literal(1).label("plain")))
PREPARED = Query(
    sa.select(sa.column("statement", sa.Text)).select_from(sa.table("pg_prepared_statements"))
)


def prepared(reader):
    """What its connection has prepared."""
    return [statement for (statement,) in reader.rows(PREPARED, {})]


def by_value(statements):
    """Those that have conditions with values, or look at a group."""
    return [each for each in statements if "price <=" in each or "AS hits" in each]


@pytest.mark.parametrize("listens", [False, True])
def test_own_connections_prepare_nothing_that_depends_on_values(engine, listens):
    if listens:  # it then reads through SQLAlchemy
        sa.event.listen(engine, "before_cursor_execute", lambda *_: None)
    reader = LeanReader(engine, dialect_named("postgresql"))
    for _ in range(OFTEN):
        list_books(reader, QUERY)
        reader.rows(PLAIN, {})
    statements = prepared(reader)
    assert by_value(statements) == []
    assert [each for each in statements if "plain" in each]


def test_a_hosts_session_prepares_its_own_statements_alone(url):
    engine = sa.create_engine(url)
    with Session(engine) as session:
        reader = SessionReader(session)
        for _ in range(OFTEN):
            list_books(reader, QUERY)
            session.connection().exec_driver_sql("SELECT 1 AS host")
        statements = prepared(reader)
    assert by_value(statements) == []
    engine.dispose()
    assert "SELECT 1 AS host" in statements


def test_a_session_that_prepares_nothing_stays_so(url):
    """As behind PgBouncer."""
    engine = sa.create_engine(url, connect_args={"prepare_threshold": None})
    with Session(engine) as session:
        for _ in range(OFTEN):
            assert len(list_books(SessionReader(session), QUERY).books) == QUERY.limit
        assert session.connection().connection.driver_connection.prepare_threshold is None
        assert prepared(SessionReader(session)) == []
    engine.dispose()
