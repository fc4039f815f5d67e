"""Notes for the staff on what runs out, kept by listening to the bookstore."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from pyramid.events import subscriber
from sqlalchemy.orm import Session

from pyramid_bookstore import BookData
from pyramid_bookstore.events import (
    BookDeleted,
    BookEvent,
    BookUpdated,
    ChangesCommitted,
    StockChanged,
)
from storefront.models import StockNote

#: Copies from which on a book counts as running out.
LOW = 3

log = logging.getLogger(__name__)


@subscriber(StockChanged)
@subscriber(BookUpdated)
@subscriber(BookDeleted)
def keep_note(event: BookEvent) -> None:
    """Write a note when few copies are left, and take it off when there are more.

    Runs in the transaction of the change, whether the shop sold a copy or the API changed the
    stock: if an order comes to nothing, its note does too.
    """
    book, dbsession = event.book, event.request.dbsession
    if isinstance(event, BookDeleted) or book.stock > LOW:
        note = dbsession.get(StockNote, book.id)
        if note is not None:
            dbsession.delete(note)
    else:
        write_note(dbsession, book)


def write_note(dbsession: Session, book: BookData) -> None:
    """Note, or note anew, how many copies are left."""
    note = dbsession.get(StockNote, book.id)
    if note is None:
        note = StockNote(book_id=book.id, noted_at=datetime.now(UTC))
        dbsession.add(note)
    note.isbn, note.title, note.stock = book.isbn, book.title, book.stock


@subscriber(ChangesCommitted)
def log_changes(event: ChangesCommitted) -> None:
    """Log what is certain: this comes after the commit."""
    for change in event.changes:
        if isinstance(change, StockChanged):
            book = change.book
            log.info("%s “%s”: %+d, %d left", book.isbn, book.title, change.delta, book.stock)
