"""Import and export in a host: on its session, in its transaction, with events."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import colander
import pytest
import webtest
from pyramid.config import Configurator
from sqlalchemy import Engine, text

from pyramid_bookstore import events
from pyramid_bookstore.errors import BookInUse, Fault, RowsRefused, ValidationFailed
from pyramid_bookstore.web.mount import Mount
from tests.host.hosts import Note, cookiecutter, notes
from tests.support.feeds import BOOKS, FAUST, IMPORT, MOMO, NDJSON, send

MakeClient = Callable[..., webtest.TestApp]

HEADER = "isbn,title,author,price,stock\n"
MOMO_ROW = f"{MOMO},Momo,Michael Ende,15.00,3\n"
FAUST_ROW = f"{FAUST},Faust,Goethe,9.50,0\n"


def books(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT title FROM bookstore_books ORDER BY title")))


@pytest.mark.parametrize("with_tm", [True, False])
@pytest.mark.parametrize("retry", [True, False])
def test_import_and_export_use_the_session_of_the_host(
    engine: Engine, with_tm: bool, retry: bool
) -> None:
    client = webtest.TestApp(cookiecutter(engine, with_tm=with_tm, retry=retry))
    path = "/shop/books/import"
    rows = (HEADER + MOMO_ROW + FAUST_ROW).encode()
    client.post(path + "?dry_run=true", rows, content_type="text/csv")
    assert books(engine) == []
    client.post(path, rows + b"x\n", content_type="text/csv", status=422)
    assert books(engine) == []
    client.post(path, rows, content_type="text/csv")
    assert books(engine) == ["Faust", "Momo"]
    assert client.get("/shop/books/export").body.count(b"\r\n") == 3


def test_host_views_can_import_and_export_in_their_transaction(engine: Engine) -> None:
    """One transaction covers the host's rows and the imported books; a refusal leaves it usable."""

    def fill(request: Any) -> dict[str, Any]:
        store = request.bookstore
        request.dbsession.add(Note(text="before"))
        with pytest.raises(RowsRefused):
            store.import_books(io.BytesIO((HEADER + MOMO_ROW + "x\n").encode()), "csv")
        with pytest.raises(ValidationFailed, match="empty"):
            store.import_books(io.BytesIO(b""), "csv")
        report = store.import_books(io.BytesIO((HEADER + MOMO_ROW).encode()), "csv")
        exported = b"".join(store.export_books(format="ndjson"))
        if "fail" in request.params:
            raise RuntimeError("after all")
        return {"created": report.created, "exported": exported.decode()}

    def configure(config: Configurator) -> None:
        config.add_route("fill", "/fill")
        config.add_view(fill, route_name="fill", renderer="json")

    client = webtest.TestApp(cookiecutter(engine, configure=configure))
    with pytest.raises(RuntimeError, match="after all"):
        client.get("/fill?fail=1")
    assert (books(engine), notes(engine)) == ([], [])
    answer = client.get("/fill").json
    assert answer["created"] == 1
    assert MOMO in answer["exported"]
    assert (books(engine), notes(engine)) == (["Momo"], ["before"])


def test_an_import_sends_one_event_for_each_changed_book(make_client: MakeClient) -> None:
    heard: list[Any] = []

    def configure(config: Configurator) -> None:
        config.add_subscriber(heard.append, events.BookEvent)
        config.add_subscriber(heard.append, events.ChangesCommitted)

    client = make_client(configure=configure)
    send(client, HEADER + MOMO_ROW)
    [created, committed] = heard
    assert isinstance(created, events.BookCreated)
    assert created.book.title == "Momo"
    assert committed.changes == (created,)
    heard.clear()
    send(client, HEADER + MOMO_ROW + FAUST_ROW + MOMO_ROW.replace("15", "16"), status=422)
    send(client, HEADER + MOMO_ROW, "?dry_run=true")
    assert heard == []
    send(client, HEADER + FAUST_ROW + MOMO_ROW.replace("15", "16"))
    created, updated, _committed = heard
    assert isinstance(created, events.BookCreated)
    assert isinstance(updated, events.BookUpdated)
    assert updated.changes == {"title": "Momo", "author": "Michael Ende", "price": 16, "stock": 3}
    assert updated.book.isbn == MOMO


