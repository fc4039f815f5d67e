"""Holds in the database: placed, prolonged, ended.

Whoever changes a hold locks its books first, in the order of their ids, and then looks at it again.
A line of a hold is in the table as long as its copies count as held. Of a hold that has run out the
lines go one by one, each when somebody locks its book; a hold without all of its lines is over.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa
from uuid6 import uuid7

from pyramid_bookstore.catalogue.availability import HOLD_LINES
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.errors import HoldNotFound, HoldOver
from pyramid_bookstore.stock.models import HOLDS
from pyramid_bookstore.stock.shelf import Shelf, Wanted
from pyramid_bookstore.values.moments import now

#: How long it is known of a hold that it is over, after the time at which it runs out.
KNOWN: Final = timedelta(days=1)

#: Lines that have run out, of any books, which placing a hold gives back; or twice its own.
CLEANED: Final = 16

_H, _L = HOLDS.c, HOLD_LINES.c


class HoldLineData(msgspec.Struct, frozen=True):
    """A book of a hold, with its ISBN at the time of placing."""

    id: UUID
    isbn: str
    quantity: int


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Copies that are kept for somebody until ``expires_at``, in UTC."""

    id: UUID
    lines: tuple[HoldLineData, ...]
    expires_at: datetime
    reference: str | None = None


class _Gone(NamedTuple):
    """A book that was deleted, of which there are no copies."""

    id: UUID
    isbn: str
    stock: int = 0
    held: int = 0


#: A hold with its lines, those left out that are over already: at least one row, if it is there.
FIND: Final = Query(
    sa.select(_H.ended, _H.expires_at, _H.lines, _H.reference, _L.book_id, _L.isbn, _L.quantity)
    .select_from(HOLDS.outerjoin(HOLD_LINES, _L.hold_id == _H.id))
    .where(_H.id == sa.bindparam("id"))
    .order_by(_L.place)
)
_LIVE = sa.and_(
    _H.id == sa.bindparam("hold"),
    _H.ended.is_(None),
    _H.expires_at > sa.bindparam("at", type_=_H.expires_at.type),
)
_END = sa.update(HOLDS).where(_LIVE).values(ended=sa.bindparam("how")).returning(_H.id)
_PROLONG = (
    sa.update(HOLDS)
    .where(_LIVE)
    .values(expires_at=sa.bindparam("until", type_=_H.expires_at.type))
    .returning(_H.id)
)
_PROLONG_LINES = (
    sa.update(HOLD_LINES)
    .where(_L.hold_id == sa.bindparam("hold"))
    .values(expires_at=sa.bindparam("until", type_=_L.expires_at.type))
    .returning(_L.book_id)
)
_TAKE_OUT = sa.delete(HOLD_LINES).where(_L.hold_id == sa.bindparam("hold")).returning(_L.book_id)


