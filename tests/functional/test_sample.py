"""The sample catalogue in the database, and the settings that load it at the start."""

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


def test_an_empty_database_gets_all_sample_books_in_order(engine, catalogue):
    assert load_sample(engine) == len(catalogue)
    assert titles(engine) == [row["title"] for row in catalogue]
    with engine.connect() as connection:
        assert connection.execute(select(func.sum(Total.books))).scalar_one() == len(catalogue)
        moments = select(Book.created_at).order_by(Book.id)
        found = connection.execute(moments).scalars().all()
        assert found == sorted(set(found)), "ids grow with time"
        assert connection.execute(text("SELECT count(*) FROM bookstore_books")).scalar_one()


def test_loading_the_sample_twice_adds_nothing(engine, catalogue):
    load_sample(engine)
    assert load_sample(engine) == 0
    assert len(titles(engine)) == len(catalogue)


def test_the_sample_is_not_loaded_if_there_is_a_book(engine):
    """A user's own catalogue is never mixed with sample books."""
    load_sample(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM bookstore_books WHERE title <> 'The Hobbit'"))
    assert load_sample(engine) == 0
    assert titles(engine) == ["The Hobbit"]


def test_sample_books_are_found_by_isbn_and_search(make_client, backend, catalogue):
    url = backend.create()
    client = make_client({"bookstore.sample_data": "true"}, url=url)
    for row in catalogue[:3]:
        found = client.get(f"{BOOKS}/isbn/{row['isbn']}").json
        assert (found["title"], found["extra"]) == (row["title"], {})
        assert client.get(found_by_search(row)).json["total"] >= 1
    backend.drop(url)


def found_by_search(row):
    return f"{BOOKS}?search={row['title'].split()[-1].lower()}"


def test_loading_the_sample_into_an_old_schema_says_to_migrate(engine):
    with engine.begin() as connection:
        older = "UPDATE bookstore_alembic_version SET version_num = 'bookstore_0000'"
        connection.execute(text(older))
    with pytest.raises(Unavailable, match=r"at revision bookstore_0000.*run the migrations"):
        load_sample(engine)


def test_eight_processes_that_load_the_sample_add_it_once(database, catalogue):
    """One process fills the empty database, and the others add nothing."""
    prepare = """
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore import load_sample
"""
    work = "print(load_sample(make_one_time_engine({'url': sys.argv[1]})))"
    added = sorted(int(line) for line in crowd(prepare, work, database))
    assert added == [0] * (PROCESSES - 1) + [len(catalogue)]


class TestSettingsAtTheStart:
    def test_without_settings_no_sample_is_loaded(self, make_client, backend):
        url = backend.create()
        assert make_client(url=url).get(BOOKS).json["total"] == 0
        backend.drop(url)

    def test_the_start_migrates_and_loads_the_sample_if_configured(
        self, make_client, backend, tmp_path, catalogue
    ):
        url = backend.create()
        engine = make_one_time_engine({"url": url})
        migrations.downgrade(engine, "base")
        settings = {"bookstore.migrate": True, "bookstore.sample_data": True}
        client = make_client(settings, url=url)
        assert client.get(BOOKS).json["total"] == len(catalogue)
        assert client.get("/api/v1/ready").status_int == 200
        backend.drop(url)

    def test_the_start_migrates_without_a_sample_if_configured(self, make_app, tmp_path):
        url = f"sqlite:///{tmp_path}/new.sqlite"
        client = TestApp(make_app({"sqlalchemy.url": url, "bookstore.migrate": "true"}))
        assert client.get(BOOKS).json["total"] == 0

    def test_the_start_loads_the_sample_into_a_database_in_memory(self, make_app, catalogue):
        """It exists only in the application's own connection, so only that can fill it."""
        settings = {"bookstore.migrate": "true", "bookstore.sample_data": "true"}
        client = TestApp(make_app({"sqlalchemy.url": "sqlite://"} | settings))
        assert client.get(BOOKS).json["total"] == len(catalogue)
        assert client.get(BOOKS).json["total"] == len(catalogue)

    def test_the_start_loads_the_sample_with_a_session_of_the_host(self, make_app, tmp_path):
        """With `bookstore.dbsession` the engine settings are used only at the start."""
        url = f"sqlite:///{tmp_path}/new.sqlite"
        settings = {"bookstore.dbsession": "dbsession", "bookstore.sqlalchemy.url": url}
        settings |= {"bookstore.migrate": "true", "bookstore.sample_data": "true"}

        def host(config):
            config.add_request_method(lambda request: None, "dbsession", reify=True)

        make_app(settings, configure=host)
        engine = make_engine({"url": url})
        assert "The Hobbit" in titles(engine)
        engine.dispose()

    def test_an_unreachable_database_stops_a_start_that_migrates(self, make_app):
        url = "sqlite:////nowhere/at/all.sqlite"
        with pytest.raises(ConfigurationError, match="unable to open"):
            make_app({"sqlalchemy.url": url, "bookstore.migrate": "true"})


def test_loading_the_sample_keeps_a_book_that_a_client_creates_meanwhile(
    postgres_backend, catalogue
):
    """Clients hold no migration lock; a book that they have committed is not replaced."""
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
