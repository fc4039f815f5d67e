"""Events: inside the transaction, where a subscriber can undo the change, and after the commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pyramid.testing
import pytest
import webtest
import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPPaymentRequired
from pyramid.request import Request, apply_request_extensions
from pyramid.response import Response
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session
from transaction import TransactionManager

from pyramid_bookstore import events
from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.testing import book_fields
from tests.host.hosts import Note, cookiecutter, notes

MakeClient = Callable[..., webtest.TestApp]


class Recorder:
    """A host that records the events that it receives."""

    def __init__(self, *kinds: type) -> None:
        self.heard: list[Any] = []
        self._kinds = kinds

    def __call__(self, config: Configurator) -> None:
        for kind in self._kinds:
            config.add_subscriber(self.heard.append, kind)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.heard]


def test_every_change_sends_exactly_one_event(make_client: MakeClient) -> None:
    recorder = Recorder(events.BookEvent)
    client = make_client(configure=recorder)
    fields = book_fields(stock=5)
    made = client.post_json("/api/v1/books", fields).json
    path = f"/api/v1/books/{made['id']}"
    client.put_json(path, {"price": 7})
    client.patch_json(path, {"extra": {"shelf": "A"}})
    client.post_json(path + "/stock", {"delta": -2})
    client.put_json(f"/api/v1/books/isbn/{made['isbn']}", fields)
    client.delete(path)
    client.put_json(f"/api/v1/books/isbn/{made['isbn']}", fields)
    client.get(path, status=404)
    assert recorder.names() == [
        "BookCreated",
        "BookUpdated",
        "BookUpdated",
        "StockChanged",
        "BookUpdated",
        "BookDeleted",
        "BookCreated",
    ]
    created, priced, shelved, sold, *_ = recorder.heard
    assert str(created.book.id) == made["id"]
    assert created.request.path == "/api/v1/books"
    assert (dict(priced.changes), priced.book.price) == ({"price": 7}, 7)
    assert shelved.book.extra == {"shelf": "A"}
    assert (sold.delta, sold.book.stock) == (-2, 3)
    assert recorder.heard[5].book.stock == 5


def test_a_refused_or_empty_change_sends_no_event(make_client: MakeClient) -> None:
    recorder = Recorder(events.BookEvent, events.ChangesCommitted)
    client = make_client(configure=recorder)
    made = client.post_json("/api/v1/books", book_fields(stock=1)).json
    path = f"/api/v1/books/{made['id']}"
    del recorder.heard[:]
    client.post_json("/api/v1/books", book_fields(isbn=made["isbn"]), status=409)
    client.put_json(path, {"price": 9}, headers={"If-Match": '"1"'}, status=412)
    client.post_json(path + "/stock", {"delta": -9}, status=409)
    client.put_json(path, {})
    client.delete(path, headers={"If-Match": '"1"'}, status=412)
    assert recorder.names() == []


def test_a_subscriber_that_refuses_rolls_the_change_back(make_client: MakeClient) -> None:
    def refuse(event: events.BookCreated) -> None:
        if event.book.author == "Banned":
            raise ValidationFailed([Fault("author", "/author", "Is not sold here.")])

    client = make_client(configure=lambda config: config.add_subscriber(refuse, events.BookCreated))
    refused = client.post_json("/api/v1/books", book_fields(author="Banned"), status=422)
    assert refused.json["details"][0]["message"] == "Is not sold here."
    assert client.get("/api/v1/books").json["total"] == 0
    client.post_json("/api/v1/books", book_fields(author="Welcome"))
    assert client.get("/api/v1/books").json["total"] == 1


def test_a_failing_subscriber_rolls_back_and_gives_500_without_details(
    make_client: MakeClient,
) -> None:
    def fail(event: events.BookEvent) -> None:
        raise ZeroDivisionError("a secret of the host")

    client = make_client(configure=lambda config: config.add_subscriber(fail, events.BookEvent))
    answer = client.post_json("/api/v1/books", book_fields(), status=500)
    assert answer.json["error"] == "internal_error"
    assert "secret" not in answer.text
    assert client.get("/api/v1/books").json["total"] == 0


def test_an_http_exception_of_a_subscriber_keeps_its_status(make_client: MakeClient) -> None:
    def refuse(event: events.BookEvent) -> None:
        raise HTTPPaymentRequired("This month's shelf is full.")

    client = make_client(configure=lambda config: config.add_subscriber(refuse, events.BookEvent))
    answer = client.post_json("/api/v1/books", book_fields(), status=402)
    assert answer.content_type == "application/problem+json"
    assert answer.json["status"] == 402
    assert answer.json["error"] == "payment_required"
    assert answer.json["detail"] == "This month's shelf is full."
    assert client.get("/api/v1/books").json["total"] == 0


def test_a_change_refused_by_a_subscriber_is_undone_even_if_the_host_goes_on(
    engine: Engine,
) -> None:
    """This holds for each kind of change; the row that the host adds afterwards is kept."""

    def refuse(event: events.BookEvent) -> None:
        if "refuse" in event.request.params:
            event.request.dbsession.add(Note(text="of the subscriber"))
            raise ValidationFailed([Fault("title", "/title", "Not here.")])

    def change(request: Request) -> Response:
        bookstore = request.bookstore
        book = bookstore.list(limit=1).books[0]
        calls = {
            "create": lambda: bookstore.create(book_fields()),
            "upsert": lambda: bookstore.upsert(book_fields()),
            "update": lambda: bookstore.update(book.id, {"title": "Changed"}),
            "stock": lambda: bookstore.change_stock(book.id, 5),
            "delete": lambda: bookstore.delete(book.id),
            "import": lambda: bookstore.import_books(
                BytesIO(json.dumps(book_fields()).encode()), "ndjson"
            ),
        }
        with suppress(ValidationFailed):
            calls[request.matchdict["kind"]]()
        request.dbsession.add(Note(text=request.matchdict["kind"]))
        return Response("went on")

    def configure(config: Configurator) -> None:
        config.add_subscriber(refuse, events.BookEvent)
        config.add_subscriber(committed.append, events.ChangesCommitted)
        config.add_route("change", "/change/{kind}")
        config.add_view(change, route_name="change")

    committed: list[Any] = []
    app = webtest.TestApp(cookiecutter(engine, configure=configure))
    made = app.post_json("/shop/books", book_fields(title="As it was", stock=3)).json
    del committed[:]
    kinds = ["create", "upsert", "update", "stock", "delete", "import"]
    for kind in kinds:
        assert app.get(f"/change/{kind}?refuse").text == "went on"
    assert app.get("/shop/books").json["data"] == [made]
    assert notes(engine) == kinds
    assert committed == []
    app.get("/change/stock")
    assert app.get(f"/shop/books/{made['id']}").json["stock"] == 8
    assert len(committed) == 1


def test_a_subscriber_writes_in_the_same_transaction(engine: Engine) -> None:
    def note(event: events.StockChanged) -> None:
        event.request.dbsession.add(Note(text=f"{event.delta} of {event.book.stock - event.delta}"))
        if event.book.stock == 0:
            raise ValidationFailed([Fault("delta", "/delta", "The last copy stays here.")])

    app = webtest.TestApp(
        cookiecutter(
            engine, configure=lambda config: config.add_subscriber(note, events.StockChanged)
        )
    )
    made = app.post_json("/shop/books", book_fields(stock=3)).json
    path = f"/shop/books/{made['id']}/stock"
    app.post_json(path, {"delta": -2})
    app.post_json(path, {"delta": -1}, status=422)
    assert notes(engine) == ["-2 of 3"]
    assert app.get(f"/shop/books/{made['id']}").json["stock"] == 1


@pytest.mark.parametrize("with_tm", [True, False, None], ids=["tm", "plain session", "own engine"])
def test_changes_committed_is_sent_after_the_commit(
    engine: Engine, make_client: MakeClient, with_tm: bool | None
) -> None:
    """``with_tm`` None means the bookstore's own engine and transaction."""
    seen: list[int] = []

    def configure(config: Configurator) -> None:
        config.add_subscriber(look, events.ChangesCommitted)

    def look(event: events.ChangesCommitted) -> None:
        assert [type(change) for change in event.changes] == [events.BookCreated]
        seen.append(client.get(f"{base}/books").json["total"])
        raise RuntimeError("too late to undo anything")

    if with_tm is None:
        client, base = make_client(configure=configure), "/api/v1"
    else:
        client = webtest.TestApp(cookiecutter(engine, configure=configure, with_tm=with_tm))
        base = "/shop"
    client.post_json(f"{base}/books", book_fields())
    client.post_json(f"{base}/books", {"title": "refused"}, status=422)
    assert seen == [1]
    assert client.get(f"{base}/books").json["total"] == 1


