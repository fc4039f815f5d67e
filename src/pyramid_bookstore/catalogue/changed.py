"""The books that changed since a time, the oldest first, at a cost that grows with them alone.

The index of the changes has them in another order, in which a book that changes meanwhile would
come twice. So their ids are read from it first, sorted in runs, and merged; then the books are read
by their ids, which grow with their age.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from heapq import merge
from itertools import groupby, islice
from tempfile import TemporaryFile
from typing import IO, Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select, tuple_

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.shapes import search_on
from pyramid_bookstore.catalogue.statements import COLUMNS
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.search.base import Conditions

#: Ids that are read and sorted at once.
RUN: Final = 20_000

_LENGTH = 16  # bytes of an id
_BLOCK = 1024 * _LENGTH

_KEY = (BOOKS.c.updated_at, BOOKS.c.id)


def walk_changed(
    reader: Reader, conditions: Conditions, values: Mapping[str, Any], *, size: int
) -> Iterator[Sequence[Row]]:
    """The books that these conditions choose, of which one is a time of the last change, in pages
    of up to ``size`` rows that begin with `COLUMNS`.

    The ids are in a temporary file, so that memory does not grow with them.
    """
    since = next(each for each in conditions.comparisons if each.by_time)
    others = tuple(each for each in conditions.comparisons if each is not since)
    query = _books(reader.dialect, conditions._replace(comparisons=others))
    with TemporaryFile(prefix="bookstore-") as file:
        ends = [0]
        for ids in _runs(reader, values[since.parameter]):
            file.write(b"".join(sorted(each.bytes for each in ids)))
            ends.append(file.tell())
        file.flush()
        runs = (_read(file, *ends[at : at + 2]) for at in range(len(ends) - 1))
        changed = (UUID(bytes=each) for each, _ in groupby(merge(*runs)))
        while page := [*islice(changed, size)]:
            if rows := reader.rows(query, {**values, "ids": reader.dialect.many(page)}):
                yield rows


def _runs(reader: Reader, since: Any) -> Iterator[Sequence[UUID]]:
    """The ids in the order of the changes; behind each place in it, so that none is left out."""
    at, last = since, UUID(int=0)
    while True:
        rows = reader.rows(_CHANGED, {"at": at, "last": last, "run": RUN})
        yield [book_id for _, book_id in rows]
        if len(rows) < RUN:
            return
        at, last = rows[-1]


def _read(file: IO[bytes], at: int, end: int) -> Iterator[bytes]:
    while at < end:
        block = os.pread(file.fileno(), min(_BLOCK, end - at), at)
        yield from (block[part : part + _LENGTH] for part in range(0, len(block), _LENGTH))
        at += len(block)


_CHANGED = Query(
    select(*_KEY)
    .where(
        tuple_(*_KEY)
        > tuple_(bindparam("at", type_=_KEY[0].type), bindparam("last", type_=_KEY[1].type))
    )
    .order_by(*_KEY)
    .limit(bindparam("run", type_=BOOKS.c.stock.type))
)


@lru_cache(maxsize=64)
def _books(dialect: Dialect, conditions: Conditions) -> Query:
    search = search_on(dialect)
    clauses = [dialect.any_of(BOOKS.c.id, "ids"), *search.where(conditions, search.WALK)]
    statement = select(*COLUMNS).where(*clauses).order_by(BOOKS.c.created_at, BOOKS.c.id)
    # By the values the planner knows that the ids are few.
    return Query(statement, custom_plan=True)
