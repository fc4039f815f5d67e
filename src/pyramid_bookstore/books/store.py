"""Writing books: every statement decides for itself whether it may write.

No database exception is needed for an expected refusal, so a refused call leaves the transaction
usable; which refusal it is, is found out by reading only after nothing was written.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement
from uuid6 import uuid7

from pyramid_bookstore.books.constraints import refusal
from pyramid_bookstore.books.data import BookData, book_from_row
from pyramid_bookstore.books.rows import columns_of
from pyramid_bookstore.books.statements import BY_ID, BY_ISBN, COLUMNS
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import Query, SessionReader
from pyramid_bookstore.db.types import from_microseconds
from pyramid_bookstore.errors import (
    BookNotFound,
    Fault,
    InsufficientStock,
    IsbnTaken,
    Unavailable,
    ValidationFailed,
    VersionMismatch,
)
from pyramid_bookstore.models import Book
from pyramid_bookstore.schema.book import FREE_STOCK, check_price_and_stock
from pyramid_bookstore.schema.types import INTEGER_MAX

#: How often a change is tried that others keep overtaking.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Condition:
    """In which state a book must be to be changed; by default in any.

    ``versions`` are those a caller saw (`BookData.version`), or "any" that exists; ``before`` is
    the moment from which on it must not have changed (If-Unmodified-Since).
    """

    versions: Collection[int] | Literal["any"] | None = None
    before: datetime | None = None

    @property
    def given(self) -> bool:
        """Whether anything is asked of the book; with it, the book must exist."""
        return self.versions is not None or self.before is not None

    def clauses(self) -> list[ColumnElement[bool]]:
        """The condition as part of a WHERE."""
        clauses: list[ColumnElement[bool]] = []
        if self.versions is not None and self.versions != "any":
            moments = [from_microseconds(version) for version in self.versions]
            clauses.append(Book.updated_at.in_(moments))
        if self.before is not None:
            clauses.append(Book.updated_at < self.before)
        return clauses

    def check(self, book: BookData) -> None:
        """Raises `VersionMismatch` for a book in another state."""
        versions = self.versions
        stale = versions is not None and versions != "any" and book.version not in versions
        if stale or (self.before is not None and book.updated_at >= self.before):
            raise VersionMismatch(book.version)


ANY_STATE = Condition()


def overtaken() -> Unavailable:
    """What is said when a change was overtaken by others `ATTEMPTS` times."""
    return Unavailable("The book is being changed by others.", retry_after=1)


class Store:
    """Writes on one session, in its transaction. Fields come in checked and in their final form."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._dialect = dialect_named(session.get_bind().dialect.name)

    def insert(self, fields: Mapping[str, Any]) -> BookData:
        """A new book; raises `IsbnTaken`."""
        row = _new_row(fields)
        statement = (
            self._dialect.insert(Book)
            .values(row)
            .on_conflict_do_nothing(index_elements=[Book.isbn])
            .returning(Book.id)
        )
        if self._write(statement) is None:
            raise IsbnTaken(fields["isbn"])
        return book_from_row([row[column.key] for column in COLUMNS])

    def insert_or_update(self, fields: Mapping[str, Any]) -> tuple[BookData, bool]:
        """A whole book written by its ISBN, and whether it is new."""
        row = _new_row(fields)
        kept = ("id", "isbn", "created_at")
        columns = {name: value for name, value in row.items() if name not in kept}
        columns["updated_at"] = self._dialect.moved_on(Book.updated_at, row["updated_at"])
        statement = (
            self._dialect.insert(Book)
            .values(row)
            .on_conflict_do_update(index_elements=[Book.isbn], set_=columns)
            .returning(*COLUMNS)
        )
        book = book_from_row(self._write(statement))
        return book, book.id == row["id"]

    def update(self, book_id: UUID, changes: Mapping[str, Any], condition: Condition) -> BookData:
        """The given fields written. Raises `BookNotFound`, `VersionMismatch`, `IsbnTaken`, and
        `ValidationFailed` for stock on a book with a price of 0.
        """
        if not changes:
            return self.checked(book_id, condition)
        guard = [Book.id == book_id, *condition.clauses()]
        if changes.get("price") == 0 and "stock" not in changes:
            guard.append(Book.stock == 0)
        elif changes.get("stock") and "price" not in changes:
            guard.append(Book.price > 0)
        statement = (
            update(Book)
            .where(*guard)
            .values({**columns_of(changes), "updated_at": self._moved_on()})
            .returning(*COLUMNS)
        )
        for _ in range(ATTEMPTS):
            row = self._write(statement, isbn=changes.get("isbn"))
            if row is not None:
                return book_from_row(row)
            found = self.checked(book_id, condition)
            check_price_and_stock(
                changes.get("price", found.price), changes.get("stock", found.stock)
            )
        raise overtaken()

    def delete(self, book_id: UUID, condition: Condition) -> BookData:
        """The book as it was; raises `BookNotFound`, `VersionMismatch`."""
        guard = [Book.id == book_id, *condition.clauses()]
        for _ in range(ATTEMPTS):
            row = self._write(delete(Book).where(*guard).returning(*COLUMNS))
            if row is not None:
                return book_from_row(row)
            self.checked(book_id, condition)
        raise overtaken()

    def change_stock(self, book_id: UUID, delta: int, condition: Condition) -> BookData:
        """``delta`` copies more or less. Raises `BookNotFound`, `VersionMismatch`,
        `InsufficientStock`, and `ValidationFailed` past the maximum or for a book that is free.
        """
        guard = [Book.id == book_id, *condition.clauses()]
        # Not "stock + delta >= 0": the sum might leave the range of the column.
        guard.append(Book.stock.between(max(0, -delta), min(INTEGER_MAX, INTEGER_MAX - delta)))
        if delta > 0:
            guard.append(Book.price > 0)
        statement = (
            update(Book)
            .where(*guard)
            .values({"stock": Book.stock + delta, "updated_at": self._moved_on()})
            .returning(*COLUMNS)
        )
        for _ in range(ATTEMPTS):
            row = self._write(statement)
            if row is not None:
                return book_from_row(row)
            found = self.checked(book_id, condition)
            if found.stock + delta < 0:
                raise InsufficientStock(found.stock)
            if found.stock + delta > INTEGER_MAX:
                message = f"Would take the stock of {found.stock} above {INTEGER_MAX}."
                raise ValidationFailed([Fault("delta", "/delta", message)])
            if found.price == 0 and delta > 0:
                raise ValidationFailed([Fault("delta", "/delta", FREE_STOCK)])
        raise overtaken()

    def checked(self, book_id: UUID, condition: Condition) -> BookData:
        """The book as it is now; raises `BookNotFound`, `VersionMismatch`."""
        book = self._read(BY_ID, {"id": book_id})
        if book is None:
            raise BookNotFound
        condition.check(book)
        return book

    def checked_by_isbn(self, isbn: str, condition: Condition) -> BookData:
        """The book with this ISBN (13 digits); one that is not there is in no version at all."""
        book = self._read(BY_ISBN, {"isbn": isbn})
        if book is None:
            raise VersionMismatch(None)
        condition.check(book)
        return book

    def _read(self, query: Query, values: Mapping[str, Any]) -> BookData | None:
        rows = SessionReader(self.session).rows(query, values)
        return book_from_row(rows[0]) if rows else None

    def _moved_on(self) -> ColumnElement[datetime]:
        return self._dialect.moved_on(Book.updated_at, datetime.now(UTC))

    def _write(self, statement: Any, *, isbn: str | None = None) -> Any:
        """The row that a writing statement returns, or `None`; with ``isbn``, that may be taken."""
        # Objects of the host's that stand for the same rows are the host's to refresh.
        options = {"synchronize_session": False}
        if isbn is None:
            return self.session.execute(statement, execution_options=options).first()
        try:
            # The savepoint keeps the transaction usable after the refusal.
            with self.session.begin_nested():
                return self.session.execute(statement, execution_options=options).first()
        except IntegrityError as error:
            constraint = self._dialect.diagnose(error.orig).constraint if error.orig else ""
            if isinstance(refusal(constraint), IsbnTaken):
                raise IsbnTaken(isbn) from error
            raise


def _new_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"id": uuid7(), **columns_of(fields), "created_at": now, "updated_at": now}
