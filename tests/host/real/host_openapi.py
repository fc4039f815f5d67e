"""cornice's services beside pyramid_openapi3's, who may by pyramid_multiauth."""

from __future__ import annotations

from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from asking import Cell, Question, ask, basic, client, compared, cookies, from_page, life, statuses

PACKAGES = ("cornice", "pyramid_openapi3", "pyramid_multiauth")

SPEC = """
openapi: "3.1.0"
info: {title: Own, version: "1"}
servers: [{url: /api/v1}]
paths:
  /authors:
    get:
      parameters:
        - {name: limit, in: query, required: true, schema: {type: integer}}
      responses:
        "200":
          description: Authors
          content: {application/json: {schema: {type: array, items: {type: integer}}}}
        "400": {description: Wrong}
"""

QUESTIONS: list[Question] = [
    (method, path, None, headers)
    for method in ("GET", "POST", "OPTIONS", "TRACE")
    for headers in ({}, {"user": "ann"})
    for path in ("/", "/api/v1/authors", "/api/v1/authors?limit=2", "/api/v1/authors?limit=x",
                 "/api/v1/authors?limit=9", "/own.yaml", "/own-docs", "/shelves", "/shelves?bad=1",
                 "/nothing", "/api", "/api/v1/nothing", "/books", "/%FF")
]  # fmt: skip


def cells() -> Iterator[Cell]:
    """What docs/howto/hosts.md promises of them."""
    guide = ConfigParser(interpolation=None)
    guide.read_string(from_page("multiauth.ini"))
    chosen = {**guide["app:main"]}
    alone = {name: value for name, value in chosen.items() if not name.startswith("bookstore.")}
    del alone["pyramid.includes"]
    Path("shop.py").write_text(from_page("shop.py"), "utf-8")
    books = application(chosen | {"bookstore.sqlalchemy.url": "sqlite:///books.sqlite"})
    yield compared("own answers", QUESTIONS, application(alone), books)
    ann, ben = basic("ann", "secret"), basic("ben", "secret")
    yield from life("a book's life by basic authentication", books, "/api/v1", ann)
    cookie = cookies(ask(books, "GET", "/enter", None, {}))
    people = ({}, ben, ann, cookie)
    found = [ask(books, "POST", "/api/v1/books", {}, who).status_int for who in people]
    yield statuses("who may: by header and by cookie", [401, 403, 422, 422], found)


def application(settings: dict[str, str]) -> Any:
    """Services of both kinds, and a page of its own."""
    import sys

    from cornice import Service
    from pyramid.config import Configurator
    from pyramid.response import Response
    from pyramid.security import remember

    sys.path.insert(0, str(Path.cwd()))
    Path("own.yaml").write_text(SPEC, "utf-8")
    shelves = Service(name="shelves", path="/shelves", cors_origins=("https://shop.example",))

    def only_good(request: Any, **_: Any) -> None:
        if request.params.get("bad"):
            request.errors.add("querystring", "bad", "is not good")

    @shelves.get(validators=(only_good,))
    def get(request: Any) -> dict[str, Any]:
        return {"shelves": [1, 2]}

    @shelves.post(permission="shop.write")
    def post(request: Any) -> dict[str, Any]:
        return {"user": request.authenticated_userid}

    def authors(request: Any) -> Any:
        limit = request.openapi_validated.parameters.query["limit"]
        return ["no number"] if limit == 9 else [*range(limit)]

    config = Configurator(settings=settings, root_factory="shop.Root")
    for name in ("pyramid_tm", "pyramid_multiauth", "cornice", "pyramid_openapi3"):
        config.include(name)
    config.pyramid_openapi3_spec("own.yaml", route="/own.yaml")
    config.pyramid_openapi3_add_explorer(route="/own-docs")
    config.add_cornice_service(shelves)
    config.add_route("authors", "/api/v1/authors")
    config.add_view(authors, route_name="authors", renderer="json", openapi=True)
    config.add_route("enter", "/enter")
    config.add_view(
        lambda request: Response(headerlist=remember(request, "ann")), route_name="enter"
    )
    return client(config.make_wsgi_app())
