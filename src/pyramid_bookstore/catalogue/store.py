"""Writing books. The condition is part of each writing statement, so there is no race.

If a statement wrote nothing, the book is read to find out which error to raise. No expected error
comes from an exception of the database, so the transaction stays usable.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from uuid6 import uuid7

from pyramid_bookstore.catalogue.constraints import error_of_constraint
from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS, BookData
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
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.query import Query, Row
from pyramid_bookstore.errors import (
    BookInUse,
    BookNotFound,
    IsbnTaken,
    Unavailable,
    VersionMismatch,
)
from pyramid_bookstore.transactions.writers import Writer
from pyramid_bookstore.values.condition import ANY_STATE, Condition
from pyramid_bookstore.values.jsontext import canonical
from pyramid_bookstore.values.moments import now

#: How often a change is tried while other writers change the book.
ATTEMPTS = 5


class Written(NamedTuple):
    """A book after a change, and whether it is new, or at least was changed."""

    book: BookData
    created: bool = False
    changed: bool = True


def has_values(book: BookData, fields: Mapping[str, Any]) -> bool:
    """Whether the book has these values already, whatever the order of members in `extra`."""
    return all(
        canonical(book.extra) == canonical(value)
        if type(FIELDS[name].type) is Extra
        else getattr(book, name) == value
        for name, value in fields.items()
    )


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

    def insert_or_update(self, fields: Mapping[str, Any]) -> Written:
        """A whole book written by its ISBN."""
        if self._log is not None:
            return self._logged_insert_or_update(fields)
        for _ in range(ATTEMPTS):
            new = self._new_row(fields)
            row = self._write(upsert_statement(self._dialect), new)
            if row is not None:
                book = book_from_row(row)
                return Written(book, created=book.id == new["id"])
            stored = self.find_by_isbn(fields["isbn"])
            if stored is None:  # deleted since
                continue
            if has_values(stored, fields):
                return Written(stored, changed=False)
            try:
                return self.update(stored.id, fields, Condition({stored.version}), differs=True)
            except (BookNotFound, VersionMismatch):
                continue
        raise too_many_retries()

    def update(
        self,
        book_id: UUID,
        changes: Mapping[str, Any],
        condition: Condition,
        *,
        differs: bool = False,
    ) -> Written:
        """Write these fields where one of them differs from what is there, which it does if the
        caller says so. Raises `BookNotFound`, `VersionMismatch`, `IsbnTaken`, and
        `ValidationFailed` for a book that would be free and in stock.
        """
        if not changes:
            return Written(self.require(book_id, condition), changed=False)
        columns = columns_of(changes, self._declared)
        values = {f"new_{name}": value for name, value in columns.items()}
        unstocked = changes.get("price") == 0 and "stock" not in changes
        priced = bool(changes.get("stock")) and "price" not in changes
        wanted = condition
        before = self._stock_before(book_id) if "stock" in changes else None
        for _ in range(ATTEMPTS):
            guard, parameters = guard_of(wanted)
            guard = guard._replace(unstocked=unstocked, priced=priced, differs=not differs)
            statement = update_statement(self._dialect, frozenset(columns), guard)
            parameters |= {**values, "book_id": book_id, "now": now()}
            row = self._write(statement, parameters, isbn=changes.get("isbn"))
            if row is not None:
                book = book_from_row(row)
                if before is not None:
                    self._moved(book.id, book.stock - before, book.stock, "changed")
                return Written(book)
            book = self.require(book_id, condition)
            if has_values(book, changes):
                return Written(book, changed=False)
            check_price_and_stock(
                changes.get("price", book.price), changes.get("stock", book.stock)
            )
            # The order in `extra` is not all that differs, as this version of the book shows.
            wanted, differs = Condition({book.version}), True
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

    def find_by_isbn(self, isbn: str) -> BookData | None:
        """The book with this ISBN (13 digits), if there is one."""
        return self._read(BY_ISBN, {"isbn": isbn})

    def _read(self, query: Query, values: Mapping[str, Any]) -> BookData | None:
        row = self._writer.read(query, values)
        return None if row is None else book_from_row(row)

    def _write(
        self, query: Query, parameters: Mapping[str, Any], *, isbn: str | None = None
    ) -> Row | None:
        """The row that a writing statement returns; with ``isbn`` raises `IsbnTaken`, and
        `BookInUse` if a foreign key of the host's refers to the ISBN that was."""
        if isbn is None:
            return self._writer.write(query, parameters)
        try:
            with self._writer.savepoint():
                return self._writer.write(query, parameters)
        except IntegrityError as error:
            diagnosis = diagnose(error)
            if isinstance(error_of_constraint(diagnosis.constraint), IsbnTaken):
                raise IsbnTaken(isbn) from error
            if diagnosis.foreign_key:
                raise BookInUse("Other records refer to this book by its ISBN.") from error
            raise

    def _logged_insert_or_update(self, fields: Mapping[str, Any]) -> Written:
        """The same in more statements: what the stock was before must be known."""
        for _ in range(ATTEMPTS):
            with suppress(IsbnTaken):
                return Written(self.insert(fields), created=True)
            stored = self.find_by_isbn(fields["isbn"])
            with suppress(BookNotFound):  # deleted since
                if stored is not None:
                    return self.update(stored.id, fields, ANY_STATE)
        raise too_many_retries()

    def _stock_before(self, book_id: UUID) -> int | None:
        """The stock that a change begins from, if movements are written down."""
        log = self._log
        return None if log is None else log.stock_of(self._writer.connection, book_id)

    def _moved(self, book_id: UUID, delta: int, stock: int, reason: str) -> None:
        if self._log is not None:
            move = Move(book_id, delta, stock)
            self._log.write(self._writer.connection, [move], Reason(reason))

    def _new_row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        moment = now()
        columns = columns_of(fields, self._declared)
        return {"id": uuid7(), **columns, "created_at": moment, "updated_at": moment}
