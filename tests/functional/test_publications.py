"""PostgreSQL's logical replication of all tables: every table of ours has a replica identity."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, make_url, select, text
from webtest import TestApp

from pyramid_bookstore.catalogue.models import Book, Total
from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.engines import make_engine
from tests.support.api import BOOKS, new_book
from tests.support.catalogue import book_row
from tests.support.postgres import PostgresServer, postgres_for_tests
from tests.support.processes import wait_until

FEED = b"isbn,title,author,price\n9783522202558,Momo,Michael Ende,15\n"


@pytest.fixture
def published(postgres_backend: Any) -> Any:
    """URL of a database with a publication; PostgreSQL refuses changes of what has no identity
    whether anybody subscribes or not."""
    url = postgres_backend.create()
    engine = make_engine({"url": url})
    with engine.begin() as connection:
        connection.execute(text("CREATE PUBLICATION everything FOR ALL TABLES"))
    engine.dispose()
    yield url
    postgres_backend.drop(url)


def test_every_way_to_write_works_with_a_publication_for_all_tables(
    published: str, make_app: Any
) -> None:
    client = TestApp(make_app({"bookstore.sqlalchemy.url": published}))
    key = {"Idempotency-Key": "1"}
    made = client.post_json(BOOKS, new_book(5), headers=key, status=201).headers["Location"]
    client.put_json(made, {"stock": 7})
    client.patch_json(made, {"stock": 8}, content_type="application/merge-patch+json")
    client.post_json(f"{made}/stock", {"delta": -1})
    for _ in range(2):
        client.post(f"{BOOKS}/import", FEED, content_type="text/csv", status=200)
    other = FEED.replace(b"9783522202558", b"9783866472334")
    for absent, feed in (("keep", FEED), ("zero", other), ("delete", other)):
        source = f"?source=a&absent={absent}&max_absent=100"
        client.post(f"{BOOKS}/import{source}", feed, content_type="text/csv", status=200)
    client.delete(made, status=204)
    assert client.get(BOOKS).json["total"] == 1
    engine = make_engine({"url": published})
    with engine.begin() as connection:  # as a request does that cleans up
        connection.execute(text("DELETE FROM bookstore_idempotency_keys"))
        connection.execute(text("TRUNCATE bookstore_books"))
    migrations.downgrade(engine, "base")
    migrations.upgrade(engine)
    engine.dispose()


def test_every_table_of_ours_has_a_primary_key(published: str) -> None:
    """That is its replica identity by default."""
    engine = make_engine({"url": published})
    query = """
        SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE 'bookstore%'
        AND (relreplident <> 'd' OR NOT EXISTS (
            SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary
        ))
    """
    with engine.connect() as connection:
        assert connection.execute(text(query)).all() == []
    engine.dispose()


def numbers(engine: Engine) -> tuple[int, int]:
    with engine.connect() as connection:
        kept = connection.scalar(select(func.coalesce(func.sum(Total.books), 0)))
        return int(kept or 0), int(connection.scalar(select(func.count()).select_from(Book)) or 0)


def test_a_subscriber_with_the_schema_alone_follows_the_books_and_their_number() -> None:
    """Triggers do not fire for what a subscription applies, so the total is replicated as well."""
    options = {"wal_level": "logical"}
    with postgres_for_tests(durable=False, config=options) as server:
        if not isinstance(server, PostgresServer):
            pytest.skip("needs a server of its own")
        program = server.binaries / "pg_dump"
        if not program.exists():
            pytest.skip("this PostgreSQL came without pg_dump")
        source, target = server.create_database(), server.create_database()
        publisher, subscriber = make_engine({"url": source}), make_engine({"url": target})
        migrations.upgrade(publisher)
        with publisher.begin() as connection:
            connection.execute(insert(Book), [book_row(number) for number in range(1, 4)])
        plain = make_url(source).set(drivername="postgresql").render_as_string(hide_password=False)
        schema = subprocess.run([program, "-s", plain], capture_output=True, check=True).stdout
        with publisher.begin() as connection:
            connection.execute(text("CREATE PUBLICATION everything FOR ALL TABLES"))
        with server.connect(make_url(target).database) as raw:
            lines = [line for line in schema.splitlines() if not line.startswith(b"\\")]
            raw.execute(b"\n".join(lines))
        with server.connect(make_url(source).database) as raw:
            raw.execute("SELECT pg_create_logical_replication_slot('follow', 'pgoutput')")
        with server.connect(make_url(target).database) as raw:
            # In one server it cannot make its slot by itself.
            raw.execute(
                f"CREATE SUBSCRIPTION follow CONNECTION '{plain}' PUBLICATION everything"
                " WITH (create_slot = false)".encode()
            )
        wait_until(lambda: numbers(subscriber) == (3, 3), timeout=30, what="the first copy")
        with publisher.begin() as connection:
            connection.execute(insert(Book), [book_row(number) for number in range(4, 9)])
            connection.execute(text("UPDATE bookstore_books SET stock = 9"))
            connection.execute(text("DELETE FROM bookstore_books WHERE isbn = '9780000000001'"))
        wait_until(lambda: numbers(subscriber) == (7, 7), timeout=30, what="the changes")
        with subscriber.connect() as connection:
            assert set(connection.scalars(select(Book.__table__.c.stock))) == {9}
        publisher.dispose()
        subscriber.dispose()
