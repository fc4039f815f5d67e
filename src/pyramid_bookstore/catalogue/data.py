"""What the services give back: plain, frozen values, never live database objects."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from pyramid_bookstore.db.types import to_microseconds
from pyramid_bookstore.values import jsontext


class BookData(msgspec.Struct, frozen=True):
    """A book as it is in the database at the moment of reading.

    ``price`` has exactly two decimals; ``isbn`` is 13 digits; times are UTC to the microsecond.
    """

    id: UUID
    title: str
    author: str
    isbn: str
    price: Decimal
    stock: int
    description: str | None
    #: The JSON text of `extra`, as stored; it goes out without being taken apart.
    extra_json: msgspec.Raw = msgspec.field(name="extra")
    created_at: datetime
    updated_at: datetime

    @property
    def extra(self) -> dict[str, Any]:
        """The host's own fields; numbers with a fraction are exact decimals."""
        value: dict[str, Any] = jsontext.loads(bytes(self.extra_json))
        return value

    @property
    def version(self) -> int:
        """Moves up with every change of this book: microseconds of ``updated_at`` since 1970."""
        return to_microseconds(self.updated_at)


def book_from_row(row: Sequence[Any]) -> BookData:
    """A book from the columns of `pyramid_bookstore.catalogue.statements.COLUMNS`."""
    return BookData(
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        msgspec.Raw(row[7].encode()),
        row[8],
        row[9],
    )


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list.

    ``total`` and ``total_pages`` are ``None`` where nobody asked for a count; ``page`` on a page
    that was reached by cursor. The cursors are opaque texts, ``None`` where the list ends.
    """

    books: Sequence[BookData]
    limit: int
    page: int | None
    total: int | None
    next_cursor: str | None
    previous_cursor: str | None

    @property
    def total_pages(self) -> int | None:
        """Pages of this size that hold ``total`` books; 0 of none."""
        return None if self.total is None else -(-self.total // self.limit)
