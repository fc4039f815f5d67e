"""The log of the stock: every change of a book's stock is a movement, written with the change.

What there was before the oldest movement of a book is its opening balance: that movement's stock
less its delta. So a log that begins late, or from which old movements were taken, still adds up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.base import Base
from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.values.moments import now

#: Characters of a reason, and of a reference.
LONGEST_REASON: Final = 100
LONGEST_REFERENCE: Final = 255

_LONGEST_CALLER: Final = 255

#: How many old movements a change deletes, or twice as many as it adds, if that is more.
CLEANED: Final = 100


class Movement(Base):
    """A change of a book's stock. Movements outlive their books."""

    __tablename__ = "bookstore_movements"
    __table_args__ = (sa.Index("bookstore_movements_book_id_idx", "book_id", "seq"),)

    #: Drawn while the book is locked, so in the order in which its stock changed.
    seq: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(), primary_key=True
    )
    book_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    delta: Mapped[int]
    #: After the change.
    stock: Mapped[int]
    reason: Mapped[str | None] = mapped_column(sa.String(LONGEST_REASON))
    reference: Mapped[str | None] = mapped_column(sa.String(LONGEST_REFERENCE))
    by: Mapped[str | None] = mapped_column(sa.String(_LONGEST_CALLER))
    request_id: Mapped[str | None] = mapped_column(sa.String(128))


MOVEMENTS = cast(sa.Table, Movement.__table__)
_M = MOVEMENTS.c

_STOCK_BY_ID: Final = (
    sa.select(BOOKS.c.stock).where(BOOKS.c.id == sa.bindparam("id")).with_for_update(key_share=True)
)
_OLDEST: Final = sa.select(_M.at).order_by(_M.seq).limit(1)


class Move(NamedTuple):
    """By how much a book's stock changed, and what it is now."""

    book_id: UUID
    delta: int
    stock: int


class Reason(NamedTuple):
    """Why the stock changes, in the caller's words: of at most `LONGEST_REASON` characters, and a
    reference, such as the number of an order, of at most `LONGEST_REFERENCE`."""

    reason: str | None = None
    reference: str | None = None


class MovementLog:
    """Writes movements on a connection, within its transaction."""

    def __init__(
        self, by: str | None = None, request_id: str | None = None, *, keep_days: int = 0
    ) -> None:
        """``by`` is the id of the caller. Movements are kept for so many days, 0 for good."""
        self._origin = {"by": by and by[:_LONGEST_CALLER], "request_id": request_id}
        self._keep_days = keep_days

    def write(self, connection: sa.Connection, moves: Sequence[Move], reason: Reason) -> None:
        """Write down those that change something."""
        row = {"at": now(), **reason._asdict(), **self._origin}
        rows = [{**each._asdict(), **row} for each in moves if each.delta]
        if rows:
            connection.execute(sa.insert(MOVEMENTS), rows)
            self._clean(connection, len(rows))

    def write_from(
        self, connection: sa.Connection, moves: sa.Select[Any], reason: str, at: datetime
    ) -> None:
        """Write down all that a statement finds: id of the book, delta, stock afterwards."""
        fixed = {"at": at, "reason": reason, **self._origin}
        literals = [sa.literal(value, _M[name].type) for name, value in fixed.items()]
        found = moves.add_columns(*literals)
        insert = sa.insert(MOVEMENTS).from_select(["book_id", "delta", "stock", *fixed], found)
        result = connection.execute(insert, execution_options={"preserve_rowcount": True})
        if result.rowcount:
            self._clean(connection, result.rowcount)

    def stock_of(self, connection: sa.Connection, id: UUID) -> int | None:
        """The stock of a book, which stays as it is until the transaction ends; `None` if there is
        no such book."""
        return connection.execute(_STOCK_BY_ID, {"id": id}).scalar()

    def _clean(self, connection: sa.Connection, added: int) -> None:
        """Delete some of the movements that are older than `keep_days`."""
        if not self._keep_days:
            return
        limit = now() - timedelta(days=self._keep_days)
        oldest = connection.execute(_OLDEST).scalar()
        if oldest is None or oldest >= limit:
            return
        # The first ones, and of these the old ones: a search for old ones would read on.
        first = sa.select(_M.seq, _M.at).order_by(_M.seq).limit(max(CLEANED, 2 * added))
        some = first.with_for_update(skip_locked=True).subquery()
        old = sa.select(some.c.seq).where(some.c.at < limit)
        connection.execute(sa.delete(MOVEMENTS).where(_M.seq.in_(old)))
