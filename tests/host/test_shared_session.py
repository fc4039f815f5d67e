"""One session, one transaction: what a host and the bookstore write together, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import transaction
import webtest
import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

import pyramid_bookstore.testing as bookstore_testing
from pyramid_bookstore import events
from pyramid_bookstore.db.base import Base
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.errors import InsufficientStock, IsbnTaken
from tests.host.hosts import HostBase, Note, cookiecutter, notes


def selling(config: Configurator) -> None:
    """Add views that write a row of the host and sell copies of a book."""
    config.add_route("sell", "/sell/{id}/{copies}")
    config.add_view(sell, route_name="sell")
    config.add_route("try", "/try/{id}/{copies}")
    config.add_view(try_to_sell, route_name="try")


def sell(request: Request) -> Response:
    request.dbsession.add(Note(text="sold " + request.matchdict["copies"]))
    copies = int(request.matchdict["copies"])
    book = request.bookstore.change_stock(UUID(request.matchdict["id"]), -copies)
    if request.params.get("fail"):
        raise ArithmeticError("after both")
    return Response(str(book.stock), status=int(request.params.get("status", 200)))


def try_to_sell(request: Request) -> Response:
    try:
        return sell(request)
    except InsufficientStock as refused:
        return Response(f"only {refused.available}")


@pytest.fixture
def book(engine: Engine) -> str:
    """The id of a committed book with 5 copies."""
    app = webtest.TestApp(cookiecutter(engine))
    return str(app.post_json("/shop/books", bookstore_testing.book_fields(stock=5)).json["id"])


def stock(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT stock FROM bookstore_books")) or 0)


@pytest.mark.parametrize("tm_first", [True, False])
def test_rows_of_host_and_bookstore_are_committed_together(
    engine: Engine, book: str, tm_first: bool
) -> None:
    app = webtest.TestApp(cookiecutter(engine, configure=selling, tm_first=tm_first))
    assert app.get(f"/sell/{book}/2").text == "3"
    assert (notes(engine), stock(engine)) == (["sold 2"], 3)


@pytest.mark.parametrize("path", ["/sell/{}/9", "/sell/{}/2?fail=1"])
def test_on_an_error_rows_of_host_and_bookstore_are_both_rolled_back(
    engine: Engine, book: str, path: str
) -> None:
    app = webtest.TestApp(cookiecutter(engine, configure=selling))
    with pytest.raises((InsufficientStock, ArithmeticError)):
        app.get(path.format(book))
    assert (notes(engine), stock(engine)) == ([], 5)


def test_the_host_can_commit_after_a_refused_stock_change(engine: Engine, book: str) -> None:
    app = webtest.TestApp(cookiecutter(engine, configure=selling))
    assert app.get(f"/try/{book}/9").text == "only 5"
    assert (notes(engine), stock(engine)) == (["sold 9"], 5)


def test_the_host_can_commit_after_an_isbn_conflict(engine: Engine, book: str) -> None:
    def configure(config: Configurator) -> None:
        def view(request: Request) -> Response:
            request.dbsession.add(Note(text="kept"))
            isbn = request.bookstore.get(UUID(book)).isbn
            other = request.bookstore.create(bookstore_testing.book_fields())
            for write in (
                lambda: request.bookstore.create(bookstore_testing.book_fields(isbn=isbn)),
                lambda: request.bookstore.update(other.id, {"isbn": isbn}),
            ):
                with pytest.raises(IsbnTaken):
                    write()
            return Response("ok")

        config.add_route("both", "/both")
        config.add_view(view, route_name="both")

    webtest.TestApp(cookiecutter(engine, configure=configure)).get("/both")
    assert notes(engine) == ["kept"]


def test_the_commit_veto_of_the_host_rolls_the_bookstore_back_too(
    engine: Engine, book: str
) -> None:
    settings = {"tm.commit_veto": "pyramid_tm.default_commit_veto"}
    app = webtest.TestApp(cookiecutter(engine, configure=selling, settings=settings))
    app.get(f"/sell/{book}/2?status=409", status=409)
    assert (notes(engine), stock(engine)) == ([], 5)


def never(request: Request, response: Response) -> bool:
    """A commit veto of a host that never rolls back."""
    return False


def test_a_refused_request_is_rolled_back_whatever_the_commit_veto_says(engine: Engine) -> None:
    def configure(config: Configurator) -> None:
        def refuse(event: events.BookCreated) -> None:
            raise IsbnTaken(event.book.isbn)

        config.add_subscriber(refuse, events.BookCreated)

    settings = {"tm.commit_veto": "tests.host.test_shared_session.never"}
    app = webtest.TestApp(cookiecutter(engine, configure=configure, settings=settings))
    app.post_json("/shop/books", bookstore_testing.book_fields(), status=409)
    assert app.get("/shop/books").json["total"] == 0


def test_with_dbsession_the_bookstore_opens_no_engine(engine: Engine) -> None:
    app = cookiecutter(engine, settings={"sqlalchemy.url": "postgresql+psycopg://127.0.0.1:1/x"})
    assert webtest.TestApp(app).get("/shop/books").json["total"] == 0


def test_without_a_transaction_manager_our_views_commit_the_hosts_session(engine: Engine) -> None:
    app = webtest.TestApp(cookiecutter(engine, with_tm=False))
    made = app.post_json("/shop/books", bookstore_testing.book_fields()).json
    app.post_json("/shop/books", {"title": ""}, status=422)
    assert app.get("/shop/books/" + made["id"]).json == made
    assert webtest.TestApp(cookiecutter(engine)).get("/shop/books").json["total"] == 1


def test_testing_transaction_shows_its_writes_and_rolls_them_back(engine: Engine) -> None:
    app = cookiecutter(engine, configure=selling)
    with bookstore_testing.transaction(app, app.registry["dbsession_factory"]) as environ:
        client = webtest.TestApp(app, extra_environ=environ)
        made = client.post_json("/shop/books", bookstore_testing.book_fields(stock=5)).json
        assert client.get("/shop/books").json["total"] == 1
        assert client.get(f"/sell/{made['id']}/2").text == "3"
        assert client.get("/shop/books/" + made["id"]).json["stock"] == 3
        store = bookstore_testing.bookstore(environ["app.dbsession"])
        assert store.get(UUID(made["id"])).stock == 3
    assert webtest.TestApp(app).get("/shop/books").json["total"] == 0
    assert notes(engine) == []


def test_testing_transaction_rolls_back_on_the_bookstores_own_engine_too(
    database: str, make_app: Any
) -> None:
    app = make_app({"sqlalchemy.url": database})
    with bookstore_testing.transaction(app) as environ:
        client = webtest.TestApp(app, extra_environ=environ)
        made = client.post_json("/api/v1/books", bookstore_testing.book_fields()).json
        assert client.get("/api/v1/books/" + made["id"]).json == made
    assert webtest.TestApp(app).get("/api/v1/books").json["total"] == 0


def test_a_test_session_on_another_database_is_not_used_for_the_bookstore(
    database: str, make_app: Any, tmp_path: Path
) -> None:
    """A host with another database passes its own session in its tests."""
    app = make_app({"bookstore.sqlalchemy.url": database})
    elsewhere = create_engine(f"sqlite:///{tmp_path}/host.sqlite")
    manager = transaction.TransactionManager(explicit=True)
    manager.begin()
    environ = {
        "app.dbsession": Session(elsewhere),
        "tm.active": True,
        "tm.manager": manager,
    }
    client = webtest.TestApp(app, extra_environ=environ)
    made = client.post_json("/api/v1/books", bookstore_testing.book_fields()).json
    assert client.get("/api/v1/books/" + made["id"]).json == made
    manager.abort()
    environ["app.dbsession"].close()
    elsewhere.dispose()
    assert webtest.TestApp(app).get("/api/v1/books").json["total"] == 0


class TestRetry:
    """With pyramid_retry in the host, our responses to retryable errors are retried too."""

    @pytest.mark.parametrize("veto", [None, "pyramid_tm.default_commit_veto"])
    @pytest.mark.parametrize("catch_all", [False, True])
    def test_a_serialization_failure_is_retried_with_the_same_body(
        self, postgres_backend: Any, veto: str | None, catch_all: bool
    ) -> None:
        url = postgres_backend.create()
        engine = make_engine({"url": url, "isolation_level": "SERIALIZABLE"})
        tries: list[int] = []

        def configure(config: Configurator) -> None:
            if catch_all:
                config.add_exception_view(
                    lambda error, request: Response("host", status=500), context=Exception
                )

            def lose(event: events.StockChanged) -> None:
                """Let another transaction change what we read before our commit."""
                tries.append(event.delta)
                request = event.request
                request.dbsession.execute(text("SELECT sum(stock) FROM bookstore_books")).all()
                if len(tries) == 1:
                    with engine.begin() as other:
                        other.execute(text("SELECT sum(stock) FROM bookstore_books")).all()
                        other.execute(
                            text("UPDATE bookstore_books SET stock = 7 WHERE id <> :id"),
                            {"id": event.book.id},
                        )

            config.add_subscriber(lose, events.StockChanged)

        settings = {"retry.attempts": 3} | ({"tm.commit_veto": veto} if veto else {})
        app = webtest.TestApp(
            cookiecutter(engine, configure=configure, settings=settings, retry=True)
        )
        made = [
            app.post_json("/shop/books", bookstore_testing.book_fields(stock=5)).json
            for _ in range(2)
        ]
        answer = app.post_json(f"/shop/books/{made[0]['id']}/stock", {"delta": -2})
        assert (answer.json["stock"], tries) == (3, [-2, -2])
        engine.dispose()
        postgres_backend.drop(url)


def test_a_book_that_host_rows_refer_to_cannot_be_deleted(engine: Engine, make_app: Any) -> None:
    """A foreign key of the host prevents the DELETE: status 409, not 500."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE loans (book_id CHAR(32) REFERENCES bookstore_books (id))"
                if engine.dialect.name == "sqlite"
                else "CREATE TABLE loans (book_id uuid REFERENCES bookstore_books (id))"
            )
        )
    app = webtest.TestApp(cookiecutter(engine))
    made = app.post_json("/shop/books", bookstore_testing.book_fields()).json
    lent = UUID(made["id"])
    with engine.begin() as connection:
        value = lent.hex if engine.dialect.name == "sqlite" else lent
        connection.execute(text("INSERT INTO loans VALUES (:id)"), {"id": value})
    refused = app.delete(f"/shop/books/{lent}", status=409)
    assert refused.json["error"] == "book_in_use"
    assert "loans" not in refused.text
    assert app.get(f"/shop/books/{lent}").json == made
    own = webtest.TestApp(make_app({"sqlalchemy.url": str(engine.url.render_as_string(False))}))
    assert own.delete(f"/api/v1/books/{lent}", status=409).json["error"] == "book_in_use"
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM loans"))
    own.delete(f"/api/v1/books/{lent}", status=204)


