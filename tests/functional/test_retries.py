"""Writes that the database rolled back are retried; writes with an unknown outcome are not."""

import importlib.util
import json
import sqlite3
import sys
import threading

import pytest
from pyramid.response import Response
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from webtest import TestApp

import pyramid_bookstore.transactions.retry
from pyramid_bookstore import events
from pyramid_bookstore.db.engines import make_engine
from tests.host.hosts import cookiecutter
from tests.support.api import BOOKS, RUST, ask, assert_problem, new_book
from tests.support.processes import wait_until

# A sequence is not rolled back, so it counts the attempts.
_TRIES = "CREATE SEQUENCE tries"
_FAULT = """
CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('tries') <= {times} THEN {action}; END IF;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE CONSTRAINT TRIGGER fault AFTER INSERT OR UPDATE OR DELETE ON bookstore_books
DEFERRABLE INITIALLY {when} FOR EACH ROW EXECUTE FUNCTION fault()
"""
_RAISE = "RAISE EXCEPTION 'as asked' USING ERRCODE = '{}'"
_HANG_UP = "PERFORM pg_terminate_backend(pg_backend_pid())"
_WAITS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

#: With it a change is a transaction of several statements.
KEY = {"Idempotency-Key": "test"}
STATEMENT, COMMIT = "IMMEDIATE", "DEFERRED"


@pytest.fixture
def url(postgres_backend):
    url = postgres_backend.create()
    yield url
    postgres_backend.drop(url)


@pytest.fixture
def admin(url):
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def client(make_app, url):
    return TestApp(make_app({"bookstore.sqlalchemy.url": url}))


@pytest.fixture
def break_writes(admin):
    """Let the first ``times`` writes fail, in the statement or at COMMIT."""

    def install(when, action, times=1):
        admin.exec_driver_sql(_TRIES)
        admin.exec_driver_sql(_FAULT.format(times=times, action=action))
        admin.exec_driver_sql(_TRIGGER.format(when=when))

    return install


def tries(admin):
    return admin.exec_driver_sql("SELECT last_value FROM tries").scalar()


@pytest.mark.parametrize("when", [STATEMENT, COMMIT])
class TestRolledBackWrites:
    @pytest.mark.parametrize("state", ["40001", "40P01"])
    @pytest.mark.parametrize("headers", [{}, KEY])
    def test_a_create_after_a_lost_race_is_retried_with_its_whole_body(
        self, client, admin, break_writes, when, state, headers
    ):
        break_writes(when, _RAISE.format(state), times=2)
        answer = ask(client, "POST", BOOKS, RUST, headers)
        assert answer.status_int == 201
        assert {name: answer.json[name] for name in RUST} == RUST
        assert tries(admin) == 3
        assert client.get(BOOKS).json["data"] == [answer.json]

    def test_every_kind_of_write_is_retried_after_a_lost_race(
        self, client, admin, break_writes, when
    ):
        book = client.post_json(BOOKS, RUST).json
        url = f"{BOOKS}/{book['id']}"
        break_writes(when, _RAISE.format("40001"))
        for method, path, body, status in (
            ("PUT", url, {"stock": 9}, 200),
            ("PATCH", url, {"extra": {"pages": None}}, 200),
            ("POST", f"{url}/stock", {"delta": -1}, 200),
            ("PUT", f"{BOOKS}/isbn/{RUST['isbn']}", RUST | {"stock": 3}, 200),
            ("DELETE", url, None, 204),
        ):
            admin.exec_driver_sql("ALTER SEQUENCE tries RESTART")
            assert ask(client, method, path, body).status_int == status
            assert tries(admin) == 2, (method, path)

    def test_a_write_gets_503_after_the_configured_number_of_attempts(
        self, make_app, url, admin, break_writes, when
    ):
        settings = {"bookstore.sqlalchemy.url": url, "bookstore.retry.attempts": "4"}
        client = TestApp(make_app(settings))
        break_writes(when, _RAISE.format("40001"), times=100)
        answer = ask(client, "POST", BOOKS, RUST)
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"].isdigit()
        assert tries(admin) == 4
        assert client.get(BOOKS).json["total"] == 0

    def test_a_write_that_fails_for_another_reason_is_not_retried(
        self, client, admin, break_writes, when
    ):
        break_writes(when, _RAISE.format("P0001"), times=100)
        assert_problem(ask(client, "POST", BOOKS, RUST), 500, "internal_error")
        assert tries(admin) == 1


class TestConnectionLost:
    def test_a_connection_lost_before_the_commit_is_retried(self, client, admin, break_writes):
        break_writes(STATEMENT, _HANG_UP)
        answer = ask(client, "POST", BOOKS, RUST, KEY)
        assert answer.status_int == 201
        assert tries(admin) == 2
        assert ask(client, "POST", BOOKS, RUST, KEY).body == answer.body

    @pytest.mark.parametrize(("when", "headers"), [(STATEMENT, {}), (COMMIT, {}), (COMMIT, KEY)])
    def test_a_connection_lost_during_the_commit_gets_503_and_is_not_retried(
        self, client, admin, break_writes, when, headers
    ):
        """Without a key a change is one statement that commits itself."""
        break_writes(when, _HANG_UP)
        answer = ask(client, "POST", BOOKS, RUST, headers)
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"].isdigit()
        assert tries(admin) == 1
        assert client.get(BOOKS).json["total"] == 0
        assert ask(client, "POST", BOOKS, RUST).status_int == 201

    def test_an_unknown_outcome_of_the_commit_gets_503_and_is_not_retried(
        self, client, admin, break_writes
    ):
        break_writes(COMMIT, _RAISE.format("40003"))
        assert_problem(ask(client, "POST", BOOKS, RUST), 503, "unavailable")
        assert tries(admin) == 1