@pytest.mark.parametrize("absent", ["zero", "delete"])
def test_absent_books_are_announced_as_other_changes_of_books_are(
    make_client: MakeClient, absent: str
) -> None:
    heard: list[Any] = []
    client = make_client(
        configure=lambda config: config.add_subscriber(heard.append, events.BookEvent)
    )
    options = "?source=trade&max_absent=100&absent="
    send(client, HEADER + MOMO_ROW + FAUST_ROW, options + "keep")
    heard.clear()
    send(client, HEADER + FAUST_ROW, options + "keep")
    send(client, HEADER + FAUST_ROW, options + f"{absent}&dry_run=true")
    assert heard == []
    send(client, HEADER + FAUST_ROW, options + absent)
    [event] = heard
    assert event.book.isbn == MOMO
    if absent == "delete":
        assert isinstance(event, events.BookDeleted)
        assert event.book.stock == 3
    else:
        assert isinstance(event, events.BookUpdated)
        assert (event.changes, event.book.stock) == ({"stock": 0}, 0)
    heard.clear()
    send(client, HEADER + FAUST_ROW, options + absent)
    assert heard == []


def test_an_import_that_refuses_absent_books_leaves_the_hosts_transaction_usable(
    engine: Engine,
) -> None:
    kind = "CHAR(32)" if engine.dialect.name == "sqlite" else "uuid"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE orders (b {kind} REFERENCES bookstore_books (id))"))

    def fill(request: Any) -> dict[str, Any]:
        store = request.bookstore

        def take(rows: str, **options: Any) -> Any:
            body = io.BytesIO((HEADER + rows).encode())
            return store.import_books(body, "csv", source="trade", **options)

        take(MOMO_ROW + FAUST_ROW)
        order = "INSERT INTO orders SELECT id FROM bookstore_books WHERE isbn = :isbn"
        request.dbsession.execute(text(order), {"isbn": MOMO})
        with pytest.raises(ValidationFailed, match="1 of the 2 books"):
            take(FAUST_ROW, absent="zero")
        with pytest.raises(BookInUse, match=MOMO):
            take(FAUST_ROW.replace("Faust", "New"), absent="delete", max_absent=50)
        request.dbsession.add(Note(text="after"))
        return {"titles": sorted(book.title for book in store.list().books)}

    def configure(config: Configurator) -> None:
        config.add_route("fill", "/fill")
        config.add_view(fill, route_name="fill", renderer="json")

    client = webtest.TestApp(cookiecutter(engine, configure=configure))
    assert client.get("/fill").json == {"titles": ["Faust", "Momo"]}
    assert (books(engine), notes(engine)) == (["Faust", "Momo"], ["after"])


def test_a_subscriber_that_refuses_rolls_the_import_back(make_client: MakeClient) -> None:
    def refuse(event: events.BookEvent) -> None:
        if event.book.isbn == FAUST:
            raise ValidationFailed([Fault("isbn", "/isbn", "Not in this shop.")])

    client = make_client(configure=lambda config: config.add_subscriber(refuse, events.BookCreated))
    answer = send(client, HEADER + MOMO_ROW + FAUST_ROW, status=422)
    assert answer.json["details"][0]["message"] == "Not in this shop."
    assert client.get(BOOKS).json["total"] == 0


