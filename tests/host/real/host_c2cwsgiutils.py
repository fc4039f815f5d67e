"""c2cwsgiutils: error views for all exceptions, cornice, metrics and a session of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asking import Cell, Question, ask, compared, life

PACKAGES = ("c2cwsgiutils[standard,webserver]",)

HOST = {
    "sqlalchemy.url": "sqlite:///c2c.sqlite",
    "c2c.base_path": "/c2c",
    "c2c.enable_exception_handling": "1",
    "tm.annotate_user": "false",
}
BOOKSTORE = {
    "bookstore.dbsession": "dbsession",
    "bookstore.migrate": "true",
    "bookstore.permission.view": "",
}
QUESTIONS: list[Question] = [
    (method, path, None, {})
    for method in ("GET", "POST", "OPTIONS", "TRACE")
    for path in ("/", "/c2c", "/c2c/health_check", "/own", "/broken", "/gone", "/nothing", "/api",
                 "/api/v1/nothing", "/books", "/%FF")
]  # fmt: skip


def cells() -> Iterator[Cell]:
    """Its error views answer for its own routes only."""
    books = application(BOOKSTORE)
    yield compared("own answers", QUESTIONS, application({}), books)
    yield from life("a book's life", books, "/api/v1", {"X-User": "ann"})
    kind = ask(books, "GET", "/api/v1/books/none", None, {}).content_type
    yield Cell("our errors are ours", "" if kind == "application/problem+json" else kind)


def application(settings: dict[str, str]) -> Any:
    """An application as its documentation makes it, with a policy and some pages."""
    import c2cwsgiutils.db
    import c2cwsgiutils.pyramid
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPGone
    from webtest import TestApp

    class ByHeader:
        """A policy that lets in who sends a header."""

        def identity(self, request: Any) -> Any:
            return request.headers.get("X-User")

        authenticated_userid = identity

        def permits(self, request: Any, context: Any, permission: str) -> bool:
            return self.identity(request) is not None

        def remember(self, request: Any, *words: Any, **options: Any) -> Any:
            return []

        forget = remember

    def fails(request: Any) -> Any:
        raise ZeroDivisionError

    def gone(request: Any) -> Any:
        raise HTTPGone("Long ago.")

    config = Configurator(settings={**HOST, **settings})
    config.set_security_policy(ByHeader())
    config.include(c2cwsgiutils.pyramid.includeme)
    c2cwsgiutils.db.init(config, "sqlalchemy", "sqlalchemy")
    if settings:
        config.include("pyramid_bookstore")
    for name, view in (("own", lambda request: {"own": 1}), ("broken", fails), ("gone", gone)):
        config.add_route(name, f"/{name}")
        config.add_view(view, route_name=name, renderer="json")
    return TestApp(config.make_wsgi_app())
