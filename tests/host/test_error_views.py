"""Refusals as HTTP exceptions, for who calls our views, and for what a host's views let out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import webtest
from pyramid import httpexceptions
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Engine

from pyramid_bookstore import errors, events
from pyramid_bookstore.testing import book_fields
from tests.host.hosts import Note, cookiecutter, notes
from tests.support.api import alike

MakeClient = Callable[..., webtest.TestApp]

UNKNOWN = "/api/v1/books/01a20253-e83e-7b91-92af-097058bab2fa"
BY_ISBN = "/api/v1/books/isbn/9780306406157"

#: Method, path, body, headers, and the class of the exception.
REFUSED: list[tuple[str, str, Any, dict[str, str], str]] = [
    ("GET", UNKNOWN, None, {}, "HTTPNotFound"),
    ("GET", "/api/v1/books?page=0", None, {}, "HTTPUnprocessableEntity"),
    ("GET", "/api/v1/books?x=%zz", None, {}, "HTTPBadRequest"),
    ("POST", "/api/v1/books", b"{", {}, "HTTPBadRequest"),
    ("POST", "/api/v1/books", {}, {}, "HTTPUnprocessableEntity"),
    ("POST", "/api/v1/books", b"x", {"Content-Type": "text/plain"}, "HTTPUnsupportedMediaType"),
    ("POST", "/api/v1/books", b" " * 4096, {}, "HTTPRequestEntityTooLarge"),
    ("PUT", UNKNOWN, {"price": 1}, {}, "HTTPPreconditionRequired"),
    (
        "PUT",
        BY_ISBN,
        book_fields(isbn="9780306406157"),
        {"If-Match": '"1"'},
        "HTTPPreconditionFailed",
    ),
    ("TRACE", "/api/v1/books", None, {}, "HTTPMethodNotAllowed"),
    ("GET", "/api/v1/docs/nothing.js", None, {}, "HTTPNotFound"),
]
SETTINGS = {"bookstore.max_body_size": 2048, "bookstore.require_if_match": True}


def batch(request: Request) -> Response:
    """Call another view of the application as Kinto's batches do: without tweens."""
    asked = request.json_body
    sub = Request.blank(asked["path"], method=asked["method"], headers=asked["headers"])
    sub.body = asked["body"].encode()
    try:
        answered = request.invoke_subrequest(sub, use_tweens=False)
    except httpexceptions.HTTPException as error:
        name, answered = type(error).__name__, error
    else:
        name = ""
    found = {"class": name, "status": answered.status, "body": answered.text}
    return Response(json_body=found | {"headers": sorted(answered.headerlist)})


def with_batch(config: Configurator) -> None:
    config.add_route("batch", "/batch")
    config.add_view(batch, route_name="batch")


