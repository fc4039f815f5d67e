"""A change of one statement runs in autocommit if it has no subscribers and no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import webtest
from sqlalchemy import event, text

from pyramid_bookstore import events
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.testing import book_fields
from pyramid_bookstore.web.mount import Mount

MakeClient = Callable[..., webtest.TestApp]


class Watch:
    """Counts transactions begun and statements sent in autocommit by an application's engines."""

    def __init__(self, client: webtest.TestApp) -> None:
        self.begun = 0
        self.autocommitted = 0
        database = Mount.of(client.app.registry).database
        assert database is not None
        event.listen(database.writing, "begin", self._begin)
        event.listen(database.reading, "before_cursor_execute", self._execute)

    def _begin(self, connection: Any) -> None:
        self.begun += 1

    def _execute(self, *given: Any) -> None:
        self.autocommitted += 1


def changes(client: webtest.TestApp, **headers: str) -> None:
    """One request for each kind of change."""
    sent = {"headers": headers}
    made = client.post_json("/api/v1/books", book_fields(stock=5), **sent).json
    path = "/api/v1/books/" + made["id"]
    client.put_json(path, {"price": 7}, **sent)
    client.put_json(path, {"isbn": book_fields()["isbn"]}, **sent)
    client.patch_json(path, {"title": "Other"}, **sent)
    client.post_json(path + "/stock", {"delta": -1}, **sent)
    client.put_json("/api/v1/books/isbn/" + book_fields()["isbn"], {"price": 1}, status=422)
    client.delete(path, **sent)


@pytest.fixture
def plain(make_client: MakeClient) -> webtest.TestApp:
    return make_client()


def test_changes_without_subscribers_run_in_autocommit(plain: webtest.TestApp) -> None:
    watch = Watch(plain)
    changes(plain)
    assert (watch.begun, watch.autocommitted) == (0, 6)


def test_changes_with_a_subscriber_run_in_a_transaction(make_client: MakeClient) -> None:
    client = make_client(
        configure=lambda config: config.add_subscriber(lambda event: None, events.ChangesCommitted)
    )
    watch = Watch(client)
    changes(client)
    assert (watch.begun, watch.autocommitted) == (6, 0)


def test_a_change_with_an_idempotency_key_runs_in_a_transaction(plain: webtest.TestApp) -> None:
    watch = Watch(plain)
    plain.post_json("/api/v1/books", book_fields(), headers={"Idempotency-Key": "k"})
    assert (watch.begun, watch.autocommitted) == (1, 0)


def test_a_refused_change_in_autocommit_writes_nothing(plain: webtest.TestApp) -> None:
    first, second = (plain.post_json("/api/v1/books", book_fields(stock=2)).json for _ in range(2))
    path = "/api/v1/books/" + second["id"]
    plain.put_json(path, {"isbn": first["isbn"], "title": "Other"}, status=409)
    plain.post_json(path + "/stock", {"delta": -3}, status=409)
    plain.put_json(path, {"price": 0}, status=422)
    plain.patch_json(path, {"title": "Other"}, headers={"If-Match": '"1"'}, status=412)
    assert plain.get(path).json == second


@pytest.fixture
def on_postgresql(postgres_backend: Any, make_app: Any) -> Iterator[tuple[webtest.TestApp, str]]:
    url = postgres_backend.create()
    yield webtest.TestApp(make_app({"bookstore.sqlalchemy.url": url})), url
    postgres_backend.drop(url)


def test_a_change_in_autocommit_replaces_a_disconnected_connection(
    on_postgresql: tuple[webtest.TestApp, str],
) -> None:
    client, url = on_postgresql
    client.post_json("/api/v1/books", book_fields())
    engine = make_one_time_engine({"url": url})
    with engine.begin() as connection:
        ended = connection.scalar(
            text(
                "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert ended == 1
    client.post_json("/api/v1/books", book_fields())
    assert client.get("/api/v1/books").json["total"] == 2


def test_a_change_in_autocommit_is_retried_after_a_deadlock(
    on_postgresql: tuple[webtest.TestApp, str],
) -> None:
    """The server aborts the statement as it does for a deadlock."""
    client, url = on_postgresql
    made = client.post_json("/api/v1/books", book_fields(stock=5)).json
    engine = make_one_time_engine({"url": url})
    with engine.begin() as connection:
        # A trigger stands in for the other transaction: it fails once, as the server would.
        connection.execute(text("CREATE SEQUENCE tries"))
        connection.execute(
            text(
                "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF nextval('tries') = 1 THEN RAISE EXCEPTION 'deadlock detected'"
                " USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$"
            )
        )
        connection.execute(
            text(
                "CREATE TRIGGER lose BEFORE UPDATE ON bookstore_books"
                " FOR EACH ROW EXECUTE FUNCTION lose()"
            )
        )
    answer = client.post_json(f"/api/v1/books/{made['id']}/stock", {"delta": -1})
    assert answer.json["stock"] == 4
