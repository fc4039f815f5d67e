"""The events of a book."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.transactions.events import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class BookEvent(Change):
    """A change of one book; a subscriber to this class receives every kind."""

    #: The book after the change; of a deleted book, as it was last.
    book: BookData


@dataclass(frozen=True, slots=True, kw_only=True)
class BookCreated(BookEvent):
    """A book was added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookUpdated(BookEvent):
    """Fields of a book were written; ``changes`` has their new values by name."""

    changes: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookDeleted(BookEvent):
    """A book was deleted."""
