"""What happens to a book."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.transactions.events import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEvent(Change):
    """A change of one book; subscribe to this to hear of every kind."""

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
