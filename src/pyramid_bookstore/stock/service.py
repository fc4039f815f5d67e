"""What can be done with copies, on one unit of work."""

from __future__ import annotations

from uuid import UUID

from pyramid_bookstore.catalogue.data import BookData
from pyramid_bookstore.catalogue.service import Service, book_uuid
from pyramid_bookstore.stock.events import StockChanged
from pyramid_bookstore.stock.schema import validate_stock_change
from pyramid_bookstore.stock.store import change_stock
from pyramid_bookstore.values.condition import ANY_STATE, Condition


class StockService(Service):
    """Copies in and out."""

    def change_stock(
        self, book_id: UUID | str, delta: int, condition: Condition = ANY_STATE
    ) -> BookData:
        """Add ``delta`` copies, or take them out, in one guarded statement.

        Raises `BookNotFound`, `VersionMismatch`, `InsufficientStock` where fewer are left, and
        `ValidationFailed` where the stock would pass its maximum or the book is free of charge.
        """
        delta = validate_stock_change({"delta": delta})
        found, writer = book_uuid(book_id), self._unit.writer()
        with self._unit.undoable():
            book = change_stock(writer, found, delta, condition)
            self._unit.announce(StockChanged, book=book, delta=delta)
        return book
