"""Changes of several books at once, without deadlocks.

The books are locked first, always in the order of their ids, whatever the order of the lines. So
two changes that meet in several books wait for each other at the first of these. What a lock gave
back is how the book is now, and stays so until the transaction ends.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from pyramid_bookstore.catalogue.availability import HOLD_LINES
from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.statements import COLUMNS, book_from_row, next_updated_at
from pyramid_bookstore.catalogue.store import too_many_retries
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.statement_count import count_statement
from pyramid_bookstore.errors import Fault, InsufficientStock, ShortLine, ValidationFailed
from pyramid_bookstore.stock.lines import Line
from pyramid_bookstore.transactions.writers import Writer
from pyramid_bookstore.values.moments import now
from pyramid_bookstore.values.types import INTEGER_MAX

_B = BOOKS.c
_L = HOLD_LINES.c


class Wanted(NamedTuple):
    """A locked book, and the sum of its lines, the first of which is at ``pointer``."""

    book: Any
    number: int
    pointer: str

    @property
    def free(self) -> int:
        """Copies that no hold keeps."""
        return max(0, int(self.book.stock - self.book.held))

    @property
    def short(self) -> ShortLine:
        return ShortLine(self.pointer, self.book.id, self.book.isbn, self.free)


class Shelf:
    """The books of a change, on the connection of its transaction."""

    def __init__(self, writer: Writer, *, holds: bool) -> None:
        self._writer = writer
        self._dialect = writer.dialect
        self._holds = holds

    def find(self, lines: Sequence[Line]) -> list[Wanted]:
        """Lock the books of the lines, and add up the lines of each, in the order of the lines.

        Raises `ValidationFailed` for books that are not there, and what is no id or ISBN.
        """
        ids = [line.book for line in lines if isinstance(line.book, UUID)]
        isbns = [line.book for line in lines if isinstance(line.book, str)]
        rows = self.lock(ids, isbns) if ids or isbns else ()
        books: dict[UUID | str, Any] = {row.id: row for row in rows}
        books |= {row.isbn: row for row in rows}
        faults = []
        found: dict[UUID, Wanted] = {}
        for line in lines:
            if isinstance(line.book, Fault):
                faults.append(line.book)
                continue
            book = books.get(line.book)
            if book is None:
                name = "id" if isinstance(line.book, UUID) else "isbn"
                pointer = f"{line.pointer}/{name}"
                field = pointer[1:].replace("/", ".")
                faults.append(Fault(field, pointer, "There is no such book."))
                continue
            before = found.get(book.id, Wanted(book, 0, line.pointer))
            found[book.id] = before._replace(number=before.number + line.number)
        if faults:
            raise ValidationFailed(faults)
        return [*found.values()]

    def lock(self, ids: Sequence[UUID], isbns: Sequence[str] = ()) -> Sequence[Any]:
        """Lock books, in the order of their ids; returns those that are there, without the copies
        of holds that have run out."""
        values: dict[str, Any] = {"ids": {*ids}, "isbns": {*isbns}}
        values = {name: sorted(each) for name, each in values.items() if each}
        statement = _lock_statement(frozenset(values), self._holds)
        rows = self.execute(statement, values)
        held = [row.id for row in rows if row.held]
        if held and self.sweep(held):
            rows = self.execute(statement, values)
        return rows

    def change(self, wanted: Sequence[Wanted], *, held: bool = False) -> dict[UUID, BookData]:
        """Add the number of each to its stock, or with ``held`` take copies out that are held, in
        one statement; returns the changed books by id.

        Raises `InsufficientStock` with every short line, and `ValidationFailed` for a stock above
        its maximum, or copies of a book that is free of charge.
        """
        self.check(wanted, held=held)
        numbers = {each.book.id: each.number for each in wanted if each.number}
        if not numbers:
            return {}
        statement = _change_statement(self._dialect, self._holds, held)
        rows = self.execute(statement, {"lines": self._dialect.numbered(numbers), "now": now()})
        if len(rows) < len(numbers):
            raise too_many_retries()
        return {row.id: book_from_row(row) for row in rows}

    def keep(self, wanted: Sequence[Wanted]) -> None:
        """Hold so many copies more of each; raises `InsufficientStock`."""
        short = [each.short for each in wanted if each.free < each.number]
        if short:
            raise InsufficientStock(short[0].available, short)
        self.give_back({each.book.id: -each.number for each in wanted}, guarded=True)

    def give_back(self, numbers: Mapping[UUID, int], *, guarded: bool = False) -> None:
        """Hold so many copies less of each book that is there."""
        statement = _held_statement(self._dialect, guarded)
        rows = self.execute(statement, {"lines": self._dialect.numbered(numbers)})
        if guarded and len(rows) < len(numbers):
            raise too_many_retries()

    def execute(self, statement: Any, values: Any) -> Sequence[Any]:
        """The rows of a statement."""
        count_statement()
        return self._writer.connection.execute(statement, values).all()

    def insert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows to a table."""
        count_statement()
        self._writer.connection.execute(sa.insert(table), rows)

    def check(self, wanted: Sequence[Wanted], *, held: bool = False) -> None:
        """Raise what `change` would, without changing anything."""
        faults = []
        short = []
        for each in wanted:
            field = f"{each.pointer[1:].replace('/', '.')}.delta"
            after = each.book.stock + each.number
            if after > INTEGER_MAX:
                message = f"Would take the stock of {each.book.stock} above {INTEGER_MAX}."
                faults.append(Fault(field, f"{each.pointer}/delta", message))
            elif each.number > 0 and each.book.price == 0:
                faults.append(Fault(field, f"{each.pointer}/delta", FREE_STOCK))
            elif each.number < 0 and (after < 0 if held else each.free + each.number < 0):
                # What is held for whoever takes it is free for nobody else.
                line = each.short
                short.append(line._replace(available=each.book.stock) if held else line)
        if faults:
            raise ValidationFailed(faults)
        if short:
            raise InsufficientStock(short[0].available, short)

    def sweep(self, books: Sequence[UUID]) -> bool:
        """Give back what has run out of these locked books; returns whether there was something."""
        rows = self.execute(_OVER, {"books": books, "now": now()})
        numbers: dict[UUID, int] = {}
        for row in rows:
            numbers[row.book_id] = numbers.get(row.book_id, 0) + row.quantity
        if numbers:
            self.give_back(numbers)
        return bool(numbers)


