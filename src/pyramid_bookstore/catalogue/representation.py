"""Books and pages as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pyramid_bookstore.catalogue.field import AVAILABLE
from pyramid_bookstore.catalogue.fields import FIELDS, BookData
from pyramid_bookstore.catalogue.listing import Page
from pyramid_bookstore.catalogue.lookup import Lookup
from pyramid_bookstore.catalogue.suggestions import Suggestions

_encode = msgspec.json.Encoder(decimal_format="number").encode


def book_json(book: BookData) -> bytes:
    """One book: an object with the fields in the order of their declaration."""
    return _encode(book)


def page_json(page: Page, fields: Sequence[str] | None) -> bytes:
    """One page of a list; its books have all fields, or the named ones."""
    books: Sequence[Any] = page.books
    if fields is not None:
        books = [_some(book, fields) for book in books]
    document: dict[str, Any] = {"data": books}
    if page.total is not None:
        document["total"] = page.total
    if page.page is not None:
        document["page"] = page.page
    document["limit"] = page.limit
    if page.total_pages is not None:
        document["total_pages"] = page.total_pages
    document["next_cursor"] = page.next_cursor
    if page.facets is not None:
        document["facets"] = page.facets
    if page.suggestion is not None:
        document["suggestion"] = page.suggestion
    return _encode(document)


def lookup_json(found: Lookup) -> bytes:
    """The books of a lookup, and what is missing or invalid."""
    return _encode({"data": found.books, "missing": found.missing, "invalid": found.invalid})


def suggestions_json(suggestions: Suggestions) -> bytes:
    """What a search field offers."""
    return _encode(suggestions)


def _some(book: BookData, fields: Sequence[str]) -> dict[str, Any]:
    """The named fields of a book; declared ones stay below `extra`."""
    found: dict[str, Any] = {}
    members = [name for name in fields if name not in FIELDS and name != AVAILABLE]
    for name in fields:
        if name == "extra":
            found[name] = book.extra_json
        elif name in FIELDS or name == AVAILABLE:
            found[name] = getattr(book, name)
    if members and "extra" not in found:
        extra = book.extra
        found["extra"] = {name: extra[name] for name in members if name in extra}
    return found
