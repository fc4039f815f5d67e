"""Changes of the stock, in one unit of work."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from pyramid_bookstore.catalogue.base_service import Service, parse_book_id
from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.movements import Move, Reason
from pyramid_bookstore.catalogue.statements import BY_ID, book_from_row, guard_of
from pyramid_bookstore.catalogue.store import ATTEMPTS, Store, too_many_retries
from pyramid_bookstore.errors import (
    BookNotFound,
    Fault,
    InsufficientStock,
    ValidationFailed,
)
from pyramid_bookstore.stock.events import StockChanged
from pyramid_bookstore.stock.movements import MovementPage, movements_of
from pyramid_bookstore.stock.schema import (
    MOVEMENTS,
    validate_stock_change,
    validate_stock_changes,
)
from pyramid_bookstore.stock.shelf import Shelf
from pyramid_bookstore.stock.statements import stock_statement
from pyramid_bookstore.transactions.writers import Writer
from pyramid_bookstore.values.condition import ANY_STATE, Condition
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.moments import now
from pyramid_bookstore.values.parameters import as_parameters
from pyramid_bookstore.values.types import INTEGER_MAX


class StockLevel(msgspec.Struct, frozen=True, kw_only=True):
    """What there is of a book after a change of several; ``available`` only with holds."""

    id: UUID
    isbn: str
    stock: int
    available: int | msgspec.UnsetType = msgspec.UNSET


class StockService(Service):
    """Changes of the stock."""

    def change_stock(
        self,
        book_id: UUID | str,
        delta: int,
        condition: Condition = ANY_STATE,
        *,
        reason: str | None = None,
        reference: str | None = None,
    ) -> BookData:
        """Add ``delta`` copies, or remove them if it is below 0, in one statement.

        ``reason`` (100 characters) and ``reference`` (255) are for the log. A ``delta`` of 0
        changes nothing. Raises `BookNotFound`, `VersionMismatch`, `InsufficientStock` if fewer are
        left (of those that no hold keeps), and `ValidationFailed` if the stock would exceed its
        maximum or the book is free of charge.
        """
        values = {"delta": delta, "reason": reason, "reference": reference}
        delta, why = validate_stock_change(values)
        uuid, writer = parse_book_id(book_id), self._unit.writer()
        if not delta:
            return self._complete(Store(writer).require(uuid, condition))
        with self._unit.event_savepoint():
            book = self._changed(writer, uuid, delta, condition)
            log = self._log()
            if log is not None:
                log.write(writer.connection, [Move(uuid, delta, book.stock)], why)
            book = self._complete(book)
            self._unit.announce(StockChanged, book=book, delta=delta)
        return book

    def change_stocks(
        self,
        lines: Sequence[Mapping[str, Any]],
        *,
        reason: str | None = None,
        reference: str | None = None,
    ) -> Sequence[StockLevel]:
        """Change the stock of several books: all lines, or none.

        A line has ``isbn`` or ``id``, and ``delta``; there may be 500. Lines of one book are added
        up first. The books are locked in one order, so that two such calls cannot deadlock, and two
        statements do it, however many lines there are. Returns each book's stock, in the order of
        the lines. Raises `ValidationFailed` for bad lines and unknown books, and
        `InsufficientStock` whose ``lines`` are the books of which there are too few.
        """
        given = {"lines": lines, "reason": reason, "reference": reference}
        several = validate_stock_changes(given)
        with self._unit.event_savepoint():
            shelf = self._shelf()
            wanted = shelf.find(several.lines)
            changed = shelf.change(wanted)
            deltas = {each.book.id: each.number for each in wanted}
            self._tell_moves(changed, deltas, several.reason)
        return [
            StockLevel(
                id=each.book.id,
                isbn=each.book.isbn,
                stock=each.book.stock + each.number,
                available=max(0, each.book.stock + each.number - each.book.held)
                if self._stock.holds
                else msgspec.UNSET,
            )
            for each in wanted
        ]

    def movements(
        self, book_id: UUID | str, *, limit: int = 20, cursor: str | None = None
    ) -> MovementPage:
        """The movements of a book's stock, the newest first.

        Needs the setting `bookstore.stock_log`, and raises `RuntimeError` without.
        ``limit`` is 1 to 100; ``cursor`` is from an earlier page. The deltas of all pages add up to
        the stock. Raises `BookNotFound`, `ValidationFailed`.
        """
        if not self._stock.log:
            raise RuntimeError(
                "Movements are written down only with the setting bookstore.stock_log = true."
            )
        given = as_parameters({"limit": limit, "cursor": cursor})
        values = deserialized(MOVEMENTS, given, pointers=False)
        reader = self._unit.reader()
        rows = reader.rows(BY_ID, {"id": parse_book_id(book_id)})
        if not rows:
            raise BookNotFound
        return movements_of(reader, book_from_row(rows[0]), **values)

    def _shelf(self) -> Shelf:
        """The books of several, about to be changed."""
        shelf = Shelf(self._unit.writer(), holds=self._guarded)
        self._unit.mark_changed()
        return shelf

    def _tell_moves(
        self, changed: Mapping[UUID, BookData], deltas: Mapping[UUID, int], reason: Reason
    ) -> None:
        """Write the changes of several stocks down, and announce them."""
        log = self._log()
        if log is not None:
            moves = [Move(id, deltas[id], book.stock) for id, book in changed.items()]
            log.write(self._unit.connection(), moves, reason)
        if not self._unit.has_subscribers:
            return
        for book in self._complete_all([*changed.values()]):
            self._unit.announce(StockChanged, book=book, delta=deltas[book.id])

    def _changed(self, writer: Writer, book_id: UUID, delta: int, condition: Condition) -> BookData:
        guard, parameters = guard_of(condition)
        # Not more copies than no hold keeps; copies may come in however many are held.
        holds = self._guarded and delta < 0
        statement = stock_statement(writer.dialect, guard._replace(priced=delta > 0), holds)
        parameters |= {"book_id": book_id, "delta": delta}
        parameters |= {"low": max(0, -delta), "high": min(INTEGER_MAX, INTEGER_MAX - delta)}
        for _ in range(ATTEMPTS):
            parameters["now"] = now()
            row = writer.write(statement, parameters)
            if row is not None:
                return book_from_row(row)
            # Locked, so that no other takes what has run out of the holds and is given back.
            locked = self._shelf().lock([book_id]) if holds else ()
            book = Store(writer).require(book_id, condition)
            left = max(0, book.stock - sum(row.held for row in locked))
            if left + delta < 0:
                raise InsufficientStock(left)
            if book.stock + delta > INTEGER_MAX:
                message = f"Would take the stock of {book.stock} above {INTEGER_MAX}."
                raise ValidationFailed([Fault("delta", "/delta", message)])
            if book.price == 0 and delta > 0:
                raise ValidationFailed([Fault("delta", "/delta", FREE_STOCK)])
        raise too_many_retries()
