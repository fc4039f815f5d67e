"""Writing books: every statement decides for itself whether it may write.

No database exception is needed for an expected refusal, so a refused call leaves the transaction
usable; which refusal it is, is found out by reading only after nothing was written.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from uuid6 import uuid7

from pyramid_bookstore.catalogue.constraints import refusal
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.models import columns_of
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

#: How often a change is tried that others keep overtaking.
ATTEMPTS = 5


def overtaken() -> Unavailable:
    """What is said when a change was overtaken by others `ATTEMPTS` times."""
    return Unavailable("The book is being changed by others.", retry_after=1)


class Store:
    """Writes with one writer. Fields come in checked and in their final form.

    Past the ORM: objects of a host's session that stand for the same rows are its own to refresh.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._dialect = writer.dialect

    def insert(self, fields: Mapping[str, Any]) -> BookData:
        """A new book; raises `IsbnTaken`."""
        row = _new_row(fields)
        if self._write(insert_statement(self._dialect), row) is None:
            raise IsbnTaken(fields["isbn"])
        return book_from_row([row[column.key] for column in COLUMNS])

    def insert_or_update(self, fields: Mapping[str, Any]) -> tuple[BookData, bool]:
        """A whole book written by its ISBN, and whether it is new."""
        row = _new_row(fields)
        written = self._write(upsert_statement(self._dialect), row)
        assert written is not None, "an upsert writes in any case"
        book = book_from_row(written)
        return book, book.id == row["id"]

    def update(self, book_id: UUID, changes: Mapping[str, Any], condition: Condition) -> BookData:
        """The given fields written. Raises `BookNotFound`, `VersionMismatch`, `IsbnTaken`, and
        `ValidationFailed` for stock on a book with a price of 0.
        """
        if not changes:
            return self.checked(book_id, condition)
        guard, parameters = guard_of(condition)
        guard = guard._replace(
            unstocked=changes.get("price") == 0 and "stock" not in changes,
            priced=bool(changes.get("stock")) and "price" not in changes,
        )
        columns = columns_of(changes)
        statement = update_statement(self._dialect, frozenset(columns), guard)
        parameters |= {f"new_{name}": value for name, value in columns.items()}
        parameters["book_id"] = book_id
        for _ in range(ATTEMPTS):
            parameters["now"] = datetime.now(UTC)
            row = self._write(statement, parameters, isbn=changes.get("isbn"))
            if row is not None:
                return book_from_row(row)
            found = self.checked(book_id, condition)
            check_price_and_stock(
                changes.get("price", found.price), changes.get("stock", found.stock)
            )
        raise overtaken()

    def delete(self, book_id: UUID, condition: Condition) -> BookData:
        """The book as it was; raises `BookNotFound`, `VersionMismatch`, `BookInUse`."""
        guard, parameters = guard_of(condition)
        parameters["book_id"] = book_id
        for _ in range(ATTEMPTS):
            try:
                with self._writer.savepoint():
                    row = self._write(delete_statement(guard), parameters)
            except IntegrityError as error:
                # No table of ours refers to books; a host's may.
                raise BookInUse from error
            if row is not None:
                return book_from_row(row)
            self.checked(book_id, condition)
        raise overtaken()

    def checked(self, book_id: UUID, condition: Condition) -> BookData:
        """The book as it is now; raises `BookNotFound`, `VersionMismatch`."""
        book = self._read(BY_ID, {"id": book_id})
        if book is None:
            raise BookNotFound
        condition.check(book.version, book.updated_at)
        return book

    def checked_by_isbn(self, isbn: str, condition: Condition) -> BookData:
        """The book with this ISBN (13 digits); one that is not there is in no version at all."""
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
        """The row that a writing statement returns, or `None`; with ``isbn``, that may be taken."""
        if isbn is None:
            return self._writer.write(query, parameters)
        try:
            with self._writer.savepoint():
                return self._writer.write(query, parameters)
        except IntegrityError as error:
            constraint = self._dialect.diagnose(error.orig).constraint if error.orig else ""
            if isinstance(refusal(constraint), IsbnTaken):
                raise IsbnTaken(isbn) from error
            raise


def _new_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"id": uuid7(), **columns_of(fields), "created_at": now, "updated_at": now}
