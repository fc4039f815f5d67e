"""The description of each operation, by method and path.

A test compares it with the table of URLs, and every answer in the tests with it.
"""

from pyramid_bookstore.catalogue.query import SUGGEST, list_schema
from pyramid_bookstore.db.revision import HEAD
from pyramid_bookstore.description import examples
from pyramid_bookstore.description.described import Answer, Content, DescribedOperation
from pyramid_bookstore.description.own_types import Schema
from pyramid_bookstore.description.problems import ROWS_REFUSED
from pyramid_bookstore.description.stock import STOCK, STOCK_OPERATIONS
from pyramid_bookstore.feeds.schema import ExportParameters, ImportParameters
from pyramid_bookstore.feeds.views import ODS, XLSX
from pyramid_bookstore.web.body import JSON, MERGE_PATCH

BOOKS = "Books"
BULK = "In bulk"
OPERATION = "Operation"
DESCRIPTION = "Description"

#: In the order in which they are shown.
TAGS = {
    BOOKS: "One book, or a list of them.",
    STOCK: "Several books in one change, copies that are held, and what moved.",
    BULK: "Many books at once.",
    OPERATION: "For those who run the service.",
    DESCRIPTION: "This description.",
}

#: The parameters in paths, by name.
PATH_PARAMETERS: dict[str, Schema] = {
    "id": {
        "description": "The book's id.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "isbn": {
        "description": "ISBN-13 or ISBN-10, with any hyphens or spaces.",
        "schema": {"type": "string", "format": "isbn"},
        "examples": {"hyphens": {"value": examples.ISBN}, "digits": {"value": "9781492052593"}},
    },
    "hold": {
        "description": "The hold's id.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "asset": {
        "description": "A file of the page.",
        "schema": {"type": "string", "pattern": "^[^/]+$"},
        "examples": {"style": {"value": "docs.css"}},
    },
}

_TEXT: Schema = {"type": "string"}
_POLICIES = ("Content-Security-Policy", "Referrer-Policy")
_READ = ("ETag", "Last-Modified")
_LINKS = ("getBook", "updateBook", "patchBook", "changeStock", "deleteBook")
_UNCHANGED = "The client's copy is still good."
_MINIMAL = Answer("Done; no book in the answer, as preferred.", (*_READ, "Preference-Applied"))
_REPLAYED_MINIMAL = Answer(_MINIMAL.text, (*_MINIMAL.headers, "Idempotency-Replayed"))
_CONDITIONS = ("If-Match", "If-Unmodified-Since", "If-None-Match")
_BOOK = {JSON: Content("Book")}
_FILE = {
    "text/csv": Content(_TEXT, examples.CSV),
    "application/x-ndjson": Content(_TEXT, examples.NDJSON),
    XLSX: Content(_TEXT),
}
_FEED = {**_FILE, ODS: Content(_TEXT)}


_CHANGED = Answer("The book as it is now.", _READ, _BOOK, _LINKS)

