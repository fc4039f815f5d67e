"""Writing books. The condition is part of each writing statement, so there is no race.

If a statement wrote nothing, the book is read to find out which error to raise. No expected error
comes from an exception of the database, so the transaction stays usable.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from uuid6 import uuid7

from pyramid_bookstore.catalogue.constraints import error_of_constraint
from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.models import columns_of
from pyramid_bookstore.catalogue.movements import Move, MovementLog, Reason
from pyramid_bookstore.catalogue.schema import check_price_and_stock
from pyramid_bookstore.catalogue.statements import (
    BY_ID,
    BY_ISBN,
    COLUMNS,
    book_from_row,
    delete_statement,
    guard_of,
    insert_statement,
    update_statement,
    upsert_statement,
)
from pyramid_bookstore.db.query import Query, Row
from pyramid_bookstore.errors import (
    BookInUse,
    BookNotFound,
    IsbnTaken,
    Unavailable,
    VersionMismatch,
)
from pyramid_bookstore.transactions.writers import Writer
from pyramid_bookstore.values.condition import Condition
from pyramid_bookstore.values.moments import now

#: How often a change is tried while other writers change the book.
ATTEMPTS = 5


def too_many_retries() -> Unavailable:
    """The error to raise after `ATTEMPTS`."""
    return Unavailable("The book is being changed by others.", retry_after=1)


class Store:
    """Writes validated fields with one writer.

    It does not use the ORM: a host must refresh objects of its session for the same rows.
    """

    def __init__(
        self,
        writer: Writer,
        declared: Declared = NOTHING_DECLARED,
        log: MovementLog | None = None,
    ) -> None:
        self._writer = writer
        self._log = log
        self._declared = declared
        self._dialect = writer.dialect

    def insert(self, fields: Mapping[str, Any]) -> BookData:
        """A new book; raises `IsbnTaken`."""
        row = self._new_row(fields)
        if self._write(insert_statement(self._dialect), row) is None:
            raise IsbnTaken(fields["isbn"])
        book = book_from_row([row[column.key] for column in COLUMNS])
        self._moved(book.id, book.stock, book.stock, "created")
        return book

    def insert_or_update(self, fields: Mapping[str, Any]) -> tuple[BookData, bool]:
        """A whole book written by its ISBN, and whether it is new."""
        if self._log is not None:
            return self._logged_insert_or_update(fields, self._log)
        new = self._new_row(fields)
        row = self._write(upsert_statement(self._dialect), new)
        assert row is not None, "an upsert always returns a row"
        book = book_from_row(row)
        return book, book.id == new["id"]

    def update(self, book_id: UUID, changes: Mapping[str, Any], condition: Condition) -> BookData:
        """Write these fields. Raises `BookNotFound`, `VersionMismatch`, `IsbnTaken`, and
        `ValidationFailed` for a book that would be free and in stock.
        """
        if not changes:
            return self.require(book_id, condition)
        guard, parameters = guard_of(condition)
        guard = guard._replace(
            unstocked=changes.get("price") == 0 and "stock" not in changes,
            priced=bool(changes.get("stock")) and "price" not in changes,
        )
        columns = columns_of(changes, self._declared)
        statement = update_statement(self._dialect, frozenset(columns), guard)
        parameters |= {f"new_{name}": value for name, value in columns.items()}
        parameters["book_id"] = book_id
        before = self._stock_before(book_id) if "stock" in changes else None
        for _ in range(ATTEMPTS):
            parameters["now"] = now()
            row = self._write(statement, parameters, isbn=changes.get("isbn"))
            if row is not None:
                book = book_from_row(row)
                if before is not None:
                    self._moved(book.id, book.stock - before, book.stock, "changed")
                return book
            book = self.require(book_id, condition)
            check_price_and_stock(
                changes.get("price", book.price), changes.get("stock", book.stock)
            )
        raise too_many_retries()

    def delete(self, book_id: UUID, condition: Condition) -> BookData:
        """The book as it was; raises `BookNotFound`, `VersionMismatch`, `BookInUse`."""
        guard, parameters = guard_of(condition)
        parameters["book_id"] = book_id
        for _ in range(ATTEMPTS):
            try:
                with self._writer.savepoint():
                    row = self._write(delete_statement(self._dialect, guard), parameters)
            except IntegrityError as error:
                # Only a foreign key of the host's can refer to books.
                raise BookInUse from error
            if row is not None:
                book = book_from_row(row)
                self._moved(book.id, -book.stock, 0, "deleted")
                return book
            self.require(book_id, condition)
        raise too_many_retries()

    def require(self, book_id: UUID, condition: Condition) -> BookData:
        """The book as it is now; raises `BookNotFound`, `VersionMismatch`."""
        book = self._read(BY_ID, {"id": book_id})
        if book is None:
            raise BookNotFound
        condition.check(book.version, book.updated_at)
        return book

    def require_by_isbn(self, isbn: str, condition: Condition) -> BookData:
        """The book with this ISBN (13 digits); raises `VersionMismatch`, also if there is none."""
        book = self._read(BY_ISBN, {"isbn": isbn})
        if book is None:
            raise VersionMismatch(None)
        condition.check(book.version, book.updated_at)
        return book

    def _read(self, query: Query, values: Mapping[str, Any]) -> BookData | None:
        row = self._writer.read(query, values)
        return None if row is None else book_from_row(row)

    def _write(
        self, query: Query, parameters: Mapping[str, Any], *, isbn: str | None = None
    ) -> Row | None:
        """The row that a writing statement returns; `IsbnTaken` if it writes a taken ``isbn``."""
        if isbn is None:
            return self._writer.write(query, parameters)
        try:
            with self._writer.savepoint():
                return self._writer.write(query, parameters)
        except IntegrityError as error:
            constraint = self._dialect.diagnose(error.orig).constraint if error.orig else ""
            if isinstance(error_of_constraint(constraint), IsbnTaken):
                raise IsbnTaken(isbn) from error
            raise

    def _logged_insert_or_update(
        self, fields: Mapping[str, Any], log: MovementLog
    ) -> tuple[BookData, bool]:
        """The same in more statements: what the stock was before must be known."""
        for _ in range(ATTEMPTS):
            try:
                return self.insert(fields), True
            except IsbnTaken:
                before = log.stock_of(self._writer.connection, isbn=fields["isbn"])
            if before is not None:  # it is locked now, and so neither deleted nor changed
                row = self._write(upsert_statement(self._dialect), self._new_row(fields))
                assert row is not None, "an upsert always returns a row"
                book = book_from_row(row)
                self._moved(book.id, book.stock - before, book.stock, "changed")
                return book, False
        raise too_many_retries()

    def _stock_before(self, book_id: UUID) -> int | None:
        """The stock that a change begins from, if movements are written down."""
        log = self._log
        return None if log is None else log.stock_of(self._writer.connection, id=book_id)

    def _moved(self, book_id: UUID, delta: int, stock: int, reason: str) -> None:
        if self._log is not None:
            move = Move(book_id, delta, stock)
            self._log.write(self._writer.connection, [move], Reason(reason))

    def _new_row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        moment = now()
        columns = columns_of(fields, self._declared)
        return {"id": uuid7(), **columns, "created_at": moment, "updated_at": moment}
