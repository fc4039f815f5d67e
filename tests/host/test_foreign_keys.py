"""A host's foreign key to a book refuses with 409, whenever the database looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import webtest
from click.testing import CliRunner
from pyramid.config import Configurator
from sqlalchemy import Engine, create_engine, event, text

import pyramid_bookstore.testing as bookstore_testing
from pyramid_bookstore import events
from pyramid_bookstore.cli import main
from tests.host.hosts import cookiecutter

DEFERRED = "DEFERRABLE INITIALLY DEFERRED"
#: How a foreign key is checked, and to which column it leads.
KEYS = [(when, to) for when in ("", DEFERRED) for to in ("id", "isbn")]
CSV = {"content_type": "text/csv"}


@pytest.fixture
def hosts_engine(database: str) -> Iterator[Engine]:
    """As a host makes it that minds its foreign keys."""
    engine = create_engine(database)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connect(connection: Any, _record: Any) -> None:
            connection.execute("PRAGMA foreign_keys = ON")

    yield engine
    engine.dispose()


@pytest.fixture(params=KEYS, ids=lambda key: " ".join(key).strip())
def key(request: pytest.FixtureRequest, hosts_engine: Engine) -> str:
    """The column that orders refer to; two rows of ours and one of nobody's are made."""
    when, to = request.param
    kinds = {"isbn": "VARCHAR(13)", "id": "UUID"}
    if hosts_engine.dialect.name == "sqlite":
        kinds["id"] = "CHAR(32)"
    with hosts_engine.begin() as connection:
        connection.execute(
            text(
                'CREATE TABLE "the orders" ("book" '
                f"{kinds[to]} REFERENCES bookstore_books ({to}) {when})"
            )
        )
        connection.execute(text('INSERT INTO "the orders" VALUES (NULL)'))
    return str(to)


def subscribed(config: Configurator) -> None:
    """A subscriber takes the request out of autocommit."""
    config.add_subscriber(lambda event: None, events.BookDeleted)


def own(engine: Engine, make_app: Any, **options: Any) -> Any:
    return make_app(
        {
            "sqlalchemy.url": engine.url.render_as_string(hide_password=False),
            "bookstore.prefix": "/shop",
        },
        **options,
    )


HOSTS: dict[str, Callable[[Engine, Any], Any]] = {
    "autocommit": own,
    "own transaction": lambda engine, make: own(engine, make, configure=subscribed),
    "host's transaction": lambda engine, make: cookiecutter(engine),
    "host's session": lambda engine, make: cookiecutter(engine, with_tm=False),
    "host's transaction with subscribers": lambda engine, make: cookiecutter(
        engine, configure=subscribed
    ),
}


@pytest.fixture(params=HOSTS)
def app(request: pytest.FixtureRequest, hosts_engine: Engine, make_app: Any) -> webtest.TestApp:
    return webtest.TestApp(HOSTS[request.param](hosts_engine, make_app))


def order(engine: Engine, book: dict[str, Any], key: str) -> None:
    value: Any = book["isbn"]
    if key == "id":
        value = UUID(book["id"])
        value = value.hex if engine.dialect.name == "sqlite" else value
    with engine.begin() as connection:
        connection.execute(text('INSERT INTO "the orders" VALUES (:value)'), {"value": value})


def test_what_is_referred_to_is_neither_deleted_nor_changed_and_other_books_are(
    app: webtest.TestApp, hosts_engine: Engine, key: str
) -> None:
    ordered, other = (
        app.post_json("/shop/books", bookstore_testing.book_fields()).json for _ in range(2)
    )
    order(hosts_engine, ordered, key)
    refused = app.delete(f"/shop/books/{ordered['id']}", status=409)
    assert refused.json["error"] == "book_in_use"
    assert app.get(f"/shop/books/{ordered['id']}").json == ordered
    change = {"isbn": bookstore_testing.book_fields()["isbn"]}
    status = 409 if key == "isbn" else 200
    answer = app.put_json(f"/shop/books/{ordered['id']}", change, status=status)
    if key == "isbn":
        assert answer.json["error"] == "book_in_use"
        assert app.get(f"/shop/books/{ordered['id']}").json == ordered
        app.put_json(f"/shop/books/{other['id']}", change, status=200)
    app.delete(f"/shop/books/{other['id']}", status=204)
    assert [book["id"] for book in app.get("/shop/books").json["data"]] == [ordered["id"]]