def test_a_change_aborted_by_a_deadlock_is_retried(make_app, url, admin):
    """Two transactions each lock one row and then wait for the row of the other.

    PostgreSQL looks for a deadlock once in each wait, after `deadlock_timeout`, and aborts who
    finds it. So ours must be the one that waits last.
    """
    other = make_engine({"url": url})
    attempts = []
    threads = []

    def configure(config):
        def go_for_the_second(change):
            if change.book.title != "Book 1":
                return
            attempts.append(change.delta)
            if len(attempts) == 1:
                threads[0].start()
                wait_until(waits, timeout=60, what="the other transaction, for the first book")
            change.request.bookstore.change_stock(second, -1)

        config.add_subscriber(go_for_the_second, events.StockChanged)

    # Ours may have the first book again before the other is awake, and meet it in another deadlock.
    settings = {"bookstore.sqlalchemy.url": url, "bookstore.retry.attempts": "20"}
    client = TestApp(make_app(settings, configure=configure))
    first, _ = (client.post_json(BOOKS, new_book(n)).json["id"] for n in (1, 2))
    with Session(other) as session:
        second = session.scalar(text("SELECT id FROM bookstore_books WHERE title = 'Book 2'"))

    def waits():
        return admin.exec_driver_sql(_WAITS).scalar()

    def cross():
        with other.begin() as connection:
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '10min'")
            lock = text("UPDATE bookstore_books SET stock = stock - 1 WHERE title = :title")
            connection.execute(lock, {"title": "Book 2"})
            connection.execute(lock, {"title": "Book 1"})

    threads.append(threading.Thread(target=cross))
    answer = ask(client, "POST", f"{BOOKS}/{first}/stock", {"delta": -1})
    threads[0].join()
    other.dispose()
    assert (answer.status_int, len(attempts) > 1) == (200, True)
    stocks = {book["title"]: book["stock"] for book in client.get(BOOKS).json["data"]}
    assert stocks == {"Book 1": 3, "Book 2": 3}


class TestSQLite:
    @pytest.fixture
    def path(self, sqlite_backend):
        url = sqlite_backend.create()
        yield make_url(url).database
        sqlite_backend.drop(url)

    @pytest.mark.parametrize("catch_all", [False, True])
    def test_an_outdated_sqlite_snapshot_is_retried_by_pyramid_retry(self, path, catch_all):
        """A host's transaction that began as a read (SQLITE_BUSY_SNAPSHOT), under pyramid_retry."""
        engine = create_engine(f"sqlite:///{path}")

        @event.listens_for(engine, "connect")
        def connect(connection, _record):
            connection.isolation_level = None
            connection.execute("PRAGMA journal_mode = WAL")

        @event.listens_for(engine, "begin")
        def begin(connection):
            connection.exec_driver_sql("BEGIN")

        bodies = []

        def configure(config):
            def permits(request):
                """Reads before the bookstore writes, as a host's own check may."""
                if request.method != "POST":
                    return
                request.dbsession.execute(text("SELECT count(*) FROM bookstore_books")).all()
                bodies.append(request.body)
                if len(bodies) == 1:
                    with sqlite3.connect(path) as other:
                        other.execute("PRAGMA user_version = 1")
                    other.close()

            if catch_all:
                config.add_exception_view(lambda error, request: Response("x"), context=Exception)
            config.add_subscriber(
                lambda found: permits(found.request), "pyramid.events.ContextFound"
            )

        app = TestApp(cookiecutter(engine, configure=configure, retry=True))
        answer = ask(app, "POST", "/shop/books", RUST)
        assert answer.status_int == 201, answer.text
        assert [json.loads(body) for body in bodies] == [RUST] * 2
        engine.dispose()

    def test_a_write_gets_503_if_another_sqlite_writer_does_not_end(self, path, make_app):
        """SQLITE_BUSY: the write waits, then gets 503; repeating it makes one book."""
        client = TestApp(make_app({"bookstore.sqlalchemy.url": f"sqlite:///{path}?timeout=0.05"}))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answer = ask(client, "POST", BOOKS, RUST)
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"].isdigit()
        other.execute("COMMIT")
        other.close()
        assert ask(client, "POST", BOOKS, RUST).status_int == 201
        assert client.get(BOOKS).json["total"] == 1


class TestRetryableMark:
    """pyramid_retry reads a mark on the error, so exception views do not matter."""

    def test_pyramid_retry_retries_errors_of_the_bookstores_engine(
        self, make_app, url, admin, break_writes
    ):
        bodies = []

        def configure(config):
            config.add_settings({"tm.manager_hook": "pyramid_tm.explicit_manager"})
            config.include("pyramid_retry")
            config.include("pyramid_tm")
            config.add_exception_view(lambda error, request: Response("host"), context=Exception)
            config.add_route("sell", "/sell")

            def sell(request):
                bodies.append(request.json_body)
                return Response(request.bookstore.create(request.json_body).title)

            config.add_view(sell, route_name="sell")

        app = TestApp(make_app({"bookstore.sqlalchemy.url": url}, configure=configure))
        break_writes(STATEMENT, _RAISE.format("40001"))
        book = new_book(1)
        answer = ask(app, "POST", "/sell", book)
        assert (answer.text, bodies) == (book["title"], [book, book])
        assert tries(admin) == 2

    def test_without_pyramid_retry_errors_are_not_marked(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyramid_retry", None)
        spec = importlib.util.spec_from_file_location(
            "reloaded", pyramid_bookstore.transactions.retry.__file__
        )
        reloaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(reloaded)
        error = OperationalError("SELECT 1", {}, Exception())
        reloaded.mark_error_retryable(error)
        assert vars(error) == vars(OperationalError("SELECT 1", {}, error.orig))
