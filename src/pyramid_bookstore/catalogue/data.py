"""What the services give back: plain, frozen values, never live database objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pyramid_bookstore.catalogue.fields import FIELDS, BookData

__all__ = ["BookData", "Page", "book_from_row"]

_WIDTH = len(FIELDS)


def book_from_row(row: Sequence[Any]) -> BookData:
    """A book from a row that begins with `statements.COLUMNS`."""
    return BookData(*row[:_WIDTH])


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
