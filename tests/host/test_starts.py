"""Mistakes in the configuration of a host: it starts and works, or stops with one error that says
what to change. `tests.host.test_mounts` tests more settings and names."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import webtest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError, ConfigurationExecutionError
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Engine, inspect

import pyramid_bookstore
from pyramid_bookstore.testing import book_fields
from tests.host.hosts import HostBase, Note, cookiecutter, notes
from tests.support.apps import close_app

START_UP = [
    ({"bookstore.migrate": "true"}, "bookstore.migrate = true"),
    ({"bookstore.sample_data": "true"}, "bookstore.sample_data = true"),
]


@pytest.fixture
def started() -> Iterator[Callable[..., webtest.TestApp]]:
    """Start a host that has only settings and includes."""
    apps: list[Any] = []

    def start(settings: dict[str, str], *includes: str) -> webtest.TestApp:
        config = Configurator(settings=settings)
        for name in includes or ("pyramid_bookstore",):
            config.include(name)
        apps.append(config.make_wsgi_app())
        return webtest.TestApp(apps[-1])

    yield start
    for app in apps:
        close_app(app)


@pytest.fixture
def nowhere() -> str:
    """URL of a PostgreSQL on a port where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return f"postgresql+psycopg://clerk:secret@127.0.0.1:{port}/shop"


@pytest.mark.parametrize(("settings", "said"), START_UP)
def test_an_unreachable_database_stops_a_start_that_needs_it(
    started: Any, nowhere: str, settings: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError) as stopped:
        started({"sqlalchemy.url": nowhere, **settings})
    message = str(stopped.value)
    assert said in message
    assert "from sqlalchemy.url" in message
    assert "Connection refused" in message
    assert "secret" not in message


def test_the_application_starts_without_its_database_and_answers_503(
    started: Any, nowhere: str
) -> None:
    """The database may become available later."""
    app = started({"sqlalchemy.url": nowhere})
    assert app.get("/api/v1/health").json == {"status": "ok"}
    for path in ("/api/v1/ready", "/api/v1/books"):
        answer = app.get(path, status=503)
        assert answer.json["error"] == "unavailable"
        assert answer.headers["Retry-After"]


@pytest.mark.parametrize(("settings", "said"), START_UP)
def test_a_sqlite_file_in_a_missing_folder_stops_a_start_that_needs_it(
    started: Any, settings: dict[str, str], said: str
) -> None:
    url = "sqlite:////no/such/folder/books.sqlite"
    with pytest.raises(ConfigurationError, match=f"{said}.*unable to open database file"):
        started({"bookstore.sqlalchemy.url": url, **settings})


