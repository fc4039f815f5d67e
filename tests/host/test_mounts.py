"""Every kind of mount: prefixes, nested includes, SCRIPT_NAME, proxies; and wrong settings."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import webtest
from paste.deploy.config import PrefixMiddleware
from paste.urlmap import URLMap
from pyramid.config import Configurator
from pyramid.events import NewRequest
from pyramid.exceptions import ConfigurationError
from pyramid.response import Response

from pyramid_bookstore.testing import book_fields
from tests.support.apps import close_app


@pytest.fixture
def made() -> Any:
    """Make an application from a configured Configurator, and close it after the test."""
    apps: list[Any] = []

    def make(config: Configurator) -> Any:
        apps.append(config.make_wsgi_app())
        return apps[-1]

    yield make
    for app in apps:
        close_app(app)


def configured(database: str, **settings: str) -> Configurator:
    return Configurator(settings={"bookstore.sqlalchemy.url": database, **settings})


def walk(app: Any, base: str, *, environ: dict[str, str] | None = None) -> None:
    """Check that all URLs in responses of the API are below ``base``."""
    client = webtest.TestApp(app, extra_environ=environ or {})
    inside = base.removeprefix((environ or {}).get("SCRIPT_NAME", ""))
    books = [client.post_json(f"{inside}/books", book_fields()) for _ in range(3)]
    for book in books:
        path = f"{base}/books/{book.json['id']}"
        assert book.headers["Location"].endswith(path)
        assert not base or book.headers["Location"].count(base) == 1
        by_isbn = client.get(f"{inside}/books/isbn/{book.json['isbn']}")
        assert by_isbn.headers["Content-Location"] == path
        gone = client.get(f"{inside}/books/{book.json['id'][:-1]}x", status=404)
        assert gone.json["instance"] == f"{base}/books/{book.json['id'][:-1]}x"
    page = client.get(f"{inside}/books?limit=1&page=2")
    links = [link.split(">")[0].strip("< ") for link in page.headers["Link"].split(",")]
    assert len(links) == 4
    for link in links:
        assert link.startswith(f"{base}/books?")


@pytest.mark.parametrize(
    ("route_prefix", "prefix", "base"),
    [
        (None, None, "/api/v1"),
        ("shop", None, "/shop/api/v1"),
        ("/shop/", "/b", "/shop/b"),
        ("shop/de", "", "/shop/de"),
        (None, "", ""),
        (None, "/", ""),
        (None, "/a/b/c", "/a/b/c"),
    ],
)
def test_all_urls_follow_the_prefix_and_the_route_prefix(
    database: str, made: Any, route_prefix: str | None, prefix: str | None, base: str
) -> None:
    config = configured(database, **({} if prefix is None else {"bookstore.prefix": prefix}))
    config.include("pyramid_bookstore", route_prefix=route_prefix)
    walk(made(config), base)


def test_all_urls_follow_the_route_prefixes_of_nested_includes(database: str, made: Any) -> None:
    def outer(config: Configurator) -> None:
        config.include(inner, route_prefix="inner")

    def inner(config: Configurator) -> None:
        config.include("pyramid_bookstore")

    config = configured(database, **{"bookstore.prefix": "/b"})
    config.include(outer, route_prefix="outer")
    walk(made(config), "/outer/inner/b")


def test_urls_keep_the_value_of_a_placeholder_in_the_route_prefix(database: str, made: Any) -> None:
    """One application for many shops: URLs keep the shop of the request."""
    config = configured(database)
    config.include("pyramid_bookstore", route_prefix=r"/{shop:\w+}/x.y")
    config.add_notfound_view(lambda request: Response("the host's", status=404))
    app = made(config)
    walk(app, "/hall/x.y/api/v1")
    client = webtest.TestApp(app)
    for shop in ("hall", "yard"):
        described = client.get(f"/{shop}/x.y/api/v1/openapi.json").json
        assert described["servers"][0]["url"].endswith(f"/{shop}/x.y/api/v1")
    bad = client.get("/hall/x.y/api/v1/books/%FF", status=400)
    assert bad.json["error"] == "bad_request"
    assert client.get("/hall/xzy/api/v1/books", status=404).text == "the host's"


def test_all_urls_follow_a_route_prefix_context(database: str, made: Any) -> None:
    config = configured(database)
    with config.route_prefix_context("context"):
        config.include("pyramid_bookstore")
    walk(made(config), "/context/api/v1")


def test_the_bookstore_can_be_included_by_the_setting_pyramid_includes(
    database: str, made: Any
) -> None:
    config = configured(database, **{"pyramid.includes": "pyramid_bookstore"})
    walk(made(config), "/api/v1")


def test_all_urls_include_the_script_name(database: str, made: Any) -> None:
    config = configured(database)
    config.include("pyramid_bookstore")
    walk(made(config), "/mount/here/api/v1", environ={"SCRIPT_NAME": "/mount/here"})


def test_urls_include_the_path_of_a_paste_urlmap(database: str, made: Any) -> None:
    config = configured(database)
    config.include("pyramid_bookstore")
    urlmap = URLMap()
    urlmap["/shop"] = made(config)
    client = webtest.TestApp(urlmap)
    book = client.post_json("/shop/api/v1/books", book_fields())
    assert book.headers["Location"] == f"http://localhost/shop/api/v1/books/{book.json['id']}"
    assert client.get("/shop/api/v1/books/%FF", status=400).json["error"] == "bad_request"


def test_urls_include_a_prefix_that_a_proxy_removes(database: str, made: Any) -> None:
    config = configured(database)
    config.include("pyramid_bookstore")
    client = webtest.TestApp(PrefixMiddleware(made(config), prefix="/public"))
    headers = {"X-Forwarded-Host": "books.example", "X-Forwarded-Proto": "https"}
    book = client.post_json("/public/api/v1/books", book_fields(), headers=headers)
    path = f"/public/api/v1/books/{book.json['id']}"
    assert book.headers["Location"] == f"https://books.example{path}"


def test_including_the_bookstore_twice_is_refused(database: str) -> None:
    config = configured(database)
    config.include("pyramid_bookstore")
    with pytest.raises(ConfigurationError, match="included in this application already"):
        config.include("pyramid_bookstore", route_prefix="again")


def test_settings_added_after_the_include_are_used(database: str, made: Any) -> None:
    config = Configurator()
    config.include("pyramid_bookstore")
    config.add_settings({"bookstore.sqlalchemy.url": database, "bookstore.prefix": "/late"})
    walk(made(config), "/late")


def test_a_catch_all_route_after_the_include_does_not_hide_our_routes(
    database: str, made: Any
) -> None:
    """Our routes are registered later, but in the place of the include."""
    config = configured(database)
    config.include("pyramid_bookstore")
    config.add_route("all", "/{path:.*}")
    config.add_view(lambda request: Response("host"), route_name="all")
    walk(made(config), "/api/v1")


def test_a_catch_all_route_before_the_include_hides_our_routes(database: str, made: Any) -> None:
    config = configured(database)
    config.add_route("all", "/{path:.*}")
    config.add_view(lambda request: Response("host"), route_name="all")
    config.include("pyramid_bookstore")
    assert webtest.TestApp(made(config)).get("/api/v1/books").text == "host"


def test_host_routes_or_request_attributes_with_our_names_stop_the_start() -> None:
    """Pyramid itself would silently replace ours with those of the host."""
    config = configured("sqlite://")
    config.include("pyramid_bookstore")
    config.add_route("bookstore.books", "/mine")
    config.add_request_method(lambda request: None, "bookstore", reify=True)
    with pytest.raises(ConfigurationError, match=r"'bookstore\.books'.*attribute 'bookstore'"):
        config.make_wsgi_app()


_WITHOUT_DOCSTRINGS = """
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