class TestLongLivedSession:
    """One session for many requests; the host or a transaction manager ends its transactions."""

    @pytest.fixture(params=["the host's", "a manager's"])
    def steps(self, engine: Engine, request: pytest.FixtureRequest) -> Iterator[Any]:
        """``create(n)``, ``commit()``, ``rollback()``, ``session``, and ``heard``: the changes that
        were reported as committed, by the last digits of the titles."""
        managed = request.param == "a manager's"
        manager = TransactionManager() if managed else None
        session = Session(engine)
        if manager:
            zope.sqlalchemy.register(session, transaction_manager=manager)
        recorder = Recorder(events.ChangesCommitted)
        with pyramid.testing.testConfig(settings={"bookstore.dbsession": "dbsession"}) as config:
            config.add_request_method(lambda request: session, "dbsession", reify=True)
            config.include("pyramid_bookstore")
            recorder(config)
            config.commit()

            def create(number: int) -> None:
                asked = Request.blank("/")
                asked.registry = config.registry
                apply_request_extensions(asked)
                asked.bookstore.create(book_fields(title=f"book {number}"))

            yield SimpleNamespace(
                session=session,
                create=create,
                commit=manager.commit if manager else session.commit,
                rollback=manager.abort if manager else session.rollback,
                heard=lambda: [
                    [change.book.title[-1] for change in notice.changes]
                    for notice in recorder.heard
                ],
            )
        session.close()

    def test_changes_rolled_back_are_not_reported_by_the_next_commit(self, steps: Any) -> None:
        steps.create(1)
        steps.rollback()
        steps.commit()
        steps.create(9)
        steps.session.close()
        steps.rollback()
        steps.commit()
        assert steps.heard() == []
        steps.create(2)
        steps.create(3)
        steps.commit()
        steps.commit()
        assert steps.heard() == [["2"], ["3"]]

    def test_rolling_back_a_savepoint_drops_only_the_changes_inside_it(self, steps: Any) -> None:
        steps.create(1)
        outer = steps.session.begin_nested()
        steps.create(2)
        inner = steps.session.begin_nested()
        steps.create(3)
        inner.commit()
        outer.rollback()
        kept = steps.session.begin_nested()
        steps.create(4)
        kept.commit()
        assert steps.heard() == []
        steps.commit()
        assert steps.heard() == [["1"], ["4"]]
        assert steps.session.scalar(select(func.count()).select_from(Book)) == 2
