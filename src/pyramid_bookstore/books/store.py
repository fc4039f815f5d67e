"""Writing books: every statement decides for itself whether it may write.

No database exception is needed for an expected refusal, so a refused call leaves the transaction
usable; which refusal it is, is found out by reading only after nothing was written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from uuid6 import uuid7

from pyramid_bookstore.books.constraints import refusal
from pyramid_bookstore.books.data import BookData, book_from_row
from pyramid_bookstore.books.rows import columns_of
from pyramid_bookstore.books.statements import BY_ID, BY_ISBN, COLUMNS
from pyramid_bookstore.books.writes import (
    Guard,
    delete_statement,
    insert_statement,
    stock_statement,
    update_statement,
    upsert_statement,
)
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import Query, Row, run_alone
from pyramid_bookstore.db.types import from_microseconds
from pyramid_bookstore.errors import (
    BookInUse,
    BookNotFound,
    Fault,
    InsufficientStock,
    IsbnTaken,
    Unavailable,
    ValidationFailed,
    VersionMismatch,
)
from pyramid_bookstore.observability.current import count_statement
from pyramid_bookstore.schema.book import FREE_STOCK, check_price_and_stock
from pyramid_bookstore.schema.types import INTEGER_MAX

#: How often a change is tried that others keep overtaking.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Condition:
    """In which state a book must be to be changed; by default in any.

    ``versions`` are those a caller saw (`BookData.version`), or "any" that exists; ``before`` is
    the moment from which on it must not have changed (If-Unmodified-Since); ``unless`` are
    versions in which it must not be (If-None-Match).
    """

    versions: Collection[int] | Literal["any"] | None = None
    before: datetime | None = None
    unless: Collection[int] = ()

    @property
    def given(self) -> bool:
        """Whether anything is asked of the book; with it, the book must exist."""
        return self.versions is not None or self.before is not None

    def guard(self) -> tuple[Guard, dict[str, Any]]:
        """The condition as part of a statement, with its parameters."""
        versions = self.versions if self.versions is not None and self.versions != "any" else None
        parameters: dict[str, Any] = {}
        if versions is not None:
            parameters["versions"] = [from_microseconds(version) for version in versions]
        if self.before is not None:
            parameters["before"] = self.before
        if self.unless:
            parameters["unless"] = [from_microseconds(version) for version in self.unless]
        guard = Guard(versions is not None, self.before is not None, bool(self.unless))
        return guard, parameters

    def check(self, book: BookData) -> None:
        """Raises `VersionMismatch` for a book in another state."""
        versions = self.versions
        stale = versions is not None and versions != "any" and book.version not in versions
        late = self.before is not None and book.updated_at >= self.before
        if stale or late or book.version in self.unless:
            raise VersionMismatch(book.version)


ANY_STATE = Condition()


def overtaken() -> Unavailable:
    """What is said when a change was overtaken by others `ATTEMPTS` times."""
    return Unavailable("The book is being changed by others.", retry_after=1)


class Store:
    """Writes on one connection. Fields come in checked and in their final form.

    Past the ORM: objects of a host's session that stand for the same rows are its own to refresh.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        written: Callable[[], None] = lambda: None,
        transactional: bool = True,
    ) -> None:
        """``written`` is called before each change, for whoever must know that there is one;
        not ``transactional`` is a connection on which each statement commits itself.
        """
        self._connection = connection
        self._written = written
        self._transactional = transactional
        self._dialect = dialect_named(connection.dialect.name)

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
        guard, parameters = condition.guard()
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
        guard, parameters = condition.guard()
        parameters["book_id"] = book_id
        for _ in range(ATTEMPTS):
            try:
                with self._savepoint():
                    row = self._write(delete_statement(guard), parameters)
            except IntegrityError as error:
                # No table of ours refers to books; a host's may.
                raise BookInUse from error
            if row is not None:
                return book_from_row(row)
            self.checked(book_id, condition)
        raise overtaken()

    def change_stock(self, book_id: UUID, delta: int, condition: Condition) -> BookData:
        """``delta`` copies more or less. Raises `BookNotFound`, `VersionMismatch`,
        `InsufficientStock`, and `ValidationFailed` past the maximum or for a book that is free.
        """
        guard, parameters = condition.guard()
        statement = stock_statement(self._dialect, guard._replace(priced=delta > 0))
        parameters |= {"book_id": book_id, "delta": delta}
        parameters |= {"low": max(0, -delta), "high": min(INTEGER_MAX, INTEGER_MAX - delta)}
        for _ in range(ATTEMPTS):
            parameters["now"] = datetime.now(UTC)
            row = self._write(statement, parameters)
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
        count_statement()
        rows = self._connection.execute(query.statement, values).all()
        return book_from_row(rows[0]) if rows else None

    def _write(
        self, query: Query, parameters: Mapping[str, Any], *, isbn: str | None = None
    ) -> Row | None:
        """The row that a writing statement returns, or `None`; with ``isbn``, that may be taken."""
        self._written()
        count_statement()
        if isbn is None:
            return self._run(query, parameters)
        try:
            with self._savepoint():
                return self._run(query, parameters)
        except IntegrityError as error:
            constraint = self._dialect.diagnose(error.orig).constraint if error.orig else ""
            if isinstance(refusal(constraint), IsbnTaken):
                raise IsbnTaken(isbn) from error
            raise

    def _run(self, query: Query, parameters: Mapping[str, Any]) -> Row | None:
        if self._transactional:
            return self._connection.execute(query.statement, parameters).first()
        rows = run_alone(self._connection, query, parameters)
        return rows[0] if rows else None

    def _savepoint(self) -> AbstractContextManager[Any, bool | None]:
        """Keeps the transaction, where there is one, usable after a refusal by a constraint."""
        return self._connection.begin_nested() if self._transactional else nullcontext()


def _new_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"id": uuid7(), **columns_of(fields), "created_at": now, "updated_at": now}