class Holds:
    """The holds, on the connection of a transaction."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def place(self, wanted: Sequence[Wanted], ttl: int, reference: str | None) -> Hold:
        """Hold copies of locked books; raises `InsufficientStock`."""
        self._shelf.keep(wanted)
        lines = tuple(HoldLineData(each.book.id, each.book.isbn, each.number) for each in wanted)
        expires_at = now() + timedelta(seconds=ttl)
        hold = Hold(id=uuid7(), lines=lines, expires_at=expires_at, reference=reference)
        row = {"id": hold.id, "expires_at": expires_at, "lines": len(lines), "reference": reference}
        self._shelf.insert(HOLDS, [row])
        fixed = {"hold_id": hold.id, "expires_at": expires_at}
        rows = [
            {
                **fixed,
                "place": place,
                "book_id": line.id,
                "isbn": line.isbn,
                "quantity": line.quantity,
            }
            for place, line in enumerate(lines)
        ]
        self._shelf.insert(HOLD_LINES, rows)
        self._clean(max(CLEANED, 2 * len(lines)))
        return hold

    def prolong(self, hold_id: UUID, ttl: int) -> Hold:
        """Hold the same copies for ``ttl`` seconds from now; raises `HoldNotFound`, `HoldOver`."""
        hold, _ = self._locked(hold_id)
        until = now() + timedelta(seconds=ttl)
        self._write(_PROLONG, hold, until=until)
        self._shelf.execute(_PROLONG_LINES, {"hold": hold.id, "until": until})
        return msgspec.structs.replace(hold, expires_at=until)

    def release(self, hold_id: UUID) -> Hold:
        """Give the copies back; raises as `prolong`."""
        hold, _ = self._locked(hold_id)
        self._end(hold, "released")
        self._shelf.give_back({line.id: line.quantity for line in hold.lines})
        return hold

    def commit(self, hold_id: UUID) -> tuple[Hold, Mapping[UUID, BookData]]:
        """Take the copies out of stock; returns the books too, by id. Raises as `prolong`, and
        `InsufficientStock` where the stock was set below what is held, or a book is gone."""
        hold, books = self._locked(hold_id)
        wanted = [
            Wanted(books.get(line.id, _Gone(line.id, line.isbn)), -line.quantity, f"/lines/{at}")
            for at, line in enumerate(hold.lines)
        ]
        self._shelf.check(wanted, held=True)  # before the hold ends: a refusal leaves it as it is
        self._end(hold, "committed")
        return hold, self._shelf.change(wanted, held=True)

    def _locked(self, hold_id: UUID) -> tuple[Hold, Mapping[UUID, Any]]:
        """A hold that has not ended, and its books, which are locked, by id."""
        books = self._shelf.lock([line.id for line in self._find(hold_id).lines])
        # Once more: the locks may have been waited for.
        return self._find(hold_id), {book.id: book for book in books}

    def _find(self, hold_id: UUID) -> Hold:
        return hold_of(hold_id, self._shelf.execute(FIND.statement, {"id": hold_id}))

    def _end(self, hold: Hold, how: str) -> None:
        self._write(_END, hold, how=how)
        self._shelf.execute(_TAKE_OUT, {"hold": hold.id})

    def _write(self, statement: Any, hold: Hold, **values: Any) -> None:
        if not self._shelf.execute(statement, {"hold": hold.id, "at": now(), **values}):
            raise HoldOver

    def _clean(self, most: int) -> None:
        """Give back some lines of any books that have run out, and forget some holds.

        What others have locked is passed over: this waits for nobody.
        """
        moment = now()
        limit: Any = sa.literal_column(str(most))
        old = sa.select(_H.id).where(_H.expires_at < moment - KNOWN).order_by(_H.expires_at)
        old = old.limit(limit).with_for_update(skip_locked=True)
        self._shelf.execute(sa.delete(HOLDS).where(_H.id.in_(old)).returning(_H.id), {})
        over = sa.select(_L.book_id).where(_L.expires_at <= moment).order_by(_L.expires_at)
        ids = {row.book_id for row in self._shelf.execute(over.limit(limit), {})}
        if not ids:
            return
        books = sa.select(BOOKS.c.id).where(BOOKS.c.id.in_(ids)).order_by(BOOKS.c.id)
        free = books.with_for_update(skip_locked=True, key_share=True)
        self._shelf.sweep([row.id for row in self._shelf.execute(free, {})])
        gone = ids - {row.id for row in self._shelf.execute(books, {})}
        if gone:
            self._shelf.sweep([*gone])


def hold_of(hold_id: UUID, rows: Sequence[Any]) -> Hold:
    """A hold from the rows of `FIND`; raises `HoldNotFound`, and `HoldOver` for one that ended."""
    if not rows:
        raise HoldNotFound
    ended, expires_at, number, reference, *_ = rows[0]
    lines = tuple(HoldLineData(*row[4:]) for row in rows if row[4] is not None)
    if ended or expires_at <= now() or len(lines) < number:
        raise HoldOver(ended or "run out")
    return Hold(id=hold_id, lines=lines, expires_at=expires_at, reference=reference)