def sent(body: Any, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    content = (
        b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    )
    return content, {"Content-Type": "application/json", "X-Request-ID": "same", **headers}


def through_batch(client: webtest.TestApp, method: str, path: str, body: Any, headers: Any) -> Any:
    content, headers = sent(body, headers)
    asked = {"method": method, "path": path, "headers": headers, "body": content.decode()}
    return client.post_json("/batch", asked).json


@pytest.mark.parametrize(("method", "path", "body", "headers", "name"), REFUSED)
def test_a_refusal_leaves_our_view_as_an_http_exception_with_the_same_bytes(
    make_client: MakeClient, method: str, path: str, body: Any, headers: dict[str, str], name: str
) -> None:
    client = make_client(SETTINGS, configure=with_batch)
    content, all_headers = sent(body, headers)
    direct = client.request(
        path, method=method, body=content, headers=all_headers, expect_errors=True
    )
    found = through_batch(client, method, path, body, headers)
    assert (found["class"], found["status"]) == (name, direct.status)
    assert found["body"] == direct.text
    assert found["headers"] == [list(header) for header in sorted(direct.headerlist)]


def test_what_a_view_answers_without_a_refusal_is_the_same_in_a_batch(
    make_client: MakeClient,
) -> None:
    client = make_client(configure=with_batch)
    made = through_batch(client, "POST", "/api/v1/books", book_fields(), {})
    assert (made["class"], made["status"]) == ("", "201 Created")
    assert client.get("/api/v1/books").json["total"] == 1


def test_a_refused_stock_change_is_a_conflict_that_a_host_can_look_into(
    make_client: MakeClient,
) -> None:
    """The domain exception goes with it; and the host's transaction stays usable."""

    def sell(request: Request) -> Response:
        path = request.json_body["path"]
        sub = Request.blank(path, method="POST", content_type="application/json")
        sub.body = b'{"delta": -3}'
        with pytest.raises(httpexceptions.HTTPConflict) as refused:
            request.invoke_subrequest(sub, use_tweens=False)
        error = refused.value.bookstore_error
        assert isinstance(error, errors.InsufficientStock)
        assert refused.value.__cause__ is error
        return Response(json_body=error.available)

    def configure(config: Configurator) -> None:
        config.add_route("sell", "/sell")
        config.add_view(sell, route_name="sell")

    client = make_client(configure=configure)
    made = client.post_json("/api/v1/books", book_fields(stock=2)).json
    assert client.post_json("/sell", {"path": f"/api/v1/books/{made['id']}/stock"}).json == 2


def test_a_database_without_our_tables_is_a_503_in_a_batch_and_is_logged_once(
    make_app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app({"bookstore.sqlalchemy.url": "sqlite://"}, configure=with_batch)
    client = webtest.TestApp(app)
    found = through_batch(client, "GET", "/api/v1/books", None, {})
    assert (found["class"], found["status"]) == (
        "HTTPServiceUnavailable",
        "503 Service Unavailable",
    )
    assert dict(found["headers"])["Retry-After"]
    client.get("/api/v1/books", status=503)
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING
                and each.name == "pyramid_bookstore.plugin.error_view"]  # fmt: skip
    assert len(warnings) == 2


def test_a_defect_stays_the_exception_that_it_is_and_is_logged_once(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """pyramid_exclog and the like look for it, and for no other."""
    seen: list[BaseException] = []

    def watching(handler: Any, registry: Any) -> Any:
        def tween(request: Request) -> Any:
            try:
                return handler(request)
            except Exception as error:
                seen.append(error)
                raise

        return tween

    def configure(config: Configurator) -> None:
        config.add_tween(f"{__name__}.watching", under="pyramid.tweens.excview_tween_factory")
        config.add_subscriber(broken, events.BookCreated)

    globals()["watching"] = watching
    client = make_client(configure=configure)
    refused = client.post_json("/api/v1/books", book_fields(), status=500)
    assert refused.json["error"] == "internal_error"
    client.get(UNKNOWN, status=404)
    assert [type(error) for error in seen] == [ZeroDivisionError, httpexceptions.HTTPNotFound]
    assert len([each for each in caplog.records if each.levelno >= logging.ERROR]) == 1
    assert client.get("/api/v1/books").json["total"] == 0


def broken(event: Any) -> None:
    raise ZeroDivisionError


def test_an_http_exception_of_the_host_leaves_our_view_as_it_is(make_client: MakeClient) -> None:
    def closed(event: Any) -> None:
        raise httpexceptions.HTTPLocked("Stocktaking.")

    def configure(config: Configurator) -> None:
        with_batch(config)
        config.add_subscriber(closed, events.BookCreated)

    client = make_client(configure=configure)
    found = through_batch(client, "POST", "/api/v1/books", book_fields(), {})
    assert found["class"] == "HTTPLocked"
    refused = client.post_json("/api/v1/books", book_fields(), status=423).json
    assert (refused["error"], refused["message"]) == ("locked", "Stocktaking.")


class TestHostsViews:
    """`config.add_bookstore_error_views()`."""

    def made(self, engine: Engine, *, wanted: bool = True, **options: Any) -> webtest.TestApp:
        def shown(request: Request) -> Response:
            request.dbsession.add(Note(text="lost"))
            request.dbsession.flush()
            action = request.matchdict["action"]
            if action == "missing":
                request.bookstore.get(UNKNOWN.rpartition("/")[2])
            if action == "invalid":
                request.bookstore.create({"title": "<script>", "nonsense": 1})
            if action == "down":
                raise errors.Unavailable(retry_after=7)
            if action == "own":
                raise LookupError("the host's own")
            raise httpexceptions.HTTPGone("the host's own")

        def configure(config: Configurator) -> None:
            if wanted:
                config.add_bookstore_error_views()
            config.add_route("shown", "/shown/{action}")
            config.add_view(shown, route_name="shown")

        return webtest.TestApp(cookiecutter(engine, configure=configure, **options))

    @pytest.mark.parametrize(
        ("action", "status", "code"),
        [("missing", 404, "not_found"), ("invalid", 422, "validation_failed"),
         ("down", 503, "unavailable")],
    )  # fmt: skip
    @pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/problem+json",
                                        "image/png"])  # fmt: skip
    def test_programs_get_the_problem_document_of_our_own_routes(
        self, engine: Engine, action: str, status: int, code: str, accept: str | None
    ) -> None:
        headers = {} if accept is None else {"Accept": accept}
        answer = self.made(engine).get(f"/shown/{action}", headers=headers, status=status)
        assert answer.content_type == "application/problem+json"
        assert (answer.json["error"], answer.json["status"]) == (code, status)
        assert answer.headers["Vary"] == "Accept"
        assert answer.headers.get("Retry-After") == ("7" if action == "down" else None)
        assert notes(engine) == []

    @pytest.mark.parametrize(("action", "status"), [("missing", 404), ("invalid", 422),
                                                    ("down", 503)])  # fmt: skip
    def test_browsers_get_a_page(self, engine: Engine, action: str, status: int) -> None:
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        answer = self.made(engine).get(
            f"/shown/{action}", headers={"Accept": accept}, status=status
        )
        assert answer.content_type == "text/html"
        assert f"<h1>{answer.status}</h1>" in answer.text
        assert "<script>" not in answer.text
        assert answer.headers.get("Retry-After") == ("7" if action == "down" else None)
        assert notes(engine) == []

    def test_exceptions_of_the_host_stay_its_own(self, engine: Engine) -> None:
        client = self.made(engine)
        with pytest.raises(LookupError):
            client.get("/shown/own")
        assert "the host's own" in client.get("/shown/gone", status=410).text

    def test_without_the_directive_the_exceptions_pass(self, engine: Engine) -> None:
        with pytest.raises(errors.BookNotFound):
            self.made(engine, wanted=False).get("/shown/missing")

    def test_a_commit_veto_that_sees_no_fault_does_not_keep_what_was_written(
        self, engine: Engine
    ) -> None:
        """pyramid_tm then commits whatever an exception view has answered, unless it is doomed."""
        client = self.made(engine, settings={"tm.commit_veto": f"{__name__}.veto_nothing"})
        client.get("/shown/missing", status=404)
        assert notes(engine) == []

    def test_without_a_transaction_manager_the_answer_is_the_same(self, engine: Engine) -> None:
        client = self.made(engine, with_tm=False)
        assert client.get("/shown/missing", status=404).json["error"] == "not_found"
        assert notes(engine) == []

    def test_a_view_of_the_host_for_one_error_goes_before_ours(self, engine: Engine) -> None:
        def configure(config: Configurator) -> None:
            config.add_bookstore_error_views()
            config.add_exception_view(
                lambda error, request: Response("No such book, sorry.", status=404),
                context=errors.BookNotFound,
            )
            config.add_route("lost", "/lost")
            config.add_view(lambda request: request.bookstore.get(UNKNOWN.rpartition("/")[2]),
                            route_name="lost")  # fmt: skip

        client = webtest.TestApp(cookiecutter(engine, configure=configure))
        assert client.get("/lost", status=404).text == "No such book, sorry."
        own = client.get(UNKNOWN.replace("/api/v1", "/shop"), status=404)
        assert own.content_type == "application/problem+json"


def veto_nothing(request: Request, response: Response) -> bool:
    return False


def test_the_documents_of_both_are_alike(engine: Engine) -> None:
    def configure(config: Configurator) -> None:
        config.add_bookstore_error_views()
        config.add_route("lost", "/lost")
        config.add_view(lambda request: request.bookstore.get(UNKNOWN.rpartition("/")[2]),
                        route_name="lost")  # fmt: skip

    client = webtest.TestApp(cookiecutter(engine, configure=configure))
    own = client.get(UNKNOWN.replace("/api/v1", "/shop"), status=404).json
    hosts = client.get("/lost", status=404).json
    own.pop("instance"), hosts.pop("instance")
    assert alike(json.dumps(own)) == alike(json.dumps(hosts))