@pytest.mark.parametrize("dry", ["true", "false"])
def test_a_bulk_deletion_is_refused_with_the_name_of_an_ordered_book(
    hosts_engine: Engine, key: str, dry: str, make_app: Any
) -> None:
    app = webtest.TestApp(own(hosts_engine, make_app))
    isbns = [bookstore_testing.book_fields()["isbn"] for _ in range(5)]

    def feed(*chosen: str) -> bytes:
        rows = "".join(f"A,B,{isbn},1,1\n" for isbn in chosen)
        return f"title,author,isbn,price,stock\n{rows}".encode()

    path = "/shop/books/import?source=x"
    app.post(path, feed(*isbns), **CSV)
    books = {book["isbn"]: book for book in app.get("/shop/books").json["data"]}
    order(hosts_engine, books[isbns[2]], key)
    delete = f"{path}&absent=delete&max_absent=100%25&dry_run={dry}"
    refused = app.post(delete, feed(isbns[0]), status=409, **CSV)
    assert refused.json["error"] == "book_in_use"
    assert isbns[2] in refused.json["message"]
    assert app.get("/shop/books").json["total"] == 5
    assert app.post(delete, feed(*isbns[:3]), **CSV).json["absent"] == 2


def test_the_command_line_says_which_book_is_ordered(
    hosts_engine: Engine, key: str, tmp_path: Path, make_app: Any
) -> None:
    url = hosts_engine.url.render_as_string(hide_password=False)
    ini, feed = tmp_path / "shop.ini", tmp_path / "feed.csv"
    ini.write_text(
        "[app:main]\nuse = egg:pyramid_bookstore\n"
        f"bookstore.sqlalchemy.url = {url.replace('%', '%%')}\n"
    )

    def run(rows: str, *options: str) -> Any:
        feed.write_text(f"title,author,isbn,price\n{rows}")
        words = ["-c", str(ini), "import", str(feed), "--source", "x", *options]
        return CliRunner().invoke(main, words)

    kept, ordered = (bookstore_testing.book_fields()["isbn"] for _ in range(2))
    assert run(f"A,B,{kept},1\nA,B,{ordered},1\n").exit_code == 0
    app = webtest.TestApp(own(hosts_engine, make_app))
    order(hosts_engine, app.get(f"/shop/books/isbn/{ordered}").json, key)
    done = run(f"A,B,{kept},1\n", "--absent", "delete", "--max-absent", "100%")
    assert done.exit_code == 1
    assert f"The book {ordered} is not in the file and cannot be deleted" in done.output
    assert app.get("/shop/books").json["total"] == 2


def test_a_subscriber_may_delete_what_refers_to_the_book(
    hosts_engine: Engine, key: str, request: pytest.FixtureRequest
) -> None:
    """That is what a deferred foreign key is for; one that is not deferred refuses before."""

    def configure(config: Configurator) -> None:
        def forget(event: events.BookDeleted) -> None:
            event.request.dbsession.execute(text('DELETE FROM "the orders"'))

        config.add_subscriber(forget, events.BookDeleted)

    app = webtest.TestApp(cookiecutter(hosts_engine, configure=configure))
    book = app.post_json("/shop/books", bookstore_testing.book_fields()).json
    order(hosts_engine, book, key)
    deferred = DEFERRED in request.node.name
    app.delete(f"/shop/books/{book['id']}", status=204 if deferred else 409)
    with hosts_engine.connect() as connection:
        left = connection.scalar(text('SELECT count(*) FROM "the orders"'))
    assert left == (0 if deferred else 2)