for own in (False, True):
    config = Configurator(settings={"sqlalchemy.url": "sqlite://"})
    config.include("pyramid_bookstore")
    if own:
        config.add_request_method(lambda request: None, "bookstore", reify=True)
    try:
        config.make_wsgi_app()
    except ConfigurationError as error:
        print(error)
    else:
        print("started")
"""


def test_a_conflicting_request_attribute_is_found_without_docstrings_too() -> None:
    command = [sys.executable, "-OO", "-c", _WITHOUT_DOCSTRINGS]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split("\n", 1)[0] == "started"
    assert "request attribute 'bookstore' of its own" in said.split("\n", 1)[1]


def test_a_host_route_named_bookstore_is_no_conflict(database: str, made: Any) -> None:
    config = configured(database)
    config.include("pyramid_bookstore")
    config.add_route("bookstore", "/mine")
    config.add_view(lambda request: Response("mine"), route_name="bookstore")
    app = made(config)
    assert webtest.TestApp(app).get("/mine").text == "mine"
    walk(app, "/api/v1")


def test_the_mount_and_the_extra_schema_are_pyramid_introspectables(
    database: str, made: Any
) -> None:
    import colander

    config = configured(database)
    config.include("pyramid_bookstore")
    config.set_bookstore_extra_schema(colander.MappingSchema())
    made(config)
    titles = {
        found["introspectable"].type_name for found in config.introspector.get_category("bookstore")
    }
    assert titles == {"bookstore mount", "bookstore extra schema"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "bookstore.sqlalchemy.url"),
        ({"bookstore.sqlalchemy.url": "no url"}, "bookstore.sqlalchemy.url"),
        ({"sqlalchemy.url": "mysql://localhost/x"}, "mysql"),
        ({"bookstore.dbsesion": "dbsession", "sqlalchemy.url": "sqlite://"}, "bookstore.dbsession"),
        ({"bookstore.prefix": "shop", "sqlalchemy.url": "sqlite://"}, "bookstore.prefix"),
    ],
)
def test_invalid_settings_stop_the_start_and_are_named(settings: dict[str, str], said: str) -> None:
    config = Configurator(settings=settings)
    config.include("pyramid_bookstore")
    with pytest.raises(ConfigurationError, match=said):
        config.make_wsgi_app()


def test_a_missing_dbsession_attribute_stops_the_start_and_is_named() -> None:
    config = Configurator(settings={"bookstore.dbsession": "no_such"})
    config.include("pyramid_bookstore")
    with pytest.raises(ConfigurationError, match=r"request\.no_such"):
        config.make_wsgi_app()


def test_a_missing_dbsession_that_a_subscriber_may_set_only_logs_a_warning(caplog: Any) -> None:
    config = Configurator(settings={"bookstore.dbsession": "no_such"})
    config.include("pyramid_bookstore")
    config.add_subscriber(lambda event: None, NewRequest)
    app = config.make_wsgi_app()
    assert "request.no_such" in caplog.text
    assert webtest.TestApp(app).get("/api/v1/health").json == {"status": "ok"}
    assert webtest.TestApp(app).get("/api/v1/books", status=500).json["error"] == "internal_error"
    assert "which there is not" in caplog.text
