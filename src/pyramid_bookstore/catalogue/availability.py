"""What of a book's stock is available: what no hold keeps.

The column ``held`` of a book is the sum of the lines of holds in `HoldLine`, those included that
have run out. So whoever takes copies compares columns of one row, in the statement that writes.
What has run out is free at once for readers, who take it off the sum, and is taken from the table
in passing by whoever writes (`pyramid_bookstore.stock.shelf`).
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.orm import Mapped, mapped_column

from pyramid_bookstore.catalogue.field import AVAILABLE
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.statements import COLUMNS, book_from_row
from pyramid_bookstore.db.base import Base
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.search.conditions import Computed
from pyramid_bookstore.values.moments import now

#: The parameter with the time at which holds are looked at.
HOLDS_AT: Final = "holds_at"


class HoldLine(Base):
    """A book in a hold that has not ended. No foreign key: a book may be deleted all the same."""

    __tablename__ = "bookstore_hold_lines"
    __table_args__ = (
        sa.Index("bookstore_hold_lines_book_id_idx", "book_id", "expires_at", "quantity"),
        sa.Index("bookstore_hold_lines_expires_at_idx", "expires_at"),
        {"sqlite_with_rowid": False},
    )

    hold_id: Mapped[UUID] = mapped_column(primary_key=True)
    book_id: Mapped[UUID] = mapped_column(primary_key=True)
    #: Among the lines of the hold.
    place: Mapped[int] = mapped_column(sa.SmallInteger)
    isbn: Mapped[str] = mapped_column(sa.String(13))
    quantity: Mapped[int]
    #: That of the hold.
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


HOLD_LINES = cast(sa.Table, HoldLine.__table__)


def available(books: Any) -> sa.ColumnElement[int]:
    """The available copies of a row of the books' table or of an alias, never below 0."""
    lines = HOLD_LINES.alias("over")
    over = (
        sa.select(sa.func.coalesce(sa.func.sum(lines.c.quantity), 0))
        .where(lines.c.book_id == books.c.id)
        .where(lines.c.expires_at <= sa.bindparam(HOLDS_AT, type_=UTCDateTime()))
        .correlate(books)
        .scalar_subquery()
    )
    free = sa.cast(books.c.stock - books.c.held + over, sa.Integer)
    # Nothing is held of most books, and no line is looked for then.
    return sa.case((books.c.held == 0, books.c.stock), (free > 0, free), else_=0)


#: For the filters of lists.
COMPUTED: Final = {
    AVAILABLE: Computed(
        available,
        column="stock",
        hidden=(
            BOOKS.c.stock > 0,
            BOOKS.c.held >= BOOKS.c.stock,  # before any line is looked for
            available(BOOKS) == 0,
        ),
        among=sa.select(HOLD_LINES.c.book_id),
    )
}


@cache
def _available_query(dialect: Dialect) -> Query:
    line = dialect.numbers_by_id("books")
    found = sa.select(*COLUMNS, available(BOOKS).label(AVAILABLE))
    return Query(found.where(BOOKS.c.id.in_(sa.select(line.c.id))))


def with_available(reader: Reader, books: Sequence[BookData]) -> list[BookData]:
    """The books as they are now, each with what is available of it, at the cost of one statement.

    A book that is gone stays as it was, without.
    """
    rows = _rows(reader, [book.id for book in books])
    found = {row[0]: replace(book_from_row(row), available=int(row[-1])) for row in rows}
    return [found.get(book.id, book) for book in books]


def rows_with_available(reader: Reader, rows: Sequence[Row]) -> list[Row]:
    """Rows that begin with `COLUMNS` as they are now, with what is available behind these."""
    found = {row[0]: row for row in _rows(reader, [row[0] for row in rows])}
    return [found.get(row[0], [*row[: len(COLUMNS)], 0]) for row in rows]


def _rows(reader: Reader, ids: Sequence[UUID]) -> Sequence[Row]:
    if not ids:
        return ()
    dialect = reader.dialect
    values = {"books": dialect.numbered(dict.fromkeys(ids, 0)), HOLDS_AT: now()}
    return reader.rows(_available_query(dialect), values)
