"""Movements as they are read: those of a book, the newest first.

What is not written down is shown as a movement too, so that the deltas always add up to the stock:
the ``opening`` balance before the oldest movement, and what changed while nothing was written
(``unrecorded``).
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.movements import MOVEMENTS
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.values.types import INTEGER_MAX

OPENING: Final = "opening"
UNRECORDED: Final = "unrecorded"

_M, _B = MOVEMENTS.c, BOOKS.c

#: Behind every movement.
_END: Final = 2**63 - 1


class MovementData(msgspec.Struct, frozen=True):
    """A change of a stock by ``delta``; ``stock`` is what it was then. ``by`` is the id of the
    caller."""

    at: datetime
    delta: int
    stock: int
    reason: str | None = None
    reference: str | None = None
    by: str | None = None
    request_id: str | None = None


class MovementPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some movements of a book, the newest first; the cursor is `None` at the oldest."""

    movements: Sequence[MovementData]
    limit: int
    next_cursor: str | None


class _Place(NamedTuple):
    """Behind the movement ``seq``, before which there were ``stock`` copies.

    A cursor has both: the movement and all before it may be gone when the next page is read.
    """

    seq: int
    stock: int


#: A row of a movement begins with these; `DATA` is what `MovementData` has.
COLUMNS: Final = (_M.seq, _M.at, _M.delta, _M.stock, _M.reason, _M.reference, _M.by, _M.request_id)
DATA: Final = slice(1, len(COLUMNS))

_OF_BOOK = Query(
    sa.select(*COLUMNS, _B.stock.label("now"), _B.updated_at)
    .select_from(MOVEMENTS.join(BOOKS, _B.id == _M.book_id))
    .where(_M.book_id == sa.bindparam("id"), _M.seq <= sa.bindparam("from", type_=_M.seq.type))
    .order_by(_M.book_id.desc(), _M.seq.desc())
    .limit(sa.bindparam("most", type_=sa.Integer()))
)


def movements_of(reader: Reader, book: BookData, *, limit: int, cursor: str | None) -> MovementPage:
    """The movements of a book behind the cursor; of a book without any, what it has.

    Raises `ValidationFailed` for a cursor that is none.
    """
    place = _decoded(cursor) if cursor else _Place(_END, book.stock)
    # One more for what is behind the cursor's movement, and one to know whether there are more.
    values = {"id": book.id, "from": place.seq, "most": limit + 2}
    rows = reader.rows(_OF_BOOK, values)
    at = book.created_at
    if rows and not cursor:
        *_, now, at = rows[0]
        place = place._replace(stock=now)
    entries = list(_entries(rows, place, at, whole=len(rows) < limit + 2))
    page = entries[:limit]
    more = len(entries) > limit
    return MovementPage(
        movements=[data for _, data in page],
        limit=limit,
        next_cursor=_encoded(page[-1][0]) if more else None,
    )


def _entries(
    rows: Sequence[Row], place: _Place, at: datetime, *, whole: bool
) -> Iterator[tuple[_Place, MovementData]]:
    """What the rows say behind a place, and what is between them; ``whole`` if the oldest is among
    them. ``at`` is the time of a change behind which there is none."""
    stock = place.stock
    for row in rows:
        data = MovementData(*row[DATA])
        if row[0] < place.seq:
            gap = gap_between(at, stock, data.stock)
            if gap is not None:
                yield _Place(row[0] + 1, data.stock), gap
            stock = data.stock - data.delta
            yield _Place(row[0], stock), data
        at = data.at
    opening = gap_between(at, stock, None) if whole else None
    if opening is not None:
        yield _Place(0, 0), opening


def gap_between(at: datetime, stock: int, older: int | None) -> MovementData | None:
    """What brought the stock from that of the older movement to ``stock``."""
    delta = stock - (older or 0)
    if not delta:
        return None
    return MovementData(at, delta, stock, OPENING if older is None else UNRECORDED)


def _encoded(place: _Place) -> str:
    return base64.urlsafe_b64encode(f"{place.seq}.{place.stock}".encode()).rstrip(b"=").decode()


def _decoded(cursor: str) -> _Place:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        seq, _, stock = base64.b64decode(padded, altchars=b"-_", validate=True).partition(b".")
        place = _Place(int(seq), int(stock))
        in_range = 0 <= place.seq <= _END and 0 <= place.stock <= INTEGER_MAX
        if not in_range or _encoded(place) != cursor:
            raise ValueError("another writing, or out of range")
    except (ValueError, binascii.Error):
        message = "Is not a cursor that this list gave out."
        raise ValidationFailed([Fault("cursor", "", message)]) from None
    return place