DESCRIBED: dict[tuple[str, str], DescribedOperation] = {
    ("GET", "/books"): DescribedOperation(
        id="listBooks",
        tag=BOOKS,
        summary="List books",
        text="Newest first. Filters are combined; `Link` leads to the other pages.",
        query=lambda settings, declared: list_schema(
            settings.limit_default,
            settings.limit_max,
            settings.max_offset,
            declared,
            settings.holds,
        ),
        headers=("If-None-Match", "Cache-Control"),
        answers={
            200: Answer("A page of books.", ("ETag", "Link"), {JSON: Content("Page")}),
            304: Answer(_UNCHANGED, ("ETag", "Link")),
        },
        errors=("unavailable",),
    ),
    ("GET", "/books/suggest"): DescribedOperation(
        id="suggestBooks",
        tag=BOOKS,
        summary="Suggest authors and titles",
        text="For a search field while somebody types: authors first, then titles, with words that"
        " begin as those of `q`; where there are none, those of the nearest spelling.",
        query=lambda settings, declared: SUGGEST,
        headers=("Cache-Control",),
        answers={200: Answer("The suggestions.", (), {JSON: Content("Suggestions")})},
        errors=("unavailable",),
    ),
    ("POST", "/books/lookup"): DescribedOperation(
        id="lookUpBooks",
        tag=BOOKS,
        summary="Get many books by their ISBNs and ids",
        text="Reads only. What is no ISBN or id, and what no book has, is named beside the books.",
        headers=("Cache-Control",),
        body={JSON: Content("LookupRequest")},
        answers={200: Answer("What was found.", (), {JSON: Content("Lookup")})},
        errors=("unavailable",),
    ),
    ("POST", "/books"): DescribedOperation(
        id="createBook",
        tag=BOOKS,
        summary="Add a book",
        headers=("Prefer",),
        body={JSON: Content("NewBook")},
        answers={
            201: Answer(
                "The new book; without a body where `return=minimal` was preferred.",
                ("Location", *_READ, "Preference-Applied", "Idempotency-Replayed"),
                _BOOK,
                _LINKS,
            ),
        },
        errors=("conflict",),
    ),
    ("GET", "/books/{id}"): DescribedOperation(
        id="getBook",
        tag=BOOKS,
        summary="Get a book",
        headers=("If-None-Match", "If-Modified-Since", "Cache-Control"),
        answers={200: Answer("The book.", _READ, _BOOK, _LINKS), 304: Answer(_UNCHANGED, _READ)},
        errors=("not_found", "unavailable"),
    ),
    ("PUT", "/books/{id}"): DescribedOperation(
        id="updateBook",
        tag=BOOKS,
        summary="Change fields of a book",
        text="Any subset of the fields; what is left out stays.",
        headers=(*_CONDITIONS, "Prefer"),
        body={JSON: Content("BookChanges")},
        answers={200: _CHANGED, 204: _MINIMAL},
        errors=("not_found", "conflict", "precondition_failed", "precondition_required"),
    ),
    ("PATCH", "/books/{id}"): DescribedOperation(
        id="patchBook",
        tag=BOOKS,
        summary="Change fields of a book by a merge patch",
        text="A JSON merge patch (RFC 7396): null takes a field back to its default; `extra` is"
        " merged.",
        headers=(*_CONDITIONS, "Prefer"),
        body={MERGE_PATCH: Content("BookPatch"), JSON: Content("BookPatch")},
        answers={200: _CHANGED, 204: _MINIMAL},
        errors=("not_found", "conflict", "precondition_failed", "precondition_required"),
    ),
    ("DELETE", "/books/{id}"): DescribedOperation(
        id="deleteBook",
        tag=BOOKS,
        summary="Delete a book",
        headers=_CONDITIONS,
        answers={204: Answer("It is gone.")},
        errors=("not_found", "book_in_use", "precondition_failed", "precondition_required"),
    ),
    ("POST", "/books/{id}/stock"): DescribedOperation(
        id="changeStock",
        tag=BOOKS,
        summary="Change the stock of a book",
        text="One atomic change, refused where the stock would fall below 0.",
        headers=(*_CONDITIONS, "Prefer"),
        body={JSON: Content("StockChange")},
        answers={
            200: Answer("The book as it is now.", (*_READ, "Idempotency-Replayed"), _BOOK, _LINKS),
            204: _REPLAYED_MINIMAL,
        },
        errors=("not_found", "insufficient_stock", "precondition_failed"),
    ),
    ("GET", "/books/isbn/{isbn}"): DescribedOperation(
        id="getBookByIsbn",
        tag=BOOKS,
        summary="Get a book by its ISBN",
        headers=("If-None-Match", "If-Modified-Since", "Cache-Control"),
        answers={
            200: Answer("The book.", (*_READ, "Content-Location"), _BOOK, _LINKS),
            304: Answer(_UNCHANGED, (*_READ, "Content-Location")),
        },
        errors=("not_found", "unavailable"),
    ),
    ("PUT", "/books/isbn/{isbn}"): DescribedOperation(
        id="upsertBook",
        tag=BOOKS,
        summary="Create or replace a book by its ISBN",
        text="A whole book; its `isbn` may be left out, as the path has it. `If-None-Match: *`"
        " writes only where there is no such book. Creating needs the permission `bookstore.add`,"
        " replacing `bookstore.edit`.",
        headers=(*_CONDITIONS, "Prefer"),
        body={JSON: Content("NewBookByIsbn")},
        answers={
            200: Answer("The book as it is now.", (*_READ, "Content-Location"), _BOOK, _LINKS),
            201: Answer(
                "The new book; without a body where `return=minimal` was preferred.",
                ("Location", "Content-Location", *_READ, "Preference-Applied"),
                _BOOK,
                _LINKS,
            ),
            204: Answer(_MINIMAL.text, (*_MINIMAL.headers, "Content-Location")),
        },
        errors=("precondition_failed", "precondition_required"),
    ),
    ("POST", "/books/import"): DescribedOperation(
        id="importBooks",
        tag=BULK,
        summary="Import a file of books",
        text="Each row creates or updates the book with its ISBN. One bad row, and nothing is"
        " written, unless `skip_invalid` is true.",
        query=lambda settings, declared: ImportParameters(),
        body=_FEED,
        answers={200: Answer("What was done.", (), {JSON: Content("ImportReport")})},
        errors=(ROWS_REFUSED, "book_in_use"),
    ),
    ("GET", "/books/export"): DescribedOperation(
        id="exportBooks",
        tag=BULK,
        summary="Export books as a file",
        text="What it writes, an import takes back unchanged. The filters are those of the list.",
        query=lambda settings, declared: ExportParameters(declared=declared),
        headers=("Cache-Control",),
        answers={200: Answer("The books.", ("Content-Disposition",), _FILE)},
        errors=("unavailable",),
    ),
    ("GET", "/health"): DescribedOperation(
        id="getHealth",
        tag=OPERATION,
        summary="Whether the process is alive",
        text="Asks no database.",
        answers={200: Answer("It is.", (), {JSON: Content("Health", {"status": "ok"})})},
    ),
    ("GET", "/ready"): DescribedOperation(
        id="getReady",
        tag=OPERATION,
        summary="Whether requests can be served",
        text=(
            "The database answers, and its schema is at the code's revision. The state of a read"
            " replica is in the answer, but does not change its status."
        ),
        answers={
            200: Answer(
                "They can.", (), {JSON: Content("Ready", {"status": "ready", "revision": HEAD})}
            )
        },
        errors=("unavailable",),
    ),
    ("GET", "/metrics"): DescribedOperation(
        id="getMetrics",
        tag=OPERATION,
        summary="Metrics for Prometheus",
        answers={200: Answer("Metrics.", (), {"text/plain": Content(_TEXT)})},
    ),
    ("GET", "/"): DescribedOperation(
        id="getIndex",
        tag=DESCRIPTION,
        summary="Where everything is",
        text="The mount point itself; with a slash at its end it is answered with a redirect.",
        headers=("If-None-Match",),
        answers={
            200: Answer("The paths that are served here.", ("ETag",), {JSON: Content("Index")}),
            304: Answer(_UNCHANGED, ("ETag",)),
            307: Answer("It is at the same path without the slash.", ("Location",)),
        },
    ),
    ("GET", "/openapi.json"): DescribedOperation(
        id="getDescription",
        tag=DESCRIPTION,
        summary="This description, as OpenAPI 3.1",
        headers=("If-None-Match",),
        answers={
            200: Answer("The description.", ("ETag",), {JSON: Content({"type": "object"})}),
            304: Answer(_UNCHANGED, ("ETag",)),
        },
    ),
    ("GET", "/docs"): DescribedOperation(
        id="getDocs",
        tag=DESCRIPTION,
        summary="This description, as a page",
        answers={200: Answer("The page.", _POLICIES, {"text/html": Content(_TEXT)})},
    ),
    ("GET", "/docs/{asset}"): DescribedOperation(
        id="getDocsAsset",
        tag=DESCRIPTION,
        summary="A file of the page",
        headers=("If-None-Match",),
        answers={
            200: Answer(
                "The file.",
                ("ETag",),
                {
                    "text/css": Content(_TEXT),
                    "text/javascript": Content(_TEXT),
                    "image/png": Content({"type": "string", "contentMediaType": "image/png"}),
                },
            ),
            304: Answer(_UNCHANGED, ("ETag",)),
        },
        errors=("not_found",),
    ),
    **STOCK_OPERATIONS,
}
