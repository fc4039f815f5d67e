"""Which rule each constraint of the database stands for.

The services check every rule before they write; a constraint speaks only where two writers race, or
where somebody wrote past the services.
"""

from __future__ import annotations

from pyramid_bookstore.catalogue.schema import FREE_STOCK
from pyramid_bookstore.errors import BookstoreError, Fault, IsbnTaken, ValidationFailed

_FAULTS = {
    "bookstore_books_price_check": Fault("price", "/price", "Must be 0 to 99999999.99."),
    "bookstore_books_stock_check": Fault("stock", "/stock", "Must be 0 to 2147483647."),
    "bookstore_books_free_stock_check": Fault("price", "/price", FREE_STOCK),
    "bookstore_books_isbn_check": Fault("isbn", "/isbn", "Must be an ISBN."),
    "bookstore_books_title_check": Fault("title", "/title", "Must have 1 to 255 characters."),
    "bookstore_books_author_check": Fault("author", "/author", "Must have 1 to 255 characters."),
    "bookstore_books_description_check": Fault(
        "description", "/description", "Must have at most 10000 characters."
    ),
}


def refusal(constraint: str) -> BookstoreError | None:
    """The refusal that a violated constraint of ours stands for; `None` for others' constraints."""
    if constraint == "bookstore_books_isbn_key":
        return IsbnTaken()
    fault = _FAULTS.get(constraint)
    return ValidationFailed([fault]) if fault else None
