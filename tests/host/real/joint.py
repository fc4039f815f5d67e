"""A view that changes a host's own data and the bookstore's: both happen, or neither."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from asking import Cell, ask

from pyramid_bookstore.errors import IsbnTaken

ISBN = "9783522202558"


def add_route(config: Any, add_page: Callable[[Any, str], None]) -> None:
    """``/shelve/NAME`` adds a page of this name of the host's, and a book; with ``?fail`` it then
    has a defect."""

    def shelve(request: Any) -> dict[str, Any]:
        add_page(request, request.matchdict["name"])
        book = {"title": "Momo", "author": "Michael Ende", "isbn": ISBN, "price": 15}
        request.bookstore.create(book)
        if "fail" in request.params:
            raise ZeroDivisionError
        return {}

    config.add_route("shelve", "/shelve/{name}")
    config.add_view(shelve, route_name="shelve", renderer="json")


def tried(app: Any) -> Cell:
    """A defect and a refusal undo both; what is committed is there in both."""
    seen = []
    for path in ("/shelve/Momo?fail=1", "/shelve/Momo", "/shelve/Other"):
        with suppress(ZeroDivisionError, IsbnTaken):
            ask(app, "GET", path, None, {})
        pages = [ask(app, "GET", f"/{name}", None, {}).status_int for name in ("Momo", "Other")]
        seen.append((*pages, ask(app, "GET", "/api/v1/books", None, {}).json["total"]))
    wanted = [(404, 404, 0), (200, 404, 1), (200, 404, 1)]
    return Cell("pages and books in one transaction", "" if seen == wanted else f"{seen}")
