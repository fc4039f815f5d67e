"""The list: filters, sort, pages, cursors and totals.

A list is a *shape* (which filters, which sort, which way) with *values*. One shape is one SQL text,
built and compiled once; a request only fills in the values.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import and_, bindparam, func, literal_column, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.catalogue import query
from pyramid_bookstore.catalogue.cursor import Cursor, decode, encode, fingerprint
from pyramid_bookstore.catalogue.fields import FIELDS, BookData
from pyramid_bookstore.catalogue.models import BOOKS, Total
from pyramid_bookstore.catalogue.query import NEWEST_FIRST, SORT_FIELDS, Count, Filters
from pyramid_bookstore.catalogue.statements import COLUMNS, book_from_row
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.search import SEARCHES
from pyramid_bookstore.search.base import Choice, Comparison, Conditions, Search
from pyramid_bookstore.search.folding import fold
from pyramid_bookstore.values.isbn import search_forms

#: All books, within the reader's snapshot, at the cost of reading a handful of rows.
TOTAL = select(func.coalesce(func.sum(Total.books), 0)).scalar_subquery()

#: What may be sorted by, and the column that holds it in sorting order.
SORT_COLUMNS: dict[str, Any] = {name: BOOKS.c[FIELDS[name].key] for name in SORT_FIELDS}

_FILTERS = tuple(query.filters())

Sort = tuple[tuple[str, bool], ...]
__all__ = ["NEWEST_FIRST", "SORT_COLUMNS", "Count", "Sort", "list_books", "walk"]


#: Page sizes that people ask for. They are written into the statement, as the planner of PostgreSQL
#: makes one plan for good only where it knows how many rows are wanted; others are a parameter.
USUAL_LIMITS = frozenset({10, 20, 25, 50, 100})


@cache
def search_on(dialect: Dialect) -> Search:
    """How books are found by text on this database."""
    return SEARCHES[dialect.name](BOOKS, TOTAL, {column.name for column in SORT_COLUMNS.values()})


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


class Shape(NamedTuple):
    """All that a list's SQL depends on. ``backwards`` is the page before a cursor, ``limit`` one of
    the `USUAL_LIMITS` or 0, ``further`` a page after the first."""

    dialect: Dialect
    conditions: Conditions
    sort: Sort
    after_cursor: bool
    backwards: bool
    total: Count
    path: str
    limit: int = 0
    further: bool = True


def list_books(
    reader: Reader,
    filters: Filters,
    *,
    sort: Sort,
    limit: int,
    page: int,
    cursor: str | None,
    count: Count,
) -> Page:
    """One page. With a ``cursor`` the ``page`` does not count; ``limit`` and ``page`` are >= 1.

    Costs one statement, and a second one for the total of a page with no book on it; a search, and
    on SQLite any filter, costs one more, which looks how rare the matches are.
    Raises `ValidationFailed` for a cursor of another list.
    """
    dialect, conditions, path, values = _read(reader, filters, limit * (1 if cursor else page))
    mark = fingerprint(sorted(filters.items()), sort)
    at = decode(cursor, mark, [field for field, _ in sort]) if cursor else None
    backwards = bool(at and at.backwards)
    usual = limit if limit in USUAL_LIMITS else 0
    further = not at and page > 1
    shape = Shape(dialect, conditions, sort, at is not None, backwards, count, path, usual, further)
    values["limit"] = limit + 1  # one more tells whether the list goes on
    values["offset"] = 0 if at else (page - 1) * limit
    if at:
        values |= {f"key{index}": key for index, key in enumerate(at.keys)}
    rows = reader.rows(_page_query(shape), values)
    more = len(rows) > limit
    rows = rows[:limit]
    total = None
    if count != "none":
        total = _total(reader, shape, values, rows, len(rows) + more, first=page == 1 and not at)
    if backwards:
        rows = rows[::-1]
    has_next = bool(rows) and (more or backwards)
    has_previous = bool(rows) and ((more if backwards else at is not None) or page > 1)
    return Page(
        books=[book_from_row(row) for row in rows],
        limit=limit,
        page=None if at else page,
        total=total,
        next_cursor=_cursor(rows[-1], sort, mark, backwards=False) if has_next else None,
        previous_cursor=_cursor(rows[0], sort, mark, backwards=True) if has_previous else None,
    )


def _read(
    reader: Reader, filters: Filters, wanted: int
) -> tuple[Dialect, Conditions, str, dict[str, Any]]:
    """The dialect, the shape of the filters, the path to take to so many books, and the values by
    name."""
    dialect = reader.dialect
    search, author = filters.get("search"), filters.get("author")
    terms = [fold(search), *search_forms(search)] if search else []
    text, values = search_on(dialect).read(
        fold(author) if author else "", [term for term in terms if term]
    )
    comparisons: list[Comparison] = []
    for field, each in _FILTERS:
        for comparison in each.comparisons(field, filters):
            comparisons.append(comparison)
            if comparison.parameter:
                given = filters[comparison.parameter]
                values[comparison.parameter] = each.bound(field, given)
    conditions = Conditions(text, tuple(comparisons))
    probe = _probe_query(dialect, conditions)
    path = ""
    if probe is not None:
        query, choose = probe
        path, found = choose(reader.rows(query, values)[0], wanted)
        values |= found
    return dialect, conditions, path, values


def _total(
    reader: Reader,
    shape: Shape,
    values: dict[str, Any],
    rows: Sequence[Row],
    found: int,
    *,
    first: bool,
) -> int:
    """How many books there are, ``found`` of them here."""
    if rows:
        # An estimate may be less than what is seen here.
        seen = 0 if shape.after_cursor else values["offset"] + found
        return max(int(rows[0][-1]), seen)
    if first:
        return 0
    # A page past the end has no row that could carry the total.
    return int(reader.rows(_count_query(shape), values)[0][0])


def _cursor(row: Row, sort: Sort, mark: str, *, backwards: bool) -> str:
    keys = row[len(COLUMNS) : len(COLUMNS) + len(sort)]
    return encode(Cursor(backwards, (*keys, row[0])), mark)


@lru_cache(maxsize=1024)
def _page_query(shape: Shape) -> Query:
    columns: list[Any] = [*COLUMNS]
    columns += [SORT_COLUMNS[field].label(f"sort_{field}") for field, _ in shape.sort]
    search = search_on(shape.dialect)
    sorts = search.sorts(shape.path)
    if shape.total != "none":
        # Whoever sorts all matches has them all; behind a cursor those before it are missing.
        here = sorts and not shape.after_cursor
        columns.append((func.count().over() if here else _count(shape)).label("total"))
    order: list[tuple[Any, bool]]
    order = [(SORT_COLUMNS[field], descending) for field, descending in shape.sort]
    # The id goes the way of the key before it, so that one index serves both.
    order.append((BOOKS.c.id, order[-1][1]))
    if shape.backwards:
        order = [(column, not descending) for column, descending in order]
    clauses = search.where(shape.conditions, shape.path, SORT_COLUMNS[shape.sort[0][0]].name)
    statement = select(*columns).where(*clauses)
    if shape.after_cursor:
        statement = statement.where(_past(order))
    if sorts:
        # Two of the same: no index has that order, so no planner is tempted to walk one.
        order[0] = (func.coalesce(order[0][0], order[0][0]), order[0][1])
    statement = statement.order_by(
        *(column.desc() if descending else column.asc() for column, descending in order)
    ).limit(
        literal_column(str(shape.limit + 1))
        if shape.limit
        else bindparam("limit", type_=BOOKS.c.stock.type)
    )
    if shape.further:
        statement = statement.offset(bindparam("offset"))
    return Query(statement, by_value=_by_value(shape))


@lru_cache(maxsize=256)
def _count_query(shape: Shape) -> Query:
    return Query(select(_count(shape).label("total")), by_value=_by_value(shape))


def _by_value(shape: Shape) -> bool:
    """Whether it is for the planner, who has to see the values, to find a way."""
    counts = shape.total != "none" and not shape.conditions.none
    return shape.conditions.valued or (counts and not search_on(shape.dialect).sorts(shape.path))


@lru_cache(maxsize=256)
def _probe_query(
    dialect: Dialect, conditions: Conditions
) -> tuple[Query, Callable[[Sequence[Any], int], Choice]] | None:
    probe = search_on(dialect).probe(conditions)
    return None if probe is None else (Query(probe.statement), probe.choose)


def _count(shape: Shape) -> ColumnElement[int]:
    """The number of books, as a subquery of the statement that reads the page."""
    if shape.conditions.none:
        return TOTAL
    search = search_on(shape.dialect)
    count = search.count if shape.total == "exact" else search.estimate
    return count(shape.conditions, shape.path)


def _past(order: Sequence[tuple[Any, bool]]) -> ColumnElement[bool]:
    """Books past the cursor's keys in the given order."""
    keys = [
        (column, descending, bindparam(f"key{index}", type_=column.type))
        for index, (column, descending) in enumerate(order)
    ]
    if len({descending for _, descending in order}) == 1:
        # One direction: a row comparison, which an index answers by itself.
        left, right = tuple_(*(key[0] for key in keys)), tuple_(*(key[2] for key in keys))
        return left < right if order[0][1] else left > right
    alternatives = []
    for index, (column, descending, value) in enumerate(keys):
        equal = [former == fixed for former, _, fixed in keys[:index]]
        alternatives.append(and_(*equal, column < value if descending else column > value))
    column, descending, value = keys[0]
    # Implied by the rest; said aloud so that the index is entered at the right place.
    bound = column <= value if descending else column >= value
    return and_(bound, or_(*alternatives))


def walk(reader: Reader, filters: Filters, *, size: int) -> Iterator[Sequence[Row]]:
    """All books that the filters choose, oldest first, as rows that begin with `COLUMNS`.

    They come in pages of ``size``, each entered by the keys of the one before, so that the last
    page costs what the first did. Each page shows what is committed when it is read; as a book's
    place never changes, none comes twice and none that stays is left out.
    """
    dialect, conditions, path, values = _read(reader, filters, size)
    shape = Shape(dialect, conditions, _OLDEST_FIRST, False, False, "none", path)
    values |= {"limit": size, "offset": 0}
    while True:
        rows = reader.rows(_page_query(shape), values)
        if rows:
            yield rows
        if len(rows) < size:
            return
        shape = shape._replace(after_cursor=True)
        values |= {"key0": rows[-1][len(COLUMNS)], "key1": rows[-1][0]}


_OLDEST_FIRST: Sort = (("created_at", False),)
