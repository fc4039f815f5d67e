"""Books and pages as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.listing import Page
from pyramid_bookstore.catalogue.suggestions import Suggestions

_encode = msgspec.json.Encoder(decimal_format="number").encode


def book_json(book: BookData) -> bytes:
    """One book: an object with the fields in the order of their declaration."""
    return _encode(book)


def page_json(page: Page, fields: Sequence[str] | None) -> bytes:
    """One page of a list; its books have all fields, or the named ones."""
    books: Sequence[Any] = page.books
    if fields is not None:
        books = [{field: _value(book, field) for field in fields} for book in books]
    document: dict[str, Any] = {"data": books}
    if page.total is not None:
        document["total"] = page.total
    if page.page is not None:
        document["page"] = page.page
    document["limit"] = page.limit
    if page.total_pages is not None:
        document["total_pages"] = page.total_pages
    document["next_cursor"] = page.next_cursor
    if page.suggestion is not None:
        document["suggestion"] = page.suggestion
    return _encode(document)


def suggestions_json(suggestions: Suggestions) -> bytes:
    """What a search field offers."""
    return _encode(suggestions)


def _value(book: BookData, field: str) -> Any:
    return book.extra_json if field == "extra" else getattr(book, field)