@lru_cache(maxsize=8)
def _lock_statement(names: frozenset[str], holds: bool) -> sa.Select[Any]:
    named = {"ids": _B.id, "isbns": _B.isbn}
    clauses = [
        named[name].in_(sa.bindparam(name, expanding=True, type_=named[name].type))
        for name in sorted(names)
    ]
    held = _B.held if holds else sa.literal_column("0", sa.Integer).label("held")
    found = sa.select(_B.id, _B.isbn, _B.price, _B.stock, held).where(sa.or_(*clauses))
    return found.order_by(_B.id).with_for_update(key_share=True)


@lru_cache(maxsize=8)
def _change_statement(dialect: Dialect, holds: bool, held: bool) -> Any:
    """Adds the numbers; the guard is here as well, for a database that took no lock."""
    line = dialect.numbers_by_id("lines").c
    written: dict[str, Any] = {
        "stock": _B.stock + line.number,
        "updated_at": next_updated_at(dialect),
    }
    if held:
        written["held"] = _B.held + line.number
    free = _B.stock - _B.held if holds and not held else _B.stock
    guard = sa.or_(line.number > 0, free >= -line.number)
    change = sa.update(BOOKS).where(_B.id == line.id, guard).values(written)
    return change.returning(*COLUMNS)


@lru_cache(maxsize=8)
def _held_statement(dialect: Dialect, guarded: bool) -> Any:
    line = dialect.numbers_by_id("lines").c
    change = sa.update(BOOKS).where(_B.id == line.id).values(held=_B.held - line.number)
    if guarded:
        change = change.where(_B.stock - _B.held >= -line.number)
    return change.returning(_B.id)


_OVER = (
    sa.delete(HOLD_LINES)
    .where(_L.book_id.in_(sa.bindparam("books", expanding=True)))
    .where(_L.expires_at <= sa.bindparam("now", type_=_L.expires_at.type))
    .returning(_L.book_id, _L.quantity)
)
