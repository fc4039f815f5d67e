"""The list: filters, sort, pages, cursors and totals.

A list is a *shape* (which filters, which sort, which direction) with *values*. One shape is one SQL
statement (`shapes`), built and compiled once; a request only binds its values. `rows` has what is
done where one statement would take long.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from pyramid_bookstore.catalogue.availability import HOLDS_AT
from pyramid_bookstore.catalogue.changed import changed_books, walk_books
from pyramid_bookstore.catalogue.cursor import Cursor, decode, encode, fingerprint
from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.declared_index import require_ready, uses
from pyramid_bookstore.catalogue.field import AVAILABLE, Field, Filter
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.query import Count, Filters, ListQuery, filters
from pyramid_bookstore.catalogue.rows import COSTLY, DEEP, is_large, rows_of
from pyramid_bookstore.catalogue.shapes import (
    USUAL_LIMITS,
    Counted,
    Shape,
    Sort,
    count_query,
    key_of,
    page_query,
    search_on,
)
from pyramid_bookstore.catalogue.statements import COLUMNS, book_from_row
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.search.base import FEW, Choice
from pyramid_bookstore.search.conditions import Comparison, Conditions, TextShape, attribute_name
from pyramid_bookstore.search.pieces import Group, Wanted, wanted, wanted_of_author
from pyramid_bookstore.values.moments import now


@lru_cache(maxsize=16)  # an application has one declaration
def filters_of(declared: Declared) -> Sequence[tuple[Field, Filter]]:
    """Every filter, with its field."""
    return tuple(filters(declared))


#: To collect more matches than these may take long.
COLLECTED: Final = 5_000

_OLDEST_FIRST: Sort = (("created_at", False),)


class FacetValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value of a field, and how many of the books have it."""

    value: Any
    books: int
    #: Whether ``books`` is counted in a sample.
    estimated: bool = False


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list.

    ``total`` and ``total_pages`` are ``None`` without a count, ``page`` is ``None`` with a cursor.
    The cursors are opaque texts, ``None`` where the list ends.
    """

    books: Sequence[BookData]
    limit: int
    page: int | None
    total: int | None
    next_cursor: str | None
    previous_cursor: str | None
    #: The most frequent values of each field that was asked for.
    facets: Mapping[str, Sequence[FacetValue]] | None = None
    #: The nearest spelling of a search that finds nothing.
    suggestion: str | None = None
    #: Whether the list goes on behind this page.
    has_next: bool = False
    #: Books up to which pages reach, of which there may be more.
    reach: int

    @property
    def total_pages(self) -> int | None:
        """The number of pages of this size that may be asked for."""
        return None if self.total is None else -(-min(self.total, self.reach) // self.limit)


def list_books(reader: Reader, query: ListQuery) -> Page:
    """One page; a cursor takes the place of ``page``, and brings no total unless asked.

    Costs one statement, and another one for the total of an empty page, or an exact total of more
    than `FEW` matches. A text search, and on SQLite any filter, costs one more, to find out how
    rare the matches are, and up to three more where all of them are at the far end of the order;
    several sort keys cost some where there is a filter, or many books share the first key. Raises
    `ValidationFailed` for a cursor of another list, and `Unavailable` where too many costly lists
    are read.
    """
    filters, sort, limit = query.filters, query.sort, query.limit
    page = 1 if query.cursor else query.page
    count = query.count or ("none" if query.cursor else "exact")
    conditions, choice, values = read_filters(
        reader, filters, sort, limit * page + 1, query.declared
    )
    digest = fingerprint(sorted(filters.items()), sort)
    cursor = decode(query.cursor, digest, [name for name, _ in sort]) if query.cursor else None
    backwards = bool(cursor and cursor.backwards)
    sorts = search_on(reader.dialect).sorts(choice.path)
    shape = Shape(
        reader.dialect,
        conditions,
        sort,
        after_cursor=cursor is not None,
        backwards=backwards,
        total=counted(count, conditions, choice, sorts=sorts),
        path=choice.path,
        limit=limit if limit in USUAL_LIMITS else 0,
        has_offset=page > 1,
        bounded=choice.walked > 0 and len({descending for _, descending in sort}) == 1,
        guarded=conditions.none and len(sort) > 1 and (page - 1) * limit <= DEEP,
        aged=choice.aged,
    )
    shape = shape._replace(costly=_is_costly(shape, choice, page * limit))
    values["limit"] = limit + 1  # one more, to know whether the list goes on
    values["offset"] = (page - 1) * limit
    values["page_end"] = values["offset"] + limit
    if cursor:
        values |= {f"key{index}": key for index, key in enumerate(cursor.keys)}
    rows, shape = rows_of(reader, shape, values)
    more = len(rows) > limit
    rows = rows[:limit]
    # Rows of several statements have no total.
    carried = rows and len(rows[0]) > len(COLUMNS) + len(sort)
    total = total_of(reader, shape, values, rows[0] if carried else None, len(rows) + more)
    if backwards:
        rows = rows[::-1]
    has_next = bool(rows) and (more or backwards)
    has_previous = bool(rows) and ((more if backwards else cursor is not None) or page > 1)
    return Page(
        books=[book_from_row(row) for row in rows],
        limit=limit,
        page=None if cursor else page,
        total=total,
        has_next=has_next,
        next_cursor=_cursor(rows[-1], sort, digest, backwards=False) if has_next else None,
        previous_cursor=_cursor(rows[0], sort, digest, backwards=True) if has_previous else None,
        reach=query.reach,
    )


def read_filters(
    reader: Reader,
    filters: Filters,
    sort: Sort,
    needed: int,
    declared: Declared = NOTHING_DECLARED,
) -> tuple[Conditions, Choice, dict[str, Any]]:
    """The shape of the filters, the path to the ``needed`` books, and the values of parameters.

    Raises `Unavailable` where a declared field is used that has no index yet.
    """
    dialect = reader.dialect
    if declared and uses(declared, filters, sort):
        require_ready(reader, declared)
    text, values = search_on(dialect).read(_groups(filters)) if filters else (TextShape(), {})
    comparisons: list[Comparison] = []
    attributes: list[Sequence[str]] = []
    for field, each in filters_of(declared):
        for comparison in each.comparisons(field, filters):
            comparisons.append(comparison)
            if comparison.parameter:
                value = filters[comparison.parameter]
                bound = each.bound(field, value, comparison.operator)
                values[comparison.parameter] = bound
        tokens = each.tokens(field, filters)
        if tokens:
            values[attribute_name(len(attributes))] = search_on(dialect).tokens(tokens)
            attributes.append(tokens)
    if AVAILABLE in filters:
        values[HOLDS_AT] = now()
    several = tuple(len(tokens) > 1 for tokens in attributes)
    conditions = Conditions(text, tuple(comparisons), several)
    probe = _probe_query(dialect, conditions)
    if probe is None:
        return conditions, Choice("", {}), values | {"walked": 0, "books": 0}
    statement, choose = probe
    choice = choose(reader.rows(statement, values)[0], needed, key_of(sort[0][0]))
    found = {"walked": choice.walked, "books": choice.books}
    return conditions, choice, values | choice.values | found


def _groups(filters: Filters) -> tuple[Group, ...]:
    """What the text of a book must have."""
    groups: tuple[Group, ...] = ()
    search, author = filters.get("search"), filters.get("author")
    if search:
        groups += search.groups if isinstance(search, Wanted) else wanted(search).groups
    if author:
        groups += wanted_of_author(author).groups
    return groups


def counted(count: Count, conditions: Conditions, choice: Choice, *, sorts: bool) -> Counted:
    """How the total is found; ``sorts`` where all matches are collected anyway."""
    if count != "exact" or conditions.none or sorts:
        return count
    return "look" if choice.matches is None else "exact"


def _is_costly(shape: Shape, choice: Choice, books: int) -> bool:
    """Whether up to so many books and their total may take more than some 50 ms."""
    if 0 < choice.books <= COSTLY:
        return False
    matches = choice.matches or 0
    if search_on(shape.dialect).sorts(choice.path):
        return matches > COLLECTED
    counts = shape.total == "exact" and matches > FEW
    return counts or choice.walked > COSTLY or (books > DEEP and not shape.conditions.none)


def total_of(
    reader: Reader, shape: Shape, values: dict[str, Any], row: Row | None, matches: int
) -> int | None:
    """The total of a list of which a page has at least ``matches`` books: that of the values, or
    the ``row`` of one of them ends with it, if it was counted with them."""
    known = values.get("total")
    if shape.total == "none" and known is None:
        return None
    if not matches and not (shape.has_offset or shape.after_cursor):
        return 0
    if known is None:
        known = (row or reader.rows(count_query(shape), values)[0])[-1]
    total = int(known)
    if shape.total == "look" and total > FEW:
        exact = shape._replace(total="exact", costly=is_large(reader, values))
        total = int(reader.rows(count_query(exact), values)[0][0])
    # An estimate may be less than the books up to the end of this page.
    least = values["offset"] + matches if matches and not shape.after_cursor else 0
    return max(total, least)


def _cursor(row: Row, sort: Sort, digest: str, *, backwards: bool) -> str:
    keys = row[len(COLUMNS) : len(COLUMNS) + len(sort)]
    return encode(Cursor(backwards, (*keys, row[0])), digest)


@lru_cache(maxsize=256)
def _probe_query(
    dialect: Dialect, conditions: Conditions
) -> tuple[Query, Callable[[Sequence[Any], int, str], Choice]] | None:
    probe = search_on(dialect).probe(conditions)
    return None if probe is None else (Query(probe.statement), probe.choose)


def walk(
    reader: Reader, filters: Filters, declared: Declared = NOTHING_DECLARED, *, size: int
) -> Iterator[Sequence[Row]]:
    """All books that the filters choose, oldest first, in pages of ``size`` rows.

    A row begins with `COLUMNS`. Each page is found by the keys of the last row before it, so all
    pages cost the same, and shows what is committed when it is read. No book comes twice, and none
    that stays is left out, because ``created_at`` never changes.
    """
    conditions, choice, values = read_filters(reader, filters, _OLDEST_FIRST, size, declared)
    ids = changed_books(reader, conditions, values) if conditions.by_time else None
    if ids is not None:
        yield from walk_books(reader, conditions, values, ids, size=size)
        return
    shape = Shape(reader.dialect, conditions, _OLDEST_FIRST, False, False, "none", choice.path)
    shape = shape._replace(aged=choice.aged)
    values |= {"limit": size, "offset": 0}
    while True:
        rows = reader.rows(page_query(shape), values)
        if rows:
            yield rows
        if len(rows) < size:
            return
        shape = shape._replace(after_cursor=True)
        values |= {"key0": rows[-1][len(COLUMNS)], "key1": rows[-1][0]}