class TestEnginesOfHosts:
    """Engines as hosts make them: plain ``create_engine``, with the transactions of the driver."""

    @pytest.fixture
    def plain(self, database: str) -> Iterator[Engine]:
        engine = create_engine(database)
        yield engine
        engine.dispose()

    @pytest.mark.parametrize("change", ["isbn", "stock", "delete", "create", "upsert", "import"])
    def test_an_error_after_a_bookstore_write_rolls_the_write_back(
        self, plain: Engine, change: str
    ) -> None:
        """On SQLite the driver begins no transaction before a savepoint, whose release would then
        commit."""

        def view(request: Request) -> Response:
            store, book = request.bookstore, request.matchdict["id"]
            other = bookstore_testing.book_fields()
            match change:
                case "isbn":
                    store.update(book, {"isbn": other["isbn"]})
                case "stock":
                    store.change_stock(book, -1)
                case "delete":
                    store.delete(book)
                case "create":
                    store.create(other)
                case "upsert":
                    store.upsert(other)
                case "import":
                    line = json.dumps(other).encode()
                    assert store.import_books(BytesIO(line), "ndjson").created == 1
            raise ArithmeticError("after it")

        def configure(config: Configurator) -> None:
            config.add_route("change", "/change/{id}")
            config.add_view(view, route_name="change")

        app = webtest.TestApp(cookiecutter(plain, configure=configure))
        made = app.post_json("/shop/books", bookstore_testing.book_fields()).json
        with pytest.raises(ArithmeticError):
            app.get("/change/" + made["id"])
        assert app.get("/shop/books").json["data"] == [made]

    def test_creating_changing_and_deleting_a_book_works_on_a_plain_engine(
        self, plain: Engine
    ) -> None:
        app = webtest.TestApp(cookiecutter(plain))
        fields = bookstore_testing.book_fields()
        key = {"Idempotency-Key": "one-and-only"}
        made = app.post_json("/shop/books", fields, headers=key).json
        assert app.post_json("/shop/books", fields, headers=key).json == made
        app.post_json("/shop/books", fields, status=409)
        path = f"/shop/books/{made['id']}"
        assert app.patch_json(path, {"isbn": bookstore_testing.isbn(7)}).json["stock"] == 5
        assert app.get("/shop/books").json["total"] == 1
        app.delete(path, status=204)
        assert app.get("/shop/books").json["total"] == 0

    @pytest.mark.parametrize("with_tm", [True, False])
    def test_before_commit_listeners_of_the_host_are_called_once(
        self, plain: Engine, with_tm: bool
    ) -> None:
        """They are not mistaken for the listeners of zope.sqlalchemy."""
        app = cookiecutter(plain, with_tm=with_tm)
        heard: list[Session] = []
        event.listen(app.registry["dbsession_factory"], "before_commit", heard.append)
        client = webtest.TestApp(app)
        client.post_json("/shop/books", bookstore_testing.book_fields())
        assert len(heard) == 1
        assert client.get("/shop/books").json["total"] == 1

    def test_a_session_bound_to_several_databases_by_model_works(
        self, plain: Engine, tmp_path: Path
    ) -> None:
        """The session has no default engine; we use the engine bound to our model."""
        elsewhere = create_engine(f"sqlite:///{tmp_path}/host.sqlite")
        HostBase.metadata.create_all(elsewhere)
        factory = sessionmaker(binds={HostBase: elsewhere, Base: plain})

        def dbsession(request: Request) -> Session:
            session = factory()
            zope.sqlalchemy.register(session, transaction_manager=request.tm)
            return session

        config = Configurator(settings={"bookstore.dbsession": "dbsession"})
        config.include("pyramid_tm")
        config.include("pyramid_bookstore")
        config.add_request_method(dbsession, reify=True)
        selling(config)
        app = webtest.TestApp(config.make_wsgi_app())
        assert app.get("/api/v1/ready").json["status"] == "ready"
        made = app.post_json("/api/v1/books", bookstore_testing.book_fields(stock=5)).json
        assert app.get("/api/v1/books").json["data"] == [made]
        assert app.get(f"/sell/{made['id']}/2").text == "3"
        assert notes(elsewhere) == ["sold 2"]
        with pytest.raises(ArithmeticError):
            app.get(f"/sell/{made['id']}/2?fail=1")
        assert (notes(elsewhere), stock(plain)) == (["sold 2"], 3)
        elsewhere.dispose()

    @pytest.mark.parametrize("bound", ["by default", "by model"])
    def test_a_constraint_error_in_the_host_database_rolls_the_bookstore_back(
        self, database: str, engine: Engine, make_app: Any, tmp_path: Path, bound: str
    ) -> None:
        """Without two-phase commit: if the flush of the host's session fails at the end, our
        database must not commit either."""
        elsewhere = create_engine(f"sqlite:///{tmp_path}/host.sqlite")
        HostBase.metadata.create_all(elsewhere)
        session = (
            Session(elsewhere) if bound == "by default" else Session(binds={HostBase: elsewhere})
        )

        def both(request: Request) -> Response:
            zope.sqlalchemy.register(session, transaction_manager=request.tm)
            request.environ["app.dbsession"] = session
            request.bookstore.create(bookstore_testing.book_fields())
            session.add(Note(text=None))
            return Response("not yet")

        def configure(config: Configurator) -> None:
            config.include("pyramid_tm")
            config.add_route("both", "/both")
            config.add_view(both, route_name="both")

        app = webtest.TestApp(make_app({"sqlalchemy.url": database}, configure=configure))
        with pytest.raises(IntegrityError):
            app.get("/both")
        assert app.get("/api/v1/books").json["total"] == 0
        elsewhere.dispose()
