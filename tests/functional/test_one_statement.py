"""A change that is one statement goes alone where nobody else takes part, and only there."""

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
    """What an application's engines did: transactions begun, statements sent outside of them."""

    def __init__(self, client: webtest.TestApp) -> None:
        self.begun = 0
        self.alone = 0
        database = Mount.of(client.app.registry).database
        assert database is not None
        event.listen(database.writing, "begin", self._begin)
        event.listen(database.reading, "before_cursor_execute", self._execute)

    def _begin(self, connection: Any) -> None:
        self.begun += 1

    def _execute(self, *given: Any) -> None:
        self.alone += 1


def changes(client: webtest.TestApp, **headers: str) -> None:
    """One of each change."""
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
def alone(make_client: MakeClient) -> webtest.TestApp:
    return make_client()


def test_alone(alone: webtest.TestApp) -> None:
    watch = Watch(alone)
    changes(alone)
    assert (watch.begun, watch.alone) == (0, 6)


def test_with_a_subscriber_in_a_transaction(make_client: MakeClient) -> None:
    client = make_client(
        configure=lambda config: config.add_subscriber(lambda event: None, events.ChangesCommitted)
    )
    watch = Watch(client)
    changes(client)
    assert (watch.begun, watch.alone) == (6, 0)


def test_with_a_key_in_a_transaction(alone: webtest.TestApp) -> None:
    watch = Watch(alone)
    alone.post_json("/api/v1/books", book_fields(), headers={"Idempotency-Key": "k"})
    assert (watch.begun, watch.alone) == (1, 0)


def test_a_refusal_writes_nothing(alone: webtest.TestApp) -> None:
    first, second = (alone.post_json("/api/v1/books", book_fields(stock=2)).json for _ in range(2))
    path = "/api/v1/books/" + second["id"]
    alone.put_json(path, {"isbn": first["isbn"], "title": "Other"}, status=409)
    alone.post_json(path + "/stock", {"delta": -3}, status=409)
    alone.put_json(path, {"price": 0}, status=422)
    alone.patch_json(path, {"title": "Other"}, headers={"If-Match": '"1"'}, status=412)
    assert alone.get(path).json == second


@pytest.fixture
def on_postgresql(postgres_backend: Any, make_app: Any) -> Iterator[tuple[webtest.TestApp, str]]:
    url = postgres_backend.create()
    yield webtest.TestApp(make_app({"bookstore.sqlalchemy.url": url})), url
    postgres_backend.drop(url)


def test_a_connection_that_died_in_the_pool_is_found_out_before(
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


def test_a_lost_race_is_tried_again(on_postgresql: tuple[webtest.TestApp, str]) -> None:
    """The server ends the statement as it ends one of two that wait for each other."""
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
