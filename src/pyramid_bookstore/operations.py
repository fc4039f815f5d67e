"""The table of URLs: each path with its methods, their views and permissions.

Routes, views, 405 answers and the OpenAPI document are made from it.
"""

from pyramid_bookstore.catalogue import views as catalogue
from pyramid_bookstore.description import views as description
from pyramid_bookstore.feeds import views as feeds
from pyramid_bookstore.observability import views as observability
from pyramid_bookstore.stock import views as stock
from pyramid_bookstore.web.body import JSON_BODY, PATCH_BODY
from pyramid_bookstore.web.operation import (
    ADD,
    DELETE,
    EDIT,
    IMPORT,
    STOCK,
    VIEW,
    Operation,
    Resource,
)

#: In matching order: fixed paths before those with an id.
RESOURCES = (
    Resource(
        "books",
        "/books",
        (
            Operation("GET", catalogue.list_books, VIEW),
            Operation(
                "POST",
                catalogue.create,
                ADD,
                writes=True,
                single=True,
                idempotent=True,
                bare=True,
                body=JSON_BODY,
            ),
        ),
    ),
    Resource(
        "isbn",
        "/books/isbn/{isbn}",
        (
            Operation("GET", catalogue.show_by_isbn, VIEW, bare=True),
            Operation(
                "PUT",
                catalogue.upsert_by_isbn,
                EDIT,
                writes=True,
                single=True,
                bare=True,
                body=JSON_BODY,
                or_permission=ADD,
            ),
        ),
    ),
    Resource(
        "lookup",
        "/books/lookup",
        (Operation("POST", catalogue.lookup, VIEW, bare=True, body=JSON_BODY),),
    ),
    Resource("suggest", "/books/suggest", (Operation("GET", catalogue.suggest, VIEW),)),
    Resource(
        "import",
        "/books/import",
        (
            Operation(
                "POST",
                feeds.import_books,
                IMPORT,
                writes=True,
                body=feeds.FEED_BODY,
                further_permission=DELETE,
            ),
        ),
    ),
    Resource("export", "/books/export", (Operation("GET", feeds.export_books, VIEW),)),
    Resource(
        "book",
        "/books/{id}",
        (
            Operation("GET", catalogue.show, VIEW, bare=True),
            Operation(
                "PUT", catalogue.update, EDIT, writes=True, single=True, bare=True, body=JSON_BODY
            ),
            Operation(
                "PATCH", catalogue.patch, EDIT, writes=True, single=True, bare=True, body=PATCH_BODY
            ),
            Operation("DELETE", catalogue.delete, DELETE, writes=True, single=True, bare=True),
        ),
    ),
    Resource(
        "stock",
        "/books/{id}/stock",
        (
            Operation(
                "GET",
                stock.list_movements,
                STOCK,
                enabled=lambda settings: settings.stock_log,
            ),
            Operation(
                "POST",
                stock.change_stock,
                STOCK,
                writes=True,
                single=True,
                idempotent=True,
                bare=True,
                body=JSON_BODY,
            ),
        ),
    ),
    Resource(
        "stocks",
        "/stock",
        (
            Operation(
                "POST",
                stock.change_stocks,
                STOCK,
                writes=True,
                idempotent=True,
                bare=True,
                body=JSON_BODY,
            ),
        ),
    ),
    Resource(
        "holds",
        "/holds",
        (
            Operation(
                "POST",
                stock.place_hold,
                STOCK,
                writes=True,
                idempotent=True,
                bare=True,
                body=JSON_BODY,
            ),
        ),
        enabled=lambda settings: settings.holds,
    ),
    Resource(
        "hold",
        "/holds/{hold}",
        (
            Operation("GET", stock.show_hold, STOCK, bare=True),
            Operation("PATCH", stock.prolong_hold, STOCK, writes=True, bare=True, body=PATCH_BODY),
            Operation("DELETE", stock.release_hold, STOCK, writes=True, bare=True),
        ),
        enabled=lambda settings: settings.holds,
    ),
    Resource(
        "commit",
        "/holds/{hold}/commit",
        (Operation("POST", stock.commit_hold, STOCK, writes=True, idempotent=True, bare=True),),
        enabled=lambda settings: settings.holds,
    ),
    Resource(
        "metrics",
        "/metrics",
        (Operation("GET", observability.metrics, None, bare=True),),
        enabled=lambda settings: settings.metrics,
    ),
    Resource("health", "/health", (Operation("GET", observability.health, None),)),
    Resource("ready", "/ready", (Operation("GET", observability.ready, None),)),
    Resource("index", "/", (Operation("GET", description.index, None),), slash=True),
    Resource("openapi", "/openapi.json", (Operation("GET", description.openapi, None),)),
    Resource(
        "docs",
        "/docs",
        (Operation("GET", description.docs, None),),
        enabled=lambda settings: settings.docs,
        slash=True,
    ),
    Resource(
        "docs_asset",
        "/docs/{asset}",
        (Operation("GET", description.docs_asset, None),),
        enabled=lambda settings: settings.docs,
    ),
)
