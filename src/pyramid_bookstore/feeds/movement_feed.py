"""All movements of the stock as CSV, for the books of whoever keeps them."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.movements import MOVEMENTS
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.feeds.formulas import escape_formula
from pyramid_bookstore.stock.movements import (
    COLUMNS,
    DATA,
    OPENING,
    UNRECORDED,
    MovementData,
    gap_between,
)

#: Movements that are read at once.
PAGE: Final = 1000

_M, _B = MOVEMENTS.c, BOOKS.c

_NEXT = Query(
    sa.select(*COLUMNS, _M.book_id, _B.isbn, _B.stock.label("now"), _B.updated_at)
    .select_from(MOVEMENTS.outerjoin(BOOKS, _B.id == _M.book_id))
    .where(
        sa.tuple_(_M.book_id, _M.seq)
        > sa.tuple_(
            sa.bindparam("id", type_=_M.book_id.type), sa.bindparam("seq", type_=_M.seq.type)
        )
    )
    .order_by(_M.book_id, _M.seq)
    .limit(PAGE)
)
_UNMOVED = Query(
    sa.select(_B.id, _B.isbn, _B.stock, _B.created_at)
    .where(_B.id > sa.bindparam("id"), _B.stock > 0)
    .where(~sa.exists(sa.select(_M.seq).where(_M.book_id == _B.id)))
    .order_by(_B.id)
    .limit(PAGE)
)

CSV_COLUMNS: Final = ("book_id", "isbn", *MovementData.__struct_fields__)


def movements_csv(reader: Reader) -> Iterator[bytes]:
    """All movements as CSV, those of a book together, the oldest first; books that are gone too.

    Each page is a separate read.
    """
    yield _lines([CSV_COLUMNS])
    first = UUID(int=0)
    for rows in chain(_pages(reader, first), _unmoved(reader, first)):
        yield _lines(rows)


def _pages(reader: Reader, first: UUID) -> Iterator[list[Sequence[Any]]]:
    last: Row | None = None
    key: dict[str, Any] = {"id": first, "seq": 0}
    while True:
        rows = reader.rows(_NEXT, key)
        found: list[Sequence[Any]] = []
        for row in rows:
            found += _before(last, row)
            found.append(_cells(row, MovementData(*row[DATA])))
            last = row
        if len(rows) < PAGE:
            yield [*found, *_after(last)]
            return
        yield found
        key = {"id": rows[-1][8], "seq": rows[-1][0]}


def _before(last: Row | None, row: Row) -> list[Sequence[Any]]:
    """What stands between two movements in the file."""
    data = MovementData(*row[DATA])
    same = last is not None and last[8] == row[8]
    gap = gap_between(data.at, data.stock - data.delta, last[3] if last and same else None)
    found = [] if gap is None else [_cells(row, gap)]
    return found if same else [*_after(last), *found]


def _after(last: Row | None) -> list[Sequence[Any]]:
    """What is missing behind a book's newest movement, if the book is still there."""
    if last is None or last[10] is None or last[10] == last[3]:
        return []
    return [_cells(last, MovementData(last[11], last[10] - last[3], last[10], UNRECORDED))]


def _cells(row: Row, data: MovementData) -> Sequence[Any]:
    return [row[8], row[9], *msgspec.structs.astuple(data)]


def _unmoved(reader: Reader, first: UUID) -> Iterator[list[Sequence[Any]]]:
    key = first
    while rows := reader.rows(_UNMOVED, {"id": key}):
        yield [
            [id, isbn, *msgspec.structs.astuple(MovementData(since, stock, stock, OPENING))]
            for id, isbn, stock, since in rows
        ]
        key = rows[-1][0]


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return escape_formula(value) if isinstance(value, str) else value
