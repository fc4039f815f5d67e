"""A session that is not what it seems is refused with one sentence, at start or at the first use,
and nothing is written that would be lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import webtest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.request import Request
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker

import pyramid_bookstore
from pyramid_bookstore.testing import book_fields
from tests.host.hosts import HostBase, cookiecutter

BOOKS = "/api/v1/books"


def host(add: Any, **settings: str) -> webtest.TestApp:
    """A host whose ``request.db`` is what ``add`` adds."""
    config = Configurator(settings={"bookstore.dbsession": "db", **settings})
    config.include("pyramid_tm")
    config.include("pyramid_bookstore")
    add(config)
    return webtest.TestApp(config.make_wsgi_app())


@pytest.fixture
def plain(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    yield engine
    engine.dispose()


def books(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM bookstore_books")) or 0)


@pytest.mark.parametrize("factory", ["a property", "a property of the class"])
def test_a_new_session_at_each_access_is_refused_and_nothing_is_lost(
    plain: Engine, factory: str, caplog: pytest.LogCaptureFixture
) -> None:
    if factory == "a property":
        app = host(lambda c: c.add_request_method(lambda r: Session(plain), "db", property=True))
    else:

        class OwnRequest(Request):
            db = property(lambda self: Session(plain))

        app = host(lambda config: config.set_request_factory(OwnRequest))
    for ask in (
        lambda: app.post_json(BOOKS, book_fields(), expect_errors=True),
        lambda: app.get(BOOKS, expect_errors=True),
    ):
        assert ask().status_int == 500
        assert "request.db, which is another object at each access" in caplog.text
        assert "reify=True" in caplog.text
        caplog.clear()
    assert books(plain) == 0


def test_a_scoped_session_that_is_no_reified_property_works(plain: Engine) -> None:
    scoped = scoped_session(sessionmaker(plain))
    app = host(lambda config: config.add_request_method(lambda r: scoped, "db", property=True))
    app.post_json(BOOKS, book_fields(), status=201)
    scoped.remove()
    assert books(plain) == 1


def test_a_method_stops_the_start(plain: Engine) -> None:
    with pytest.raises(ConfigurationError, match=r"request\.db, which is a method.*reify=True"):
        host(lambda config: config.add_request_method(lambda r: Session(plain), "db"))


@pytest.mark.parametrize("what", ["engine", "connection", "text"])
def test_what_is_no_session_is_refused_by_its_kind(
    plain: Engine, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    with plain.connect() as connection:
        found = {"engine": plain, "connection": connection, "text": "session"}[what]
        app = host(lambda config: config.add_request_method(lambda r: found, "db", reify=True))
        app.get(BOOKS, status=500)
    assert f"request.db, which is a {type(found).__name__} and no Session" in caplog.text


def test_a_session_whose_binds_lack_our_tables_is_refused_at_the_first_use(
    plain: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    factory = sessionmaker(binds={HostBase: plain})
    app = host(lambda config: config.add_request_method(lambda r: factory(), "db", reify=True))
    app.post_json(BOOKS, book_fields(), status=500)
    assert "add pyramid_bookstore.Book to its binds" in caplog.text
    assert books(plain) == 0


def test_with_the_binds_that_the_sentence_asks_for_it_works(plain: Engine) -> None:
    factory = sessionmaker(binds={pyramid_bookstore.Book: plain})
    app = host(lambda config: config.add_request_method(lambda r: factory(), "db", reify=True))
    app.post_json(BOOKS, book_fields(), status=201)
    assert books(plain) == 1


def test_binds_that_lack_our_tables_stop_the_start_of_a_cookiecutter(plain: Engine) -> None:
    def configure(config: Configurator) -> None:
        config.registry["dbsession_factory"] = sessionmaker(binds={HostBase: plain})

    with pytest.raises(ConfigurationError, match=r"has no engine for the bookstore's tables"):
        cookiecutter(plain, configure=configure)


def test_a_database_that_we_do_not_know_stops_the_start_of_a_cookiecutter() -> None:
    unknown = create_engine("mysql://localhost/shop", module=sqlite3)
    config = Configurator(settings={"bookstore.dbsession": "dbsession"})
    config.include("pyramid_bookstore")
    config.registry["dbsession_factory"] = sessionmaker(unknown)
    config.add_request_method(lambda request: None, "dbsession", reify=True)
    with pytest.raises(ConfigurationError, match=r"runs on postgresql and sqlite, not on mysql"):
        config.make_wsgi_app()


def test_a_factory_that_wants_the_request_is_not_called_at_start(plain: Engine) -> None:
    """As that of c2cwsgiutils, which then chooses between two engines."""

    class Factory(sessionmaker[Session]):
        def __call__(self, request: Request, **options: Any) -> Session:
            return super().__call__(bind=plain, **options)

    config = Configurator(settings={"bookstore.dbsession": "dbsession"})
    config.include("pyramid_bookstore")
    factory = config.registry["dbsession_factory"] = Factory()
    config.add_request_method(factory, "dbsession", reify=True)
    webtest.TestApp(config.make_wsgi_app()).post_json(BOOKS, book_fields(), status=201)
    assert books(plain) == 1


class TestForeignKeysOnSQLite:
    """A plain engine of SQLAlchemy's does not enforce them."""

    @pytest.fixture
    def url(self, sqlite_backend: Any) -> Iterator[str]:
        url = sqlite_backend.create()
        yield url
        sqlite_backend.drop(url)

    SAID = "SQLite does not enforce foreign keys"

    def test_the_start_of_a_cookiecutter_says_that_they_are_off(
        self, url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        engine = create_engine(url)
        app = webtest.TestApp(cookiecutter(engine))
        assert caplog.text.count(self.SAID) == 1
        app.get("/shop/books")
        app.post_json("/shop/books", book_fields(), status=201)
        assert caplog.text.count(self.SAID) == 1
        engine.dispose()

    def test_the_first_use_of_another_session_says_that_they_are_off(
        self, url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        engine = create_engine(url)
        app = host(
            lambda config: config.add_request_method(
                lambda request: scoped_session(sessionmaker(engine)), "db", reify=True
            )
        )
        assert self.SAID not in caplog.text
        app.get(BOOKS)
        app.get(BOOKS)
        assert caplog.text.count(self.SAID) == 1
        engine.dispose()

    def test_nothing_is_said_where_they_are_on(
        self, url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        from pyramid_bookstore.db.engines import make_engine

        engine = make_engine({"url": url})
        webtest.TestApp(cookiecutter(engine)).get("/shop/books")
        assert self.SAID not in caplog.text
        engine.dispose()

    def test_a_start_makes_no_file_that_is_not_there(self, tmp_path: Path) -> None:
        engine = create_engine(f"sqlite:///{tmp_path}/none.sqlite")
        factory = sessionmaker(engine)
        config = Configurator(settings={"bookstore.dbsession": "dbsession"})
        config.include("pyramid_bookstore")
        config.registry["dbsession_factory"] = factory
        config.add_request_method(lambda request: factory(), "dbsession", reify=True)
        config.make_wsgi_app()
        assert list(tmp_path.iterdir()) == []

    def test_a_database_in_memory_keeps_its_tables(self, caplog: pytest.LogCaptureFixture) -> None:
        engine = create_engine("sqlite://")
        pyramid_bookstore.upgrade(engine)
        app = webtest.TestApp(cookiecutter(engine))
        assert self.SAID in caplog.text
        app.post_json("/shop/books", book_fields(), status=201)


class TestParametersOnPostgreSQL:
    """The host's connections are the host's: what does not suit is said, and answered 503."""

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("datestyle", "German"),
            ("client_encoding", "SQL_ASCII"),
            ("client_encoding", "LATIN1"),
            ("standard_conforming_strings", "off"),
        ],
    )
    def test_a_parameter_that_does_not_suit_is_said_until_it_is_changed(
        self, postgres_backend: Any, name: str, value: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = postgres_backend.create()
        database = make_url(url).database
        engine = create_engine(url)
        app = webtest.TestApp(cookiecutter(engine))
        with engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {database} SET {name} = '{value}'")
        engine.dispose()
        for _ in range(2):
            assert app.get("/shop/books", status=503).json["error"] == "unavailable"
            assert app.post_json("/shop/books", book_fields(), status=503)
        assert f"{name.lower()} = {value}".lower() in caplog.text.lower()
        assert "ALTER ROLE … SET" in caplog.text
        with psycopg.connect(
            make_url(url).set(drivername="postgresql").render_as_string(False)
        ) as c:
            c.execute(f"ALTER DATABASE {database} RESET {name}")  # type: ignore[call-overload]
        engine.dispose()
        caplog.clear()
        app.post_json("/shop/books", book_fields(), status=201)
        assert "ALTER ROLE" not in caplog.text
        engine.dispose()
        postgres_backend.drop(url)

    def test_an_encoding_that_changes_later_refuses_what_it_has_not_and_is_in_the_log(
        self, postgres_backend: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = postgres_backend.create()
        engine = create_engine(url)
        app = webtest.TestApp(cookiecutter(engine))
        app.post_json("/shop/books", book_fields(), status=201)
        change = f"ALTER DATABASE {make_url(url).database} SET client_encoding = 'LATIN1'"
        with engine.begin() as connection:
            connection.exec_driver_sql(change)
        engine.dispose()
        for ask in (
            lambda: app.post_json("/shop/books", book_fields() | {"title": "Łódź"}, status=503),
            lambda: app.get("/shop/books?author=%D0%9F%D1%83%D1%88%D0%BA%D0%B8%D0%BD", status=503),
        ):
            caplog.clear()
            assert "the log says which" in ask().json["message"]
            assert "'latin-1' codec can't encode character" in caplog.text
        engine.dispose()
        postgres_backend.drop(url)
