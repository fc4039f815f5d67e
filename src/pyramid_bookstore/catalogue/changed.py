"""The books that changed since a time, the oldest first, at a cost that grows with them alone.

The index of the changes has them in another order, in which a book that changes meanwhile would
come twice. So their ids are read from it first, and then the books by their ids.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select, tuple_

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.shapes import search_on
from pyramid_bookstore.catalogue.statements import COLUMNS
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.search.conditions import Conditions

#: Ids that are read at once.
RUN: Final = 10_000

#: Ids that are kept, some 100 bytes each. Where more books changed, all are walked past.
MOST: Final = 200_000

_KEY = (BOOKS.c.updated_at, BOOKS.c.id)


def changed_books(
    reader: Reader, conditions: Conditions, values: Mapping[str, Any]
) -> Sequence[UUID] | None:
    """The ids, which grow with the age, of the books that changed since the time that is one of
    these conditions; `None` where they are more than `MOST`."""
    since = next(each for each in conditions.comparisons if each.by_time)
    at, last = values[since.parameter], UUID(int=0)
    found: set[UUID] = set()
    while len(found) <= MOST:
        # Behind each place in the order of the changes, so that none is left out.
        rows = reader.rows(_CHANGED, {"at": at, "last": last, "run": RUN})
        found.update(book_id for _, book_id in rows)
        if len(rows) < RUN:
            return sorted(found)
        at, last = rows[-1]
    return None


def walk_books(
    reader: Reader,
    conditions: Conditions,
    values: Mapping[str, Any],
    ids: Sequence[UUID],
    *,
    size: int,
) -> Iterator[Sequence[Row]]:
    """Those of the books with these ids that the conditions choose, as they are now, in pages of up
    to ``size`` rows that begin with `COLUMNS`."""
    query = _books(reader.dialect, conditions)
    for at in range(0, len(ids), size):
        page = reader.dialect.many(ids[at : at + size])
        if rows := reader.rows(query, {**values, "ids": page}):
            yield rows


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
