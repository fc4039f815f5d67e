"""Fields declared for a catalogue that is there: 503 until `bookstore reindex`, never wrong."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import colander
import pytest
from click.testing import CliRunner
from pyramid.config import Configurator
from sqlalchemy import Engine, func, inspect, select, text
from webtest import TestApp

from pyramid_bookstore.catalogue import declared_index, facets
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.cli import main
from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.web.mount import Mount
from tests.support.api import isbn
from tests.support.apps import close_app
from tests.support.server import write_ini

FIELDS = {
    "bookstore.field.publisher": "text filter facet sort search",
    "bookstore.field.pages": "integer filter sort",
}
ASKED = ("publisher=piper", "min_pages=3", "sort=publisher", "sort=-pages", "facets=publisher")

MakeClient = Callable[..., TestApp]


class Shop:
    """A database, with an application and a command line for each declaration."""

    def __init__(self, url: str, folder: Path, make_client: MakeClient) -> None:
        self.url = url
        self.folder = folder
        self._make = make_client

    def client(self, fields: dict[str, str] = FIELDS, **more: Any) -> TestApp:
        return self._make(fields, url=self.url, **more)

    def run(self, command: str, fields: dict[str, str] = FIELDS, code: int = 0) -> str:
        ini = write_ini(self.folder, {"bookstore.sqlalchemy.url": self.url, **fields})
        done = CliRunner().invoke(main, ["-c", str(ini), command])
        assert done.exit_code == code, (done.output, done.exception)
        return done.output


@pytest.fixture
def shop(database: str, tmp_path: Path, make_client: MakeClient) -> Shop:
    return Shop(database, tmp_path, make_client)


def book(number: int, **extra: Any) -> dict[str, Any]:
    return {
        "title": "Faust", "author": "Goethe", "isbn": isbn(number), "price": 5, "extra": extra,
    }  # fmt: skip


def post(client: TestApp, *numbers: int, **extra: Any) -> None:
    for number in numbers:
        client.post_json("/api/v1/books", book(number, **extra))


def listed(client: TestApp, query: str, status: int = 200) -> Any:
    return client.get(f"/api/v1/books?limit=100&{query}", status=status).json


def refused(client: TestApp) -> None:
    """Everything that needs a declared field is answered 503, and nothing else."""
    for query in ASKED:
        answer = client.get(f"/api/v1/books?{query}", status=503)
        assert "bookstore -c INI reindex" in answer.json["message"], query
        assert answer.headers["Retry-After"]
    assert "data" in listed(client, "sort=title")


def names_of_indexes(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        names = connection.scalars(dialect_named(engine.dialect.name).index_names(BOOKS.name))
        return {name for name in names if name.startswith("bookstore_declared_")}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared_index, "BATCH", 4)


@pytest.mark.usefixtures("small_batches")
def test_books_from_before_the_declaration_are_not_found_wrongly_but_after_reindex(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    post(shop.client({}), *range(10), publisher="Piper", pages=7)
    client = shop.client()
    assert "Run: bookstore -c INI reindex" in caplog.text
    refused(client)
    assert "fault    fields: Indexes of declared fields are missing" in shop.run("check", code=1)
    said = shop.run("reindex")
    assert "10 books brought up to date." in said
    for query in ASKED:
        assert listed(client, query)["total"] == 10, query
    assert listed(client, "search=piper")["total"] == 10
    assert "ok       fields: 2 declared" in shop.run("check")
    assert "declared fields: nothing to do." in shop.run("reindex")
    caplog.clear()
    shop.client()
    assert "reindex" not in caplog.text


def test_a_facet_that_becomes_a_filter_needs_reindex(shop: Shop) -> None:
    """What it is counted by is not what it is found by, though both are tokens."""
    post(shop.client({"bookstore.field.form": "text facet"}), 1, form="BB")
    fields = {"bookstore.field.form": "text filter facet"}
    client = shop.client(fields)
    client.get("/api/v1/books?form=BB", status=503)
    shop.run("reindex", fields)
    assert listed(client, "form=BB")["total"] == 1


def test_values_that_the_hosts_node_prepares_are_counted_as_it_prepares_them(shop: Shop) -> None:
    post(shop.client({}), 1, form="ger")
    config = Configurator(settings={"bookstore.sqlalchemy.url": shop.url})
    config.include("pyramid_bookstore")
    node = colander.SchemaNode(
        colander.String(), preparer=lambda code: {"ger": "deu"}.get(code, code)
    )
    config.add_bookstore_field("form", node, facet=True)
    client = TestApp(config.make_wsgi_app())
    mount = Mount.of(client.app.registry)
    assert mount.database is not None
    declared_index.build(mount.database.writing, mount.rules.declared)
    assert listed(client, "facets=form")["facets"] == {"form": [{"value": "deu", "books": 1}]}
    close_app(client.app)


def test_reindex_and_check_say_where_no_field_is_declared(shop: Shop) -> None:
    said = (
        "None are declared here: bookstore.trade and bookstore.field.* are not set in INI or"
        " environment.\n"
    )
    for command, line in (("reindex", "declared fields: "), ("check", "ok       fields: ")):
        assert f"{line}{said}" in shop.run(command, {})
        assert said not in shop.run(command)


def test_a_new_database_needs_no_reindex(backend: Any, make_client: MakeClient) -> None:
    client = make_client({"bookstore.migrate": "true", **FIELDS})
    assert listed(client, "publisher=piper&facets=publisher")["total"] == 0
    post(client, 1, publisher="Piper")
    assert listed(client, "publisher=piper")["total"] == 1


@pytest.mark.usefixtures("small_batches")
def test_books_are_written_while_the_indexes_are_made(shop: Shop) -> None:
    client = shop.client()
    post(shop.client({}), *range(30), publisher="Piper", pages=7)
    ended = threading.Event()
    faults: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(100, 140):
                post(client, number, publisher="Piper", pages=9)
        except Exception as error:  # noqa: BLE001  # told by the test
            faults.append(error)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    shop.run("reindex")
    writer.join()
    assert faults == []
    shop.run("reindex")
    assert listed(client, "publisher=piper")["total"] == 70
    assert listed(client, "min_pages=8")["total"] == 40


@pytest.mark.usefixtures("small_batches")
def test_a_reindex_that_was_broken_off_goes_on_where_it_was(shop: Shop, engine: Engine) -> None:
    post(shop.client({}), *range(10), publisher="Piper", pages=7)
    fields = Mount.of(shop.client().app.registry).rules.declared
    done: list[int] = []

    def broken_off(written: int) -> None:
        done.append(written)
        if written > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        declared_index.build(engine, fields, broken_off)
    assert done == [4, 8]
    refused(shop.client())
    assert "2 books brought up to date." in shop.run("reindex")
    assert listed(shop.client(), "publisher=piper")["total"] == 10


@pytest.mark.undescribed  # the description says what is valid since the declaration
def test_values_from_before_that_are_not_valid_are_counted_and_not_found(shop: Shop) -> None:
    before = shop.client({})
    post(before, 1, publisher=5, pages="many")
    post(before, 2, publisher="Piper", pages=7)
    said = shop.run("reindex")
    assert "Values from before the declaration that are not valid: 2." in said
    client = shop.client()
    assert listed(client, "min_pages=0")["total"] == 1
    assert listed(client, "facets=publisher")["facets"]["publisher"] == [
        {"value": "Piper", "books": 1}
    ]
    assert [each["extra"]["pages"] for each in listed(client, "sort=-pages")["data"]] == [7, "many"]


def test_books_written_without_the_declaration_are_a_503_until_reindex_again(shop: Shop) -> None:
    shop.run("reindex")
    client = shop.client()
    post(client, 1, publisher="Piper")
    assert listed(client, "publisher=piper")["total"] == 1
    post(shop.client({}), 2, publisher="Piper")
    refused(client)
    assert "There are books that were written without" in shop.run("check", code=1)
    assert "1 book brought up to date" in shop.run("reindex")
    assert listed(client, "publisher=piper")["total"] == 2
    # A book without members needs no keys, whoever writes it.
    post(shop.client({}), 3)
    assert listed(client, "publisher=piper")["total"] == 2


def test_a_book_that_is_changed_without_the_declaration_is_not_found_by_its_old_values(
    shop: Shop,
) -> None:
    shop.run("reindex")
    client, other = shop.client(), shop.client({})
    made = client.post_json("/api/v1/books", book(1, publisher="Piper", pages=7)).json
    path = f"/api/v1/books/{made['id']}"
    other.put_json(path, book(1))
    assert listed(client, "publisher=piper")["total"] == 0
    assert listed(client, "min_pages=1")["total"] == 0
    assert listed(client, "search=piper")["total"] == 0
    other.put_json(path, book(1, publisher="dtv"))
    refused(client)


def test_fields_that_are_declared_no_more_lose_their_indexes(shop: Shop, engine: Engine) -> None:
    post(shop.client({}), 1, publisher="Piper", pages=7)
    shop.run("reindex")
    assert "bookstore_declared_pages_idx" in names_of_indexes(engine)
    fewer = {"bookstore.field.publisher": "text sort"}
    shop.run("reindex", fewer)
    names = names_of_indexes(engine)
    assert "bookstore_declared_publisher_idx" in names
    assert "bookstore_declared_pages_idx" not in names
    assert not inspect(engine).has_table("bookstore_attributes")
    assert "declared fields: nothing to do." in shop.run("reindex", fewer)
    assert listed(shop.client(fewer), "sort=publisher")["total"] == 1


def test_a_declaration_that_is_gone_leaves_no_index_after_reindex(
    shop: Shop, engine: Engine
) -> None:
    post(shop.client({}), 1, publisher="Piper", pages=7)
    shop.run("reindex")
    assert listed(shop.client(), "search=piper")["total"] == 1
    shop.run("reindex", {})
    assert listed(shop.client({}), "search=piper")["total"] == 0
    assert names_of_indexes(engine) == set()
    assert not inspect(engine).has_table("bookstore_attributes")


def test_the_migration_goes_down_with_all_that_reindex_made_and_up_again(
    shop: Shop, engine: Engine
) -> None:
    post(shop.client({}), 1, publisher="Piper", pages=7)
    shop.run("reindex")
    migrations.downgrade(engine, "bookstore_0003")
    assert names_of_indexes(engine) == set()
    assert not inspect(engine).has_table("bookstore_attributes")
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(text(BOOKS.name))) == 1
    migrations.upgrade(engine)
    client = shop.client()
    refused(client)
    assert listed(client, "search=faust")["total"] == 1
    shop.run("reindex")
    assert listed(client, "search=piper")["total"] == 1
    assert listed(client, "publisher=piper")["total"] == 1


def test_the_tokens_of_an_older_database_get_the_age_of_their_books(shop: Shop) -> None:
    """And are as those that `reindex` makes; the way back too."""
    post(shop.client({}), 1, publisher="Piper", pages=7)
    shop.run("reindex")
    post(shop.client(), 2, publisher="dtv")
    engine = make_engine({"url": shop.url})
    now = tokens_of(engine)
    migrations.downgrade(engine, "bookstore_0007")
    before = tokens_of(engine)
    assert bool(now) == (engine.dialect.name == "sqlite")
    assert (now != before) == bool(now)
    migrations.upgrade(engine)
    assert tokens_of(engine) == now
    client = shop.client()
    post(client, 3, publisher="Piper")
    assert listed(client, "publisher=piper")["total"] == 2
    engine.dispose()


def test_tokens_that_printed_statements_took_away_are_missed_and_made_again(shop: Shop) -> None:
    post(shop.client({}), 1, publisher="Piper", pages=7)
    shop.run("reindex")
    engine = make_engine({"url": shop.url})
    now = tokens_of(engine)
    migrations.downgrade(engine, "bookstore_0007")
    printed = io.StringIO()
    migrations.upgrade(engine, "bookstore_0007:bookstore_0008", sql=True, output=printed)
    with engine.begin() as connection:
        for statement in printed.getvalue().split(";"):
            if statement.strip() not in ("", "BEGIN", "COMMIT"):
                connection.exec_driver_sql(statement)
    migrations.upgrade(engine)
    if now:
        assert "Indexes of declared fields are missing: 1." in shop.run("check", code=1)
    shop.run("reindex")
    assert tokens_of(engine) == now
    assert listed(shop.client(), "publisher=piper")["total"] == 1
    engine.dispose()


def test_long_values_are_told_apart_to_their_end(shop: Shop) -> None:
    shop.run("reindex")
    client = shop.client()
    values = ["k" * 600 + "x", "k" * 600 + "y"]
    for number, value in enumerate(values):
        post(client, number, publisher=value)
    for value in values:
        assert listed(client, f"publisher={value}")["total"] == 1
    assert len(listed(client, "facets=publisher")["facets"]["publisher"]) == 2


def tokens_of(engine: Engine) -> list[tuple[Any, ...]]:
    """The table of tokens, its triggers and its rows, without blanks and line breaks."""
    if not inspect(engine).has_table("bookstore_attributes"):
        return []
    with engine.connect() as connection:
        made = "SELECT replace(replace(sql, ' ', ''), char(10), '') FROM sqlite_master"
        named = "WHERE name LIKE 'bookstore_attributes%' ORDER BY name"
        definitions = connection.execute(text(f"{made} {named}")).all()
        rows = connection.execute(text("SELECT * FROM bookstore_attributes")).all()
    return [tuple(row) for row in (*definitions, *rows)]


def test_the_start_says_nothing_of_a_database_that_is_not_set_up(
    tmp_path: Path, make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/new.sqlite"
    client = make_client(FIELDS, url=url)
    assert "reindex" not in caplog.text
    assert client.get("/api/v1/ready", status=503)


def test_the_application_starts_while_its_database_does_not_answer(
    make_client: MakeClient,
) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:9/shop"
    assert make_client(FIELDS, url=url).get("/api/v1/health", status=200)


def test_a_host_that_offers_its_session_alone_is_not_looked_at_at_the_start(
    make_app: Callable[..., Any],
) -> None:
    fields = {name: value for name, value in FIELDS.items() if ".field." in name}
    make_app(
        {"bookstore.dbsession": "dbsession", **fields},
        configure=lambda config: config.add_request_method(
            lambda request: None, "dbsession", reify=True
        ),
    )


@pytest.fixture
def many(shop: Shop) -> tuple[TestApp, Shop]:
    """1,200 books: of three publishers, in turns; a tenth has a word of its own."""
    shop.run("reindex")
    client = shop.client()
    rows = "".join(
        f'{{"isbn":"{isbn(number)}","title":"T{"" if number % 10 else " rare"}","author":"A",'
        f'"price":{number % 5 + 1},'
        f'"extra":{{"publisher":"P{number % 3}","pages":{number}}}}}\n'
        for number in range(1_200)
    )
    client.post("/api/v1/books/import", rows.encode(), content_type="application/x-ndjson")
    return client, shop


def test_facets_of_many_books_are_estimated_and_say_so(
    many: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = many
    exact = listed(client, "facets=publisher")["facets"]["publisher"]
    assert [each["books"] for each in exact] == [400, 400, 400]
    assert all("estimated" not in each for each in exact)
    monkeypatch.setattr(facets, "EXACT", 100)
    facets._tokens_query.cache_clear()
    for query in ("", "&min_price=2", "&min_pages=300", "&search=t", "&publisher=p1"):
        found = listed(client, f"facets=publisher{query}")["facets"]["publisher"]
        assert {each["value"] for each in found} == {"P0", "P1", "P2"}, query
        assert all(each["estimated"] for each in found), query
    # So few that they are collected: one in 64 of them is the sample.
    found = listed(client, "facets=publisher&search=rare")["facets"]["publisher"]
    assert all(each["estimated"] for each in found)
    few = listed(client, "facets=publisher&min_pages=1190")["facets"]["publisher"]
    assert sum(each["books"] for each in few) == 10
    assert all("estimated" not in each for each in few)
    assert listed(client, "facets=publisher&search=nowhere")["facets"] == {"publisher": []}
    facets._tokens_query.cache_clear()


def test_whether_books_lack_the_fields_is_known_by_index(many: Any, engine: Engine) -> None:
    """Each list by a declared field asks it, so it must not read the books."""
    client, _ = many
    declared = Mount.of(client.app.registry).rules.declared
    query = declared_index._stale_query(declared)
    with engine.connect() as connection:
        explain = dialect_named(engine.dialect.name).explain
        compiled = query.compiled_for(engine)
        values = compiled.bind({})
        rows = connection.exec_driver_sql(
            f"{explain} {compiled.text}", values if isinstance(values, dict) else tuple(values)
        )
        plan = "\n".join(str(row[-1]) for row in rows)
    assert f"bookstore_declared_stale_{declared.fingerprint}_idx" in plan


def test_two_frequent_values_that_never_meet_are_found_to_have_no_book(many: Any) -> None:
    _, shop = many
    shop.run("reindex", both := FIELDS | {"bookstore.field.shelf": "text filter"})
    both_client = shop.client(both)
    for at in range(0, 1_200, 400):
        rows = "".join(
            f'{{"isbn":"{isbn(number)}","extra":{{"publisher":"P{number % 3}","shelf":'
            f'"S{number % 3}"}}}}\n'
            for number in range(at, at + 400)
        )
        both_client.post("/api/v1/books/import", rows.encode(), content_type="application/x-ndjson")
    for query in ("publisher=p1&shelf=s2", "publisher=p1&shelf=s2&sort=title"):
        found = both_client.get(f"/api/v1/books?limit=5&{query}").json
        assert (found["data"], found["total"]) == ([], 0)
    assert listed(both_client, "publisher=p1&shelf=s1")["total"] == 400
