"""pyramid_exclog: a tween that reports every exception which is no answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from asking import Cell, ask, life

PACKAGES = ("pyramid-exclog", "pyramid-retry")


def cells() -> Iterator[Cell]:
    """Refusals are no news for it, defects are, each once."""
    from pyramid.config import Configurator
    from webtest import TestApp

    from pyramid_bookstore.events import BookCreated

    class ByHeader:
        """A policy that lets in who sends a header."""

        def identity(self, request: Any) -> Any:
            return request.headers.get("X-User")

        authenticated_userid = identity

        def permits(self, request: Any, context: Any, permission: str) -> bool:
            return permission == "bookstore.view" or self.identity(request) is not None

        def remember(self, request: Any, *words: Any, **options: Any) -> Any:
            return []

        forget = remember

    def fails(event: Any) -> None:
        if event.book.title == "Defect":
            raise ZeroDivisionError

    logging.disable(logging.NOTSET)
    reported: list[Any] = []

    class Reports(logging.Handler):
        def emit(self, record: Any) -> None:
            reported.append(record.exc_info[0].__name__)

    logging.getLogger("exc_logger").addHandler(Reports())
    settings = {"bookstore.sqlalchemy.url": "sqlite:///books.sqlite", "bookstore.migrate": "true"}
    config = Configurator(settings=settings)
    for name in ("pyramid_tm", "pyramid_retry", "pyramid_exclog", "pyramid_bookstore"):
        config.include(name)
    config.set_security_policy(ByHeader())
    config.add_subscriber(fails, BookCreated)
    app = TestApp(config.make_wsgi_app())
    may = {"X-User": "ann"}
    yield from life("a book's life", app, "/api/v1", may)
    yield Cell("refusals are not reported", ", ".join(reported))
    fields = {"title": "Defect", "author": "A", "isbn": "9783522202558", "price": 1}
    status = ask(app, "POST", "/api/v1/books", fields, may).status_int
    wanted = (500, ["ZeroDivisionError"])
    yield Cell("a defect is reported once", "" if (status, reported) == wanted else f"{reported}")