def test_sample_data_without_migrations_stops_the_start(started: Any, tmp_path: Any) -> None:
    settings = {"sqlalchemy.url": f"sqlite:///{tmp_path}/b.sqlite", "bookstore.sample_data": "true"}
    with pytest.raises(ConfigurationError, match=r"not set up.*run the migrations"):
        started(settings)
    started({**settings, "bookstore.migrate": "true"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sqlalchemy.url": ""}, r"sqlalchemy\.url: .*sqlite:///bookstore\.db"),
        ({"sqlalchemy.url": "postgresql+nodriver://x/y"}, "nodriver"),
        ({"sqlalchemy.url": "sqlite://", "sqlalchemy.pool_size": "many"}, "'many'"),
        (
            {"bookstore.sqlalchemy.url": "sqlite://", "bookstore.sqlalchemy.colour": "red"},
            r"sqlalchemy\.\*: SQLAlchemy says: Invalid argument\(s\) 'colour'",
        ),
        (
            {"bookstore.dbsession": "dbsession", "bookstore.migrate": "true"},
            r"bookstore\.migrate: .*set bookstore\.sqlalchemy\.url",
        ),
    ],
)
def test_invalid_engine_settings_stop_the_start(
    started: Any, settings: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        started(settings)


def test_a_failed_start_names_the_configuration_step(started: Any) -> None:
    """Pyramid says where a directive that failed was called."""
    with pytest.raises(ConfigurationExecutionError) as stopped:
        started({"bookstore.foo": "1"})
    said = str(stopped.value)
    assert f"of file {pyramid_bookstore.__file__}:\n" in said
    assert said.endswith("configuration.add_mount(config)")


def test_settings_changed_after_the_include_are_used(started: Any) -> None:
    config = Configurator(settings={"bookstore.foo": "1"})
    config.include("pyramid_bookstore")
    del config.registry.settings["bookstore.foo"]
    config.add_settings({"sqlalchemy.url": "sqlite://"})
    app = config.make_wsgi_app()
    assert webtest.TestApp(app).get("/api/v1/health").json == {"status": "ok"}
    close_app(app)


def test_a_table_dbsession_and_routes_of_the_host_with_similar_names_work(engine: Engine) -> None:
    """The host has a table ``books``, a ``dbsession`` and a route ``bookstore``."""

    def configure(config: Configurator) -> None:
        config.add_route("bookstore", "/bookstore/{text}")
        config.add_view(add_note, route_name="bookstore")
        config.add_route("books", "/books")
        config.add_view(lambda request: Response("the host's books"), route_name="books")

    app = webtest.TestApp(cookiecutter(engine, configure=configure))
    made = app.post_json("/shop/books", book_fields(title="Ours")).json
    assert app.get("/bookstore/theirs").text == "http://localhost/bookstore/again"
    assert app.get("/books").text == "the host's books"
    assert app.get("/shop/books").json["data"] == [made]
    assert notes(engine) == ["theirs"]
    assert {"books", "bookstore_books"} <= set(inspect(engine).get_table_names())


def add_note(request: Request) -> Response:
    request.dbsession.add(Note(text=request.matchdict["text"]))
    return Response(request.route_url("bookstore", text="again"))


@pytest.mark.parametrize(
    "includes",
    [
        ("pyramid_bookstore",),
        ("pyramid_tm", "pyramid_bookstore"),
        ("pyramid_bookstore", "pyramid_tm"),
        ("pyramid_retry", "pyramid_tm", "pyramid_bookstore"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("hook", [None, "pyramid_tm.explicit_manager"])
def test_our_own_engine_works_with_any_transaction_manager_or_none(
    started: Any, database: str, includes: tuple[str, ...], hook: str | None
) -> None:
    settings = {"sqlalchemy.url": database} | ({"tm.manager_hook": hook} if hook else {})
    app = started(settings, *includes)
    fields = book_fields(stock=1)
    made = app.post_json("/api/v1/books", fields).json
    app.post_json("/api/v1/books", fields, status=409)
    path = f"/api/v1/books/{made['id']}"
    app.post_json(f"{path}/stock", {"delta": -2}, status=409)
    assert app.patch_json(path, {"stock": 7}).json["stock"] == 7
    assert app.get(path).json["stock"] == 7
    assert app.get("/api/v1/books").json["total"] == 1


@pytest.mark.parametrize("reads_only", [True, False])
def test_without_a_transaction_request_bookstore_reads_and_refuses_to_write(
    started: Any, database: str, reads_only: bool
) -> None:
    """Nothing would commit a write, so the error says what to change."""
    config = Configurator(settings={"sqlalchemy.url": database})
    config.include("pyramid_bookstore")

    def view(request: Request) -> Response:
        if reads_only:
            return Response(str(request.bookstore.list().total))
        with pytest.raises(RuntimeError, match=r"include pyramid_tm.*bookstore\.dbsession"):
            request.bookstore.create(book_fields())
        return Response("said")

    config.add_route("page", "/page")
    config.add_view(view, route_name="page")
    app = config.make_wsgi_app()
    assert webtest.TestApp(app).get("/page").text == ("0" if reads_only else "said")
    close_app(app)


def test_without_our_tables_ready_and_books_answer_503(tmp_path: Any) -> None:
    """The bookstore uses the session of the host, and its migrations were not run."""
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{tmp_path}/host.sqlite")
    app = webtest.TestApp(cookiecutter(engine))
    ready = app.get("/shop/ready", status=503)
    assert "run the migrations" in ready.json["message"]
    assert app.get("/shop/books", status=503).json["error"] == "unavailable"
    assert set(inspect(engine).get_table_names()) == set(HostBase.metadata.tables)
    engine.dispose()
