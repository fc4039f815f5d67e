"""The mount point itself: an index for programs; and the ways to it and to the docs page."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
import webtest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.response import Response

from pyramid_bookstore import standalone
from pyramid_bookstore.settings import Settings
from tests.support.api import API, ask, assert_problem
from tests.support.apps import close_app

MakeClient = Callable[..., webtest.TestApp]

SERVED = {
    "books": "/books", "isbn": "/books/isbn/{isbn}", "suggest": "/books/suggest",
    "import": "/books/import", "export": "/books/export", "book": "/books/{id}",
    "stock": "/books/{id}/stock", "health": "/health", "ready": "/ready",
    "openapi": "/openapi.json", "docs": "/docs", "docs_asset": "/docs/{asset}",
}  # fmt: skip


def page_at(path: str, *, route: bool = True) -> Callable[[Configurator], None]:
    """A host with a page of its own at a path, by a route or by traversal."""

    def configure(config: Configurator) -> None:
        def page(request: Any) -> Response:
            return Response("the host's own page")

        if route:
            config.add_route("own_page", path)
            config.add_view(page, route_name="own_page")
        else:
            config.add_view(page, name=path.strip("/"))

    return configure


def test_the_index_has_the_version_and_the_path_of_every_resource(client: webtest.TestApp) -> None:
    answer = client.get(API)
    assert answer.json["version"] == version("pyramid_bookstore")
    assert "currency" not in answer.json
    found = answer.json["links"]
    assert {name: found[name] for name in SERVED} == {n: API + p for n, p in SERVED.items()}
    for path in found.values():
        if "{" not in path:
            assert ask(client, "OPTIONS", path).status_int == 204
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.get(API, headers={"If-None-Match": answer.headers["ETag"]}, status=304)
    assert again.body == b""
    assert ask(client, "OPTIONS", API).headers["Allow"] == "GET, HEAD, OPTIONS"
    assert_problem(ask(client, "POST", API, {}), 405, "method_not_allowed")


def test_the_index_names_what_is_mounted_here_and_nothing_else(make_client: MakeClient) -> None:
    settings = {"bookstore.docs": "false", "bookstore.metrics": "true", "bookstore.currency": "eur"}
    client = make_client(settings, route_prefix="/shop")
    answer = client.get("/shop/api/v1", extra_environ={"SCRIPT_NAME": "/outer"}).json
    assert answer["currency"] == "EUR"
    assert answer["links"]["metrics"] == "/outer/shop/api/v1/metrics"
    assert "docs" not in answer["links"]
    described = client.get("/shop/api/v1/openapi.json").json
    assert "Prices are in EUR" in described["info"]["description"]


@pytest.mark.parametrize("path", ["", "/docs"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_slash_at_the_end_leads_to_the_path_without_it(
    make_client: MakeClient, method: str, path: str
) -> None:
    client = make_client(route_prefix="/{shop}")
    ask = client.get if method == "GET" else client.head
    environ = {"SCRIPT_NAME": "/outer"}
    answer = ask(f"/ours/api/v1{path}/?x=1", extra_environ=environ, status=307)
    assert answer.headers["Location"].endswith(f"/outer/ours/api/v1{path}")
    assert answer.headers["X-Request-ID"]
    refused = client.post(f"/ours/api/v1{path}/", status=405)
    assert refused.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/books/", "/health/", "/openapi.json/"])
def test_other_paths_with_a_slash_are_left_to_the_host(client: webtest.TestApp, path: str) -> None:
    assert "X-Request-ID" not in client.get(API + path, status=404).headers


@pytest.mark.parametrize("prefix", ["/", ""])
@pytest.mark.parametrize("route", [True, False, None])
def test_mounted_at_the_root_the_root_is_left_to_the_host(
    make_client: MakeClient, prefix: str, route: bool | None
) -> None:
    configure = None if route is None else page_at("/", route=route)
    client = make_client({"bookstore.prefix": prefix}, configure=configure)
    if configure is not None:
        assert client.get("/").text == "the host's own page"
    else:
        client.get("/", status=404)
    assert client.get("/books").json["total"] == 0
    assert "/" not in client.get("/openapi.json").json["paths"]


@pytest.mark.parametrize("late", [True, False])
def test_a_page_of_the_host_at_the_mount_point_stays(database: str, late: bool) -> None:
    """Its route is before ours, whenever it was added; so is one that matches every path."""
    for pattern in ("/api/v1", "/{path:.*}"):
        config = Configurator(settings={"bookstore.sqlalchemy.url": database})
        if not late and pattern == "/api/v1":
            page_at(pattern)(config)
        config.include("pyramid_bookstore")
        if late or pattern != "/api/v1":
            page_at(pattern)(config)
        client = webtest.TestApp(config.make_wsgi_app())
        assert client.get("/api/v1").text == "the host's own page"
        assert client.get("/api/v1/books").json["total"] == 0
        close_app(client.app)


@pytest.mark.parametrize("path", ["/api/v1", "/api/v1/"])
def test_a_page_of_the_host_that_is_found_by_traversal_stays(
    make_client: MakeClient, path: str
) -> None:
    client = make_client(configure=page_at("/api", route=False))
    assert client.get(path).text == "the host's own page"
    assert client.get("/api/v1/books").json["total"] == 0


class TestStandalone:
    @pytest.fixture
    def make(self, sqlite_backend: Any) -> Any:
        url, made = sqlite_backend.create(), []

        def make(**settings: str) -> webtest.TestApp:
            given = {f"bookstore.{name}": value for name, value in settings.items()}
            made.append(standalone.main({}, **{"bookstore.sqlalchemy.url": url} | given))
            return webtest.TestApp(made[-1])

        yield make
        for app in made:
            close_app(app)
        sqlite_backend.drop(url)

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    @pytest.mark.parametrize(
        ("settings", "path"),
        [({}, "/api/v1/docs"), ({"docs": "false"}, "/api/v1"), ({"prefix": "/"}, "/docs")],
    )
    def test_the_root_leads_to_the_docs_page_or_the_index(
        self, make: Any, method: str, settings: Any, path: str
    ) -> None:
        answer = make(**settings).request("/", method=method, status=307)
        assert answer.headers["Location"].removeprefix("http://localhost") == path
        assert answer.headers["X-Request-ID"]

    def test_at_the_root_without_a_docs_page_the_index_is_there_itself(self, make: Any) -> None:
        client = make(prefix="/", docs="false")
        assert client.get("/").json["links"]["books"] == "/books"


@pytest.mark.parametrize(
    ("given", "code"), [("", None), (" ", None), ("EUR", "EUR"), ("jpy", "JPY"), ("XCG", "XCG")]
)
def test_a_currency_is_a_code_of_iso_4217(given: str, code: str | None) -> None:
    mapping = {"bookstore.sqlalchemy.url": "sqlite://", "bookstore.currency": given}
    assert Settings.from_mapping(mapping).currency == code


@pytest.mark.parametrize(
    ("given", "said"),
    [("EURO", "did you mean EUR?"), ("\u20ac", "is not the ISO 4217 code"), ("XXX", "did you mean"),
     ("DEM", "did you mean"), (978, "is not the ISO 4217 code of a currency, such as EUR")],
)  # fmt: skip
def test_what_is_no_currency_stops_the_start(given: Any, said: str) -> None:
    mapping = {"bookstore.sqlalchemy.url": "sqlite://", "bookstore.currency": given}
    with pytest.raises(ConfigurationError, match=r"bookstore\.currency: ") as refused:
        Settings.from_mapping(mapping)
    assert said in str(refused.value)
