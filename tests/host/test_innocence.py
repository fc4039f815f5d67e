"""A host with the bookstore answers byte for byte as it does without it.

Each host below is configured differently. It is built twice, with the plug-in and without it,
and both are asked the same questions outside the bookstore's routes.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pyramid.config import Configurator
from pyramid.csrf import CookieCSRFStoragePolicy
from pyramid.httpexceptions import HTTPFound, HTTPGone, HTTPNotFound
from pyramid.interfaces import (
    ICSRFStoragePolicy,
    IDefaultCSRFOptions,
    IDefaultPermission,
    IExecutionPolicy,
    IRendererFactory,
    IRequestFactory,
    IResponseFactory,
    IRootFactory,
    IRoutesMapper,
    ISecurityPolicy,
    ISessionFactory,
    ITweens,
    IViewMapperFactory,
)
from pyramid.renderers import JSON
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from webtest import TestApp

Configure = Callable[[Configurator], None]


def plain(config: Configurator) -> None:
    """Nothing but a page, a failing one and one that forbids."""
    config.add_route("page", "/page")
    config.add_view(lambda request: {"page": request.method}, route_name="page", renderer="json")
    config.add_route("broken", "/broken")
    config.add_view(_fails, route_name="broken")
    config.add_route("teapot", "/teapot")
    config.add_view(_teapot, route_name="teapot")
    config.add_route("decimal", "/decimal")
    config.add_view(lambda request: {"n": Decimal("1.5")}, route_name="decimal", renderer="json")


def own_pages(config: Configurator) -> None:
    """404, 403 and 500 pages of its own, and a view for every exception."""
    plain(config)
    config.add_notfound_view(lambda request: Response("no such page here", status=404))
    config.add_forbidden_view(lambda request: Response("go away", status=403))
    config.add_exception_view(
        lambda error, request: Response(f"sorry: {type(error).__name__}", status=500),
        context=Exception,
    )


def slashes(config: Configurator) -> None:
    """A notfound view that appends slashes."""
    plain(config)
    config.add_route("folder", "/folder/")
    config.add_view(lambda request: Response("folder"), route_name="folder")
    config.add_notfound_view(lambda request: HTTPNotFound("gone"), append_slash=True)


def strict(config: Configurator) -> None:
    """Default permission, default CSRF check, sessions, a policy that redirects."""
    plain(config)
    config.set_session_factory(SignedCookieSessionFactory("secret-of-the-test-host"))
    csrf = CookieCSRFStoragePolicy()
    csrf._token_factory = lambda: "always-the-same"  # two hosts are compared by their cookies too
    config.set_csrf_storage_policy(csrf)
    config.set_default_csrf_options(require_csrf=True)
    config.set_security_policy(HeaderPolicy())
    config.set_default_permission("page.view")
    config.add_forbidden_view(lambda request: HTTPFound("/login"))


def traversing(config: Configurator) -> None:
    """Traversal from a root of its own, with a view for every resource."""
    config.set_root_factory(lambda request: {"books": {}, "api": {"v1": {"other": {}}}})
    config.add_view(lambda context, request: Response("traversed " + request.path), context=dict)


def with_tweens(config: Configurator) -> None:
    """Tweens, an adapter for the renderer, a view deriver and a response factory."""
    plain(config)
    config.add_tween("tests.host.test_innocence.stamping_tween")
    config.set_response_factory(lambda request: Response(charset="utf-8", headerlist=[]))
    renderer = JSON()
    renderer.add_adapter(Decimal, lambda value, request: f"decimal {value}")
    config.add_renderer("json", renderer)

    def deriver(view: Any, info: Any) -> Any:
        def derived(context: Any, request: Any) -> Any:
            response = view(context, request)
            if request.matched_route and not request.matched_route.name.startswith("bookstore."):
                response.headers["X-Derived"] = "yes"
            return response

        return derived

    config.add_view_deriver(deriver, "stamp")


def stamping_tween(handler: Any, registry: Any) -> Any:
    def tween(request: Any) -> Any:
        response = handler(request)
        response.headers["X-Stamp"] = "host"
        return response

    return tween


class HeaderPolicy:
    """Knows a user by a header, and lets users do all."""

    def identity(self, request: Any) -> Any:
        return request.headers.get("X-User")

    authenticated_userid = identity

    def permits(self, request: Any, context: Any, permission: str) -> bool:
        return self.identity(request) is not None

    def remember(self, request: Any, userid: str, **kw: Any) -> list[tuple[str, str]]:
        return []

    def forget(self, request: Any, **kw: Any) -> list[tuple[str, str]]:
        return []


class LibertyError(Exception):
    pass


def _fails(request: Any) -> Any:
    raise LibertyError("the host's own mistake")


def _teapot(request: Any) -> Any:
    raise HTTPGone("short and stout")


HOSTS: list[Configure] = [plain, own_pages, slashes, strict, traversing, with_tweens]

QUESTIONS: list[tuple[str, str, dict[str, str]]] = [
    (method, path, headers)
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE", "TRACE")
    for path in (
        "/",
        "/page",
        "/page/",
        "/folder",
        "/broken",
        "/teapot",
        "/decimal",
        "/nothing",
        "/api",
        "/api/v1/other",
        "/api/v1/bookstore",
        "/books",
        "/health",
        "/docs",
        "/page?x=%FF",
        "/page?x=%zz",
        "/%FF",
        "/page/%C3%28",
        "/api/v1/%FF",
    )
    for headers in ({}, {"X-User": "ann"}, {"Accept": "text/html", "X-Request-ID": "mine"})
]

#: Ours, but for a host that has a page of its own there.
MOUNT_POINT = [
    (method, path, {}) for method in ("GET", "POST", "OPTIONS") for path in ("/api/v1", "/api/v1/")
]

ASKED_OF_THE_REGISTRY = [
    ICSRFStoragePolicy,
    IDefaultCSRFOptions,
    IDefaultPermission,
    IExecutionPolicy,
    IRequestFactory,
    IResponseFactory,
    IRootFactory,
    ISecurityPolicy,
    ISessionFactory,
    IViewMapperFactory,
]


def built(configure: Configure, *, bookstore: bool, late: bool = False) -> Any:
    settings = {
        "sqlalchemy.url": "sqlite://",
        "sqlalchemy.echo": "false",
        "host.setting": "kept",
        "tm.attempts": "3",
    }
    config = Configurator(settings=dict(settings))
    if bookstore and not late:
        config.include("pyramid_bookstore")
    configure(config)
    if bookstore and late:
        config.include("pyramid_bookstore")
    return config.make_wsgi_app()


def asked(app: Any, method: str, path: str, headers: dict[str, str]) -> tuple[Any, ...]:
    try:
        response = TestApp(app).request(
            path, method=method, headers=headers, expect_errors=True, body=b""
        )
    except Exception as error:  # noqa: BLE001  # whatever it is, it must be the same
        return ("raised", type(error).__name__, str(error))
    return (response.status, sorted(response.headerlist), response.body)


@pytest.mark.parametrize("late", [False, True], ids=["included first", "included last"])
@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.__name__)
def test_the_host_answers_its_own_urls_as_without_the_bookstore(
    host: Configure, late: bool
) -> None:
    without, with_bookstore = built(host, bookstore=False), built(host, bookstore=True, late=late)
    differences = [
        (question, before, after)
        for question in (*QUESTIONS, *(MOUNT_POINT if host is traversing else ()))
        if (before := asked(without, *question)) != (after := asked(with_bookstore, *question))
    ]
    assert differences == []


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.__name__)
def test_the_include_does_not_change_registrations_of_the_host(host: Configure) -> None:
    without, with_bookstore = (built(host, bookstore=found).registry for found in (False, True))
    for interface in ASKED_OF_THE_REGISTRY:
        before, after = without.queryUtility(interface), with_bookstore.queryUtility(interface)
        assert type(before) is type(after), interface
    before, after = (
        {name for name, _ in found.getUtilitiesFor(IRendererFactory)}
        for found in (without, with_bookstore)
    )
    assert before == after
    assert dict(without.settings) == dict(with_bookstore.settings)
    tweens = [
        [] if found is None else [name for name, _ in found.implicit()]
        for found in (without.queryUtility(ITweens), with_bookstore.queryUtility(ITweens))
    ]
    assert tweens[0] == tweens[1]


def test_every_route_name_of_the_bookstore_begins_with_bookstore() -> None:
    registry = built(plain, bookstore=True).registry
    hosts = {"page", "broken", "teapot", "decimal"}
    routes = {route.name for route in registry.getUtility(IRoutesMapper).get_routes()}
    assert {name for name in routes - hosts if not name.startswith("bookstore.")} == set()
    assert routes - hosts


def test_the_include_does_not_change_loggers_of_others() -> None:
    def state() -> list[Any]:
        loggers = [logging.getLogger(name) for name in ("", "pyramid", "sqlalchemy", "waitress")]
        return [(found.level, list(found.handlers), found.propagate) for found in loggers]

    before = state()
    built(plain, bookstore=True)
    assert state() == before


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.__name__)
@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/v1/books/none", 404, "not_found"),
        ("GET", "/api/v1/books?page=0", 422, "validation_failed"),
        ("GET", "/api/v1/books?search=%FF", 400, "bad_request"),
        ("GET", "/api/v1/books/%FF", 400, "bad_request"),
        ("TRACE", "/api/v1/books", 405, "method_not_allowed"),
        ("POST", "/api/v1/books", 400, "invalid_json"),
        ("GET", "/api/v1/books", 503, "unavailable"),
    ],
)
def test_errors_on_our_routes_are_problem_documents_in_every_host(
    host: Configure, method: str, path: str, status: int, error: str
) -> None:
    """In the last row the database has no tables: the host's catch-all view must not answer."""
    app = TestApp(built(host, bookstore=True))
    headers = {"Content-Type": "application/json", "X-User": "ann"}
    response = app.request(path, method=method, headers=headers, body=b"", expect_errors=True)
    assert (response.status_int, response.json["error"]) == (status, error)
    assert response.content_type == "application/problem+json"


def test_health_needs_no_permission_and_no_csrf_token_in_any_host() -> None:
    for host in HOSTS:
        response = TestApp(built(host, bookstore=True)).get("/api/v1/health")
        assert response.json == {"status": "ok"}


def test_a_json_post_needs_no_csrf_token_and_form_types_are_refused() -> None:
    """Without permission, another site can only send the media types of forms, not JSON."""
    app = TestApp(built(strict, bookstore=True))
    body = json.dumps({"title": "x"})
    answered = app.post(
        "/api/v1/books",
        body,
        headers={"X-User": "ann", "Content-Type": "application/json"},
        expect_errors=True,
    )
    assert answered.json["error"] == "validation_failed"
    for form in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        refused = app.post(
            "/api/v1/books",
            body,
            headers={"X-User": "ann", "Content-Type": form},
            expect_errors=True,
        )
        assert refused.status_int == 415