class Extra(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    publisher = colander.SchemaNode(colander.String())


def test_imported_rows_are_validated_by_the_extra_schema_of_the_host(
    make_client: MakeClient,
) -> None:
    client = make_client(configure=_with_extra)
    line = f'{{"isbn":"{MOMO}","title":"T","author":"A","price":1'
    answer = send(client, line + "}\n", kind=NDJSON, status=422)
    assert answer.json["details"][0]["field"] == "extra.publisher"
    send(client, line + ',"extra":{"publisher":7}}\n', kind=NDJSON, status=422)
    send(client, line + ',"extra":{"publisher":"P"}}\n', kind=NDJSON)
    # An update that leaves extra out keeps it.
    assert send(client, f"isbn,title\n{MOMO},New\n").json["updated"] == 1
    assert client.get(BOOKS).json["data"][0]["extra"] == {"publisher": "P"}
    answer = send(client, f"isbn\n{FAUST}\n", status=422)
    fields = [detail["field"] for detail in answer.json["details"]]
    assert fields == ["title", "author", "price", "extra.publisher"]


def _with_extra(config: Configurator) -> None:
    def set_schema() -> None:
        Mount.of(config.registry).extra_schema = Extra().bind()

    # The bookstore's own directive comes with the include, which is later here.
    config.action(("test", "extra"), set_schema, order=-20)  # phase 1


def test_a_retried_import_reads_the_request_body_again(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transaction.interfaces import TransientError

    from pyramid_bookstore.feeds.importer import Importer

    run, tries = Importer.run, []

    def overtaken(self: Importer, **options: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise TransientError
        return run(self, **options)

    monkeypatch.setattr(Importer, "run", overtaken)
    client = make_client()
    assert send(client, HEADER + MOMO_ROW).json["created"] == 1
    assert len(tries) == 2


def test_an_import_without_content_length_is_limited_in_size_too(make_client: MakeClient) -> None:
    client = make_client({"bookstore.import.max_body_size": str(len(HEADER + MOMO_ROW))})

    def post(body: bytes, status: int) -> Any:
        request = webtest.TestRequest.blank(IMPORT, method="POST", content_type="text/csv")
        request.environ.pop("CONTENT_LENGTH", None)
        request.environ.update({"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True})
        return client.do_request(request, status=status)

    post((HEADER + MOMO_ROW + "x").encode(), 413)
    assert post((HEADER + MOMO_ROW).encode(), 200).json["created"] == 1


def test_a_truncated_or_empty_import_body_is_refused(make_client: MakeClient) -> None:
    client = make_client()
    answer = send(client, "isbn", headers={"Content-Length": "9"}, status=400)
    assert answer.json["error"] == "bad_request"
    assert "empty" in send(client, "", status=422).json["message"]


def test_an_import_replaces_a_temporary_table_left_by_a_failed_one(engine: Engine) -> None:
    """A host may go on with its transaction after an import has failed halfway."""
    from pyramid_bookstore.feeds.importer import Importer
    from pyramid_bookstore.feeds.intake import Intake

    with Intake() as intake, engine.begin() as connection:
        intake.read(io.BytesIO((HEADER + MOMO_ROW).encode()), "csv")
        first = Importer(intake, connection)
        first._stage()  # and nothing more
        assert Importer(intake, connection).run().created == 1


def test_an_import_without_copy_works_for_drivers_other_than_psycopg(
    postgres_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COPY needs psycopg; the session of a host may use another driver."""
    from pyramid_bookstore.db.engines import make_engine
    from pyramid_bookstore.feeds.importer import Importer
    from pyramid_bookstore.feeds.intake import Intake

    url = postgres_backend.create()
    engine = make_engine({"url": url})
    try:
        with Intake() as intake, engine.begin() as connection:
            intake.read(io.BytesIO((HEADER + MOMO_ROW + FAUST_ROW).encode()), "csv")
            monkeypatch.setattr(engine.dialect, "driver", "other")
            assert Importer(intake, connection).run().created == 2
        monkeypatch.undo()
        assert books(engine) == ["Faust", "Momo"]
    finally:
        engine.dispose()
        postgres_backend.drop(url)


def test_an_export_on_the_session_of_the_host_holds_no_connection(engine: Engine) -> None:
    client = webtest.TestApp(cookiecutter(engine))
    client.post("/shop/books/import", (HEADER + MOMO_ROW).encode(), content_type="text/csv")
    environ = client.RequestClass.blank("/shop/books/export").environ
    chunks = client.app(environ, lambda status, headers, exc_info=None: None)
    pool: Any = engine.pool
    assert pool.checkedout() == 0
    assert MOMO.encode() in b"".join(chunks)
    chunks = client.app(client.RequestClass.blank("/shop/books/export").environ, lambda *args: None)
    chunks.close()
