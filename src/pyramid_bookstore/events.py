"""What happened to a book, for subscribers of the host.

`BookCreated`, `BookUpdated`, `BookDeleted` and `StockChanged` are sent inside the transaction,
after the change and before the commit: a subscriber sees the change, may write rows of its own on
the same session, and undoes everything by raising. `ChangesCommitted` is sent once after the
commit; what a subscriber raises there can undo nothing any more and is only logged.

::

    @subscriber(StockChanged)
    def reorder(event):
        if event.book.stock < 5:
            event.request.dbsession.add(Reorder(isbn=event.book.isbn))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyramid.request import Request

from pyramid_bookstore.books.data import BookData


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEvent:
    """A change of one book; subscribe to this to hear of every kind."""

    request: Request
    #: The book after the change; of a deleted book, as it was last.
    book: BookData


@dataclass(frozen=True, slots=True, kw_only=True)
class BookCreated(BookEvent):
    """A book was added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookUpdated(BookEvent):
    """A book's fields were written; ``changes`` holds those that were given, by name."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDeleted(BookEvent):
    """A book was taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(BookEvent):
    """Copies came in or went out, ``delta`` of them; ``book.stock`` is what is there now."""

    delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesCommitted:
    """The transaction with these changes is committed; in the order in which they were made."""

    request: Request
    changes: tuple[BookEvent, ...]


#: Every kind of change.
KINDS = (BookCreated, BookUpdated, BookDeleted, StockChanged)
