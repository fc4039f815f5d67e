"""The HTTP API at a glance: every path, what it serves, by which view and under which permission.

Routes, views, 405 answers and the API's description are all made from this table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyramid_bookstore.http.views import books, description, feeds, health, isbn, metrics
from pyramid_bookstore.settings import Settings


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``permission`` is `None` where everybody may ask."""

    method: str
    view: Callable[..., Any]
    permission: str | None
    writes: bool = False
    #: Whether a single statement does all of the writing.
    single: bool = False
    #: Whether it honours `Idempotency-Key`.
    idempotent: bool = False
    #: Takes no query parameters: any is refused, so that none is passed over in silence.
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """One path below the mount, with the operations it serves."""

    name: str
    path: str
    operations: Sequence[Operation]
    #: Whether the settings ask for it.
    enabled: Callable[[Settings], bool] = lambda settings: True

    @property
    def route_name(self) -> str:
        """The name of the route, as for ``request.route_path``."""
        return f"bookstore.{self.name}"

    @property
    def open(self) -> bool:
        """Whether everybody may ask for all of it."""
        return all(operation.permission is None for operation in self.operations)

    @property
    def methods(self) -> tuple[str, ...]:
        """What ``Allow`` says."""
        served = [operation.method for operation in self.operations]
        if "GET" in served:
            served.insert(served.index("GET") + 1, "HEAD")
        return (*served, "OPTIONS")


VIEW = "bookstore.view"
ADD = "bookstore.add"
EDIT = "bookstore.edit"
DELETE = "bookstore.delete"
STOCK = "bookstore.stock"
IMPORT = "bookstore.import"

#: In matching order: fixed paths before those with an id.
RESOURCES = (
    Resource(
        "books",
        "/books",
        (
            Operation("GET", books.list_books, VIEW),
            Operation(
                "POST", books.create, ADD, writes=True, single=True, idempotent=True, bare=True
            ),
        ),
    ),
    Resource(
        "isbn",
        "/books/isbn/{isbn}",
        (
            Operation("GET", isbn.show, VIEW, bare=True),
            Operation("PUT", isbn.upsert, EDIT, writes=True, single=True, bare=True),
        ),
    ),
    Resource(
        "import",
        "/books/import",
        (Operation("POST", feeds.import_books, IMPORT, writes=True),),
    ),
    Resource("export", "/books/export", (Operation("GET", feeds.export_books, VIEW),)),
    Resource(
        "book",
        "/books/{id}",
        (
            Operation("GET", books.show, VIEW, bare=True),
            Operation("PUT", books.update, EDIT, writes=True, single=True, bare=True),
            Operation("PATCH", books.patch, EDIT, writes=True, single=True, bare=True),
            Operation("DELETE", books.delete, DELETE, writes=True, single=True, bare=True),
        ),
    ),
    Resource(
        "stock",
        "/books/{id}/stock",
        (
            Operation(
                "POST",
                books.change_stock,
                STOCK,
                writes=True,
                single=True,
                idempotent=True,
                bare=True,
            ),
        ),
    ),
    Resource(
        "metrics",
        "/metrics",
        (Operation("GET", metrics.metrics, None, bare=True),),
        enabled=lambda settings: settings.metrics,
    ),
    Resource("health", "/health", (Operation("GET", health.health, None),)),
    Resource("ready", "/ready", (Operation("GET", health.ready, None),)),
    Resource("openapi", "/openapi.json", (Operation("GET", description.openapi, None),)),
    Resource(
        "docs",
        "/docs",
        (Operation("GET", description.docs, None),),
        enabled=lambda settings: settings.docs,
    ),
    Resource(
        "docs_asset",
        "/docs/{asset}",
        (Operation("GET", description.docs_asset, None),),
        enabled=lambda settings: settings.docs,
    ),
)
