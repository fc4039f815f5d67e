"""The sample catalogue in the database, and the work at start that puts it there."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import pytest
from pyramid.exceptions import ConfigurationError
from sqlalchemy import func, insert, select, text
from webtest import TestApp

from pyramid_bookstore.catalogue.models import Book, Total
from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.engines import make_engine, make_one_time_engine
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.feeds.sample import load_sample
from tests.support.crowd import PROCESSES, crowd

BOOKS = "/api/v1/books"


@pytest.fixture(scope="module")
def catalogue():
    path = resources.files("pyramid_bookstore") / "data" / "sample_catalogue.csv"
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def titles(engine):
    newest_first = select(Book.title).order_by(Book.created_at.desc(), Book.id.desc())
    with engine.connect() as connection:
        return connection.execute(newest_first).scalars().all()


def test_an_empty_database_gets_it_all_in_its_order(engine, catalogue):
    assert load_sample(engine) == len(catalogue)
    assert titles(engine) == [row["title"] for row in catalogue]
    with engine.connect() as connection:
        assert connection.execute(select(func.sum(Total.books))).scalar_one() == len(catalogue)
        moments = select(Book.created_at).order_by(Book.id)
        found = connection.execute(moments).scalars().all()
        assert found == sorted(set(found)), "ids grow with time"
        assert connection.execute(text("SELECT count(*) FROM bookstore_books")).scalar_one()


def test_twice_is_once(engine, catalogue):
    load_sample(engine)
    assert load_sample(engine) == 0
    assert len(titles(engine)) == len(catalogue)


def test_what_was_entered_stays_alone(engine):
    """A catalogue of one's own is never mixed with examples."""
    load_sample(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM bookstore_books WHERE title <> 'The Hobbit'"))
    assert load_sample(engine) == 0
    assert titles(engine) == ["The Hobbit"]


def test_it_answers_like_any_book(make_client, backend, catalogue):
    url = backend.create()
    client = make_client({"bookstore.sample_data": "true"}, url=url)
    for row in catalogue[:3]:
        found = client.get(f"{BOOKS}/isbn/{row['isbn']}").json
        assert (found["title"], found["extra"]) == (row["title"], {})
        assert client.get(found_by_search(row)).json["total"] >= 1
    backend.drop(url)


def found_by_search(row):
    return f"{BOOKS}?search={row['title'].split()[-1].lower()}"


def test_without_a_schema_it_says_what_to_do(engine):
    with engine.begin() as connection:
        older = "UPDATE bookstore_alembic_version SET version_num = 'bookstore_0000'"
        connection.execute(text(older))
    with pytest.raises(Unavailable, match=r"at revision bookstore_0000.*run the migrations"):
        load_sample(engine)


def test_eight_processes_at_once(database, catalogue):
    """One finds it empty and fills it, the others find it full."""
    prepare = """
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore import load_sample
"""
    work = "print(load_sample(make_one_time_engine({'url': sys.argv[1]})))"
    added = sorted(int(line) for line in crowd(prepare, work, database))
    assert added == [0] * (PROCESSES - 1) + [len(catalogue)]


class TestStart:
    def test_nothing_is_asked_for(self, make_client, backend):
        url = backend.create()
        assert make_client(url=url).get(BOOKS).json["total"] == 0
        backend.drop(url)

    def test_migrate_and_sample(self, make_client, backend, tmp_path, catalogue):
        url = backend.create()
        engine = make_one_time_engine({"url": url})
        migrations.downgrade(engine, "base")
        settings = {"bookstore.migrate": True, "bookstore.sample_data": True}
        client = make_client(settings, url=url)
        assert client.get(BOOKS).json["total"] == len(catalogue)
        assert client.get("/api/v1/ready").status_int == 200
        backend.drop(url)

    def test_migrate_alone(self, make_app, tmp_path):
        url = f"sqlite:///{tmp_path}/new.sqlite"
        client = TestApp(make_app({"sqlalchemy.url": url, "bookstore.migrate": "true"}))
        assert client.get(BOOKS).json["total"] == 0

    def test_a_database_in_memory(self, make_app, catalogue):
        """It lives in the application's own connection: none but that can fill it."""
        settings = {"bookstore.migrate": "true", "bookstore.sample_data": "true"}
        client = TestApp(make_app({"sqlalchemy.url": "sqlite://"} | settings))
        assert client.get(BOOKS).json["total"] == len(catalogue)
        assert client.get(BOOKS).json["total"] == len(catalogue)

    def test_the_hosts_session_and_our_work_at_start(self, make_app, tmp_path):
        """With `bookstore.dbsession` the engine settings serve the start alone."""
        url = f"sqlite:///{tmp_path}/new.sqlite"
        settings = {"bookstore.dbsession": "dbsession", "bookstore.sqlalchemy.url": url}
        settings |= {"bookstore.migrate": "true", "bookstore.sample_data": "true"}

        def host(config):
            config.add_request_method(lambda request: None, "dbsession", reify=True)

        make_app(settings, configure=host)
        engine = make_engine({"url": url})
        assert "The Hobbit" in titles(engine)
        engine.dispose()

    def test_a_database_that_is_away_stops_the_start(self, make_app):
        url = "sqlite:////nowhere/at/all.sqlite"
        with pytest.raises(ConfigurationError, match="unable to open"):
            make_app({"sqlalchemy.url": url, "bookstore.migrate": "true"})


def test_a_client_may_create_one_of_the_books_meanwhile(postgres_backend, catalogue):
    """Clients hold no migration lock; what they have committed by then is theirs."""
    url = postgres_backend.create()
    client, loader = make_engine({"url": url}), make_engine({"url": url})
    hobbit = catalogue[0]
    with client.connect() as connection, ThreadPoolExecutor(1) as pool:
        connection.execute(insert(Book), own(hobbit))
        loading = pool.submit(load_sample, loader)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with client.connect() as watcher:
            watcher = watcher.execution_options(isolation_level="AUTOCOMMIT")
            while not watcher.execute(waiting).scalar_one():
                pass
        connection.commit()
        assert loading.result() == len(catalogue) - 1
    assert "My own Hobbit" in titles(client)
    client.dispose()
    loader.dispose()
    postgres_backend.drop(url)


def own(row):
    from tests.functional.test_migrations import row as make_row

    return make_row(row["isbn"], title="My own Hobbit")
