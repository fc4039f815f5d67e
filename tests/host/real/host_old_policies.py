"""Authentication and authorization policies as of Pyramid 1, on Pyramid 2.0 and SQLAlchemy 2.0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asking import Cell, Question, ask, client, compared, cookies, from_page, life, statuses

PACKAGES = ("pyramid<2.1", "sqlalchemy<2.1", "pyramid_retry")

BOOKSTORE = {"bookstore.sqlalchemy.url": "sqlite:///books.sqlite", "bookstore.migrate": "true"}
QUESTIONS: list[Question] = [
    (method, path, None, {})
    for method in ("GET", "POST", "OPTIONS", "TRACE")
    for path in ("/", "/own", "/enter/ann", "/leave", "/nothing", "/api", "/api/v1/nothing",
                 "/books", "/%FF")
]  # fmt: skip


def cells() -> Iterator[Cell]:
    """What docs/howto/hosts.md promises of them."""
    books = application(BOOKSTORE)
    yield compared("own answers", QUESTIONS, application({}), books)
    ann, ben = (cookies(ask(books, "GET", f"/enter/{name}", None, {})) for name in ("ann", "ben"))
    yield from life("a book's life by cookie", books, "/api/v1", ann)
    answers = [ask(books, "POST", "/api/v1/books", {}, who) for who in ({}, ben, ann)]
    found = [each.status_int for each in answers]
    yield statuses("who may: the group of staff", [401, 403, 422], found)
    taken = answers[0].headers.getall("Set-Cookie")
    fault = "" if taken and all(each.startswith("auth_tkt=;") for each in taken) else f"{taken}"
    yield Cell("a 401 takes back every cookie", fault)


def application(settings: dict[str, str]) -> Any:
    """The application of the guide, with pages of its own and a way in."""
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPFound
    from pyramid.security import forget, remember

    guide: dict[str, Any] = {}
    exec(from_page("policies.py"), guide)
    config = Configurator(settings=settings)
    guide["add_policies"](config)
    for name in ("pyramid_tm", "pyramid_retry", *(["pyramid_bookstore"] if settings else [])):
        config.include(name)
    views = {
        "/own": lambda request: {"user": request.unauthenticated_userid},
        "/enter/{name}": lambda request: HTTPFound(
            "/own", headers=remember(request, request.matchdict["name"])
        ),
        "/leave": lambda request: HTTPFound("/", headers=forget(request)),
    }
    for path, view in views.items():
        config.add_route(path, path)
        permission = "bookstore.edit" if path == "/own" else None
        config.add_view(view, route_name=path, renderer="json", permission=permission)
    config.add_forbidden_view(lambda request: HTTPFound("/enter"))
    return client(config.make_wsgi_app())
