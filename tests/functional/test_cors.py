"""Pages of other origins (`bookstore.cors.*`): which of them may read our answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import webtest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError
from pyramid.httpexceptions import HTTPFound
from pyramid.response import Response

from pyramid_bookstore.settings import Settings
from tests.host.test_permissions import ByIdentity, with_policy
from tests.support.api import API, BOOKS, RUST, ask, new_book

MakeClient = Callable[..., webtest.TestApp]

SHOP = "https://shop.example"
LISTED = {"bookstore.cors.origins": f"{SHOP} http://localhost:8080"}
EXPOSED = {
    "ETag", "Link", "Location", "Retry-After", "X-Request-ID", "Idempotency-Replayed",
}  # fmt: skip
CORS = "Access-Control-"
UNKNOWN = f"{BOOKS}/01a20253-e83e-7b91-92af-097058bab2fa"
JSON = {"Content-Type": "application/json"}
PREFLIGHT = {"Access-Control-Request-Method": "PUT"}


def of_cors(answer: Any) -> dict[str, str]:
    """The headers for browsers; a header that is there twice fails."""
    names = [name for name in answer.headers if name.startswith(CORS)]
    assert len(names) == len(set(names)), names
    return {name.removeprefix(CORS): answer.headers[name] for name in names}


def varies(answer: Any) -> set[str]:
    return {name.strip() for name in answer.headers.get("Vary", "").split(",") if name.strip()}


def asked(client: Any, method: str, path: str, body: Any = None, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(client, method, path, body, {"Origin": SHOP, **sent})


#: Method, path, body, headers, status.
EVERYTHING: list[tuple[str, str, Any, dict[str, str], int]] = [
    ("GET", BOOKS, None, {}, 200),
    ("HEAD", BOOKS, None, {}, 200),
    ("OPTIONS", BOOKS, None, {}, 204),
    ("GET", f"{BOOKS}/isbn/{RUST['isbn']}", None, {}, 200),
    ("GET", f"{BOOKS}/isbn/{RUST['isbn']}", None, {"If-None-Match": "*"}, 304),
    ("PUT", f"{BOOKS}/isbn/{RUST['isbn']}", RUST, {"Prefer": "return=minimal"}, 204),
    ("POST", BOOKS, new_book(1), {}, 201),
    ("POST", BOOKS, RUST, {}, 409),
    ("POST", BOOKS, {}, {}, 422),
    ("POST", BOOKS, b"{", JSON, 400),
    ("POST", BOOKS, b"x", {"Content-Type": "text/plain"}, 415),
    ("POST", BOOKS, b" " * 4096, JSON, 413),
    ("PUT", f"{BOOKS}/isbn/{RUST['isbn']}", RUST, {"If-Match": '"1"'}, 412),
    ("GET", UNKNOWN, None, {}, 404),
    ("TRACE", BOOKS, None, {}, 405),
    ("GET", f"{BOOKS}?search=%FF", None, {}, 400),
    ("GET", f"{BOOKS}/%FF", None, {}, 400),
    ("OPTIONS", f"{BOOKS}/%FF", None, PREFLIGHT, 400),
    ("GET", f"{BOOKS}/export?format=csv", None, {}, 200),
    ("POST", f"{BOOKS}/import", b"isbn\n1\n", {"Content-Type": "text/csv"}, 422),
    ("GET", API, None, {}, 200),
    ("GET", f"{API}/", None, {}, 307),
    ("GET", f"{API}/health", None, {}, 200),
    ("GET", f"{API}/ready", None, {}, 200),
    ("GET", f"{API}/openapi.json", None, {}, 200),
    ("GET", f"{API}/docs", None, {}, 200),
    ("GET", f"{API}/docs/docs.css", None, {}, 200),
]


@pytest.fixture
def client(client_with: MakeClient) -> webtest.TestApp:
    client = client_with({**LISTED, "bookstore.max_body_size": 2048})
    client.post_json(BOOKS, RUST)
    return client


def test_every_answer_to_a_listed_origin_can_be_read(client: webtest.TestApp) -> None:
    for method, path, body, headers, status in EVERYTHING:
        answer = asked(client, method, path, body, **headers)
        found = of_cors(answer)
        exposed = {*found.pop("Expose-Headers", "").split(", ")}
        assert (answer.status_int, exposed, found, "Origin" in varies(answer)) == (
            status, EXPOSED, {"Allow-Origin": SHOP}, True
        ), (method, path, body, headers)  # fmt: skip


@pytest.mark.parametrize("origin", [None, "https://other.example", "null", f"{SHOP}:443",
                                    f"{SHOP}.evil.example", "http://shop.example", ""])  # fmt: skip
def test_no_other_origin_can_and_caches_are_told(
    client: webtest.TestApp, origin: str | None
) -> None:
    given = {} if origin is None else {"Origin": origin}
    for method, path, body, headers, status in EVERYTHING:
        answer = ask(client, method, path, body, {**headers, **given})
        assert (answer.status_int, of_cors(answer), "Origin" in varies(answer)) == (
            status, {}, True
        ), (method, path, body, headers)  # fmt: skip


def test_a_replayed_answer_can_be_read(client: webtest.TestApp) -> None:
    for replayed in (None, "true"):
        answer = asked(client, "POST", BOOKS, new_book(2), Idempotency_Key="k" * 30)
        assert (answer.status_int, of_cors(answer)["Allow-Origin"]) == (201, SHOP)
        assert answer.headers.get("Idempotency-Replayed") == replayed


def test_a_503_can_be_read(make_app: Any) -> None:
    app = make_app({"bookstore.sqlalchemy.url": "sqlite://", **LISTED})
    answer = asked(app, "GET", BOOKS)
    assert (answer.status_int, of_cors(answer)["Allow-Origin"]) == (503, SHOP)
    assert answer.headers["Retry-After"]


def test_a_500_can_be_read(make_client: MakeClient) -> None:
    def fails(request: Any) -> Any:
        raise RuntimeError

    client = make_client({**LISTED, "bookstore.root_factory": fails})
    answer = asked(client, "GET", BOOKS)
    assert (answer.status_int, of_cors(answer)["Allow-Origin"]) == (500, SHOP)


class Redirecting(ByIdentity):
    def permits(self, request: Any, context: Any, permission: str) -> bool:
        if request.headers.get("X-User") == "lost":
            raise HTTPFound("/login")
        return self.identity(request) == "boss"


@pytest.mark.parametrize(("user", "status"), [(None, 401), ("ann", 403), ("lost", 302)])
def test_what_a_policy_refuses_can_be_read(
    make_client: MakeClient, user: str | None, status: int
) -> None:
    client = make_client(LISTED, configure=with_policy(Redirecting()))
    answer = asked(client, "GET", BOOKS, **({"X_User": user} if user else {}))
    assert (answer.status_int, of_cors(answer)["Allow-Origin"]) == (status, SHOP)


class TestPreflight:
    def ask(self, client: Any, path: str = BOOKS, origin: str = SHOP, **headers: str) -> Any:
        return asked(
            client, "OPTIONS", path, Origin=origin, Access_Control_Request_Method="PUT", **headers
        )

    @pytest.mark.parametrize("path", [BOOKS, UNKNOWN, f"{UNKNOWN}/stock", f"{BOOKS}/import",
                                      f"{API}/health", API])  # fmt: skip
    def test_the_answer_names_what_the_path_serves(
        self, client: webtest.TestApp, path: str
    ) -> None:
        names = "authorization,content-type,if-match,idempotency-key,x-of-the-host"
        answer = self.ask(client, path, Access_Control_Request_Headers=names)
        assert (answer.status_int, answer.body) == (204, b"")
        assert of_cors(answer) == {
            "Allow-Origin": SHOP,
            "Allow-Methods": answer.headers["Allow"],
            "Allow-Headers": names,
            "Max-Age": "600",
        }
        assert varies(answer) == {"Origin", "Access-Control-Request-Headers"}

    @pytest.mark.parametrize("names", [None, "", "x\u00e9", "a;b", "<b>", "a\tb"])
    def test_a_list_of_headers_that_is_none_is_not_repeated(
        self, client: webtest.TestApp, names: str | None
    ) -> None:
        given = {} if names is None else {"Access_Control_Request_Headers": names}
        answer = self.ask(client, **given)
        assert set(of_cors(answer)) == {"Allow-Origin", "Allow-Methods", "Max-Age"}

    def test_another_origin_is_answered_without_a_permission_for_browsers(
        self, client: webtest.TestApp
    ) -> None:
        answer = self.ask(client, origin="https://other.example")
        assert (answer.status_int, of_cors(answer)) == (204, {})
        assert "Origin" in varies(answer)

    def test_it_needs_neither_permission_nor_context_nor_session(
        self, make_client: MakeClient
    ) -> None:
        def fails(*words: Any) -> Any:
            raise RuntimeError("nobody may call this")

        def configure(config: Configurator) -> None:
            with_policy(Redirecting(), fails)(config)
            config.set_session_factory(fails)
            config.set_default_csrf_options(require_csrf=True)

        client = make_client({**LISTED, "bookstore.cors.max_age": "5"}, configure=configure)
        answer = self.ask(client)
        assert (answer.status_int, of_cors(answer)["Allow-Origin"]) == (204, SHOP)
        assert of_cors(answer)["Max-Age"] == "5"


def test_credentials_are_allowed_to_listed_origins_alone(make_client: MakeClient) -> None:
    client = make_client({**LISTED, "bookstore.cors.credentials": "true"})
    assert of_cors(asked(client, "GET", BOOKS))["Allow-Credentials"] == "true"
    assert of_cors(TestPreflight().ask(client))["Allow-Credentials"] == "true"
    assert of_cors(asked(client, "GET", BOOKS, Origin="https://other.example")) == {}


def test_with_a_star_every_answer_is_the_same_for_all(make_client: MakeClient) -> None:
    """So caches need not tell them apart."""
    client = make_client({"bookstore.cors.origins": "*"})
    for answer in (asked(client, "GET", BOOKS), ask(client, "GET", BOOKS), client.get(BOOKS)):
        assert of_cors(answer)["Allow-Origin"] == "*"
        assert "Origin" not in varies(answer)
    assert of_cors(TestPreflight().ask(client))["Allow-Origin"] == "*"


def test_without_the_setting_no_answer_has_a_header_for_browsers(make_client: MakeClient) -> None:
    client = make_client()
    for answer in (asked(client, "GET", BOOKS), TestPreflight().ask(client)):
        assert (of_cors(answer), varies(answer)) == ({}, set())


def test_routes_of_the_host_get_no_header(make_client: MakeClient) -> None:
    def configure(config: Configurator) -> None:
        config.add_route("page", "/page")
        config.add_view(lambda request: Response("page"), route_name="page")

    client = make_client(LISTED, configure=configure)
    for path in ("/page", "/nothing"):
        answer = asked(client, "GET", path)
        assert (of_cors(answer), varies(answer)) == ({}, set())


def hosts_cors(handler: Any, registry: Any) -> Any:
    def tween(request: Any) -> Any:
        response = handler(request)
        response.headers["Access-Control-Allow-Origin"] = "https://of-the-host.example"
        response.headers["Vary"] = "accept, origin"
        return response

    return tween


def test_where_the_host_sets_the_headers_its_own_stay(make_client: MakeClient) -> None:
    def configure(config: Configurator) -> None:
        config.add_tween("tests.functional.test_cors.hosts_cors")

    client = make_client(LISTED, configure=configure)
    for answer in (asked(client, "GET", BOOKS), TestPreflight().ask(client)):
        assert of_cors(answer) == {"Allow-Origin": "https://of-the-host.example"}
        assert answer.headers.getall("Vary") == ["accept, origin"]


class TestSettings:
    def read(self, **given: Any) -> Settings:
        found = {f"bookstore.cors.{name}": value for name, value in given.items()}
        return Settings.from_mapping({"bookstore.sqlalchemy.url": "sqlite://", **found})

    @pytest.mark.parametrize(
        ("given", "origins"),
        [
            ("", ()),
            ("*", ("*",)),
            ("HTTPS://Shop.Example", ("https://shop.example",)),
            ("http://localhost:8080\nhttps://127.0.0.1:80 http://[::1]:3000",
             ("http://localhost:8080", "https://127.0.0.1:80", "http://[::1]:3000")),
            ("capacitor://localhost https://xn--bcher-kva.example",
             ("capacitor://localhost", "https://xn--bcher-kva.example")),
        ],
    )  # fmt: skip
    def test_origins_are_those_that_browsers_send(self, given: str, origins: Any) -> None:
        assert self.read(origins=given).cors_origins == origins

    def test_origins_are_separated_by_spaces_or_commas(self) -> None:
        both = ("https://a.example", "https://b.example")
        for between in (" ", ", ", ",", "\n"):
            assert self.read(origins=between.join(both)).cors_origins == both

    @pytest.mark.parametrize(
        "given",
        ["https://shop.example/", "https://shop.example/path", "shop.example", "//shop.example",
         "https://shop.example?x", "https://shop.example#x", "https://ann:secret@shop.example",
         "https://*.example", "https://shop.example:443", "http://shop.example:80",
         "https://b\u00fccher.example", "https://", "https://shop.example:port", "file:"],
    )  # fmt: skip
    def test_what_no_browser_sends_is_a_fault(self, given: str) -> None:
        with pytest.raises(ConfigurationError) as refused:
            self.read(origins=f"https://good.example {given}")
        message = str(refused.value)
        assert "bookstore.cors.origins: " in message
        assert "is not an origin as a browser sends it, such as https://shop.example" in message
        assert "secret" not in message

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"origins": "null"}, "null is what any sandboxed page sends"),
            ({"origins": "* https://shop.example"}, "* is every origin: set it alone"),
            ({"origins": "*", "credentials": "true"}, "not together with bookstore.cors.origins"),
            ({"max_age": "-1"}, "is not a whole number from 0 to 86400"),
            ({"origin": SHOP}, "did you mean bookstore.cors.origins?"),
        ],
    )
    def test_what_does_not_go_together_is_a_fault(self, given: Any, said: str) -> None:
        with pytest.raises(ConfigurationError) as refused:
            self.read(**given)
        assert said in str(refused.value)
