"""The SQL of lists: one statement for each shape."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import and_, bindparam, case, func, literal_column, or_, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.catalogue.availability import COMPUTED
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.models import BOOKS, Total
from pyramid_bookstore.catalogue.query import SORT_FIELDS
from pyramid_bookstore.catalogue.statements import COLUMNS
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.search import SEARCHES
from pyramid_bookstore.search.base import Search, number_of
from pyramid_bookstore.search.conditions import Conditions

#: The number of all books, from the few rows that the triggers keep.
TOTAL = select(func.coalesce(func.sum(Total.books), 0)).scalar_subquery()

#: The fields that may be sorted by, and the column with their sort order.
SORT_COLUMNS: dict[str, Any] = {name: BOOKS.c[FIELDS[name].key] for name in SORT_FIELDS}

Sort = tuple[tuple[str, bool], ...]

#: Common page sizes. They are literals in the statement, because PostgreSQL keeps a generic plan
#: only if it knows the number of rows; other sizes are a parameter.
USUAL_LIMITS = frozenset({10, 20, 25, 50, 100})

#: Books with one key that are always sorted by the others.
SMALL_GROUP: Final = 10_000

#: How a total is found; ``look`` is exact up to `FEW`, of which one more stands for all others.
Counted = Literal["exact", "estimated", "none", "look"]


def key_of(field: str) -> str:
    """What a field is sorted by: the name of its column, or that of a declared field."""
    return FIELDS[field].key if field in FIELDS else field


def sort_column(dialect: Dialect, field: str) -> Any:
    """The column or the expression that a field is sorted by."""
    return search_on(dialect).column(key_of(field))


@cache
def search_on(dialect: Dialect) -> Search:
    """The text search of this database."""
    indexed = {column.name for column in SORT_COLUMNS.values()}
    return SEARCHES[dialect.name](BOOKS, TOTAL, indexed, COMPUTED)


class Shape(NamedTuple):
    """Everything that a list's SQL depends on.

    ``backwards`` is the page before a cursor, ``limit`` one of the `USUAL_LIMITS` or 0, ``path``
    the one that `Search` chose, ``has_offset`` a page after the first, ``bounded`` a walk that
    looks at ``walked`` books. The first ``fixed`` keys of ``sort`` are the same in all books;
    ``guarded``: no rows where many books share the first key; ``costly``: waits for others;
    ``bare``: rows of the sort keys alone; ``aged`` the filter by whose index they are read.
    """

    dialect: Dialect
    conditions: Conditions
    sort: Sort
    after_cursor: bool
    backwards: bool
    total: Counted
    path: str
    limit: int = 0
    has_offset: bool = True
    bounded: bool = False
    fixed: int = 0
    guarded: bool = False
    costly: bool = False
    bare: bool = False
    aged: str = ""


@lru_cache(maxsize=1024)
def page_query(shape: Shape) -> Query:
    search = search_on(shape.dialect)
    sorts = search.sorts(shape.path) and not shape.aged
    order = _order(shape)
    columns: list[Any] = [] if shape.bare else [*COLUMNS]
    columns += [sort_column(shape.dialect, field).label(f"sort_{field}") for field, _ in shape.sort]
    if shape.total != "none":
        # To sort, the database collects all matches and can count them; not those before a cursor.
        collected = sorts and not shape.after_cursor
        columns.append((func.count().over() if collected else count_of(shape)).label("total"))
    first = key_of(shape.sort[shape.fixed][0])
    books, age, clauses = search.source(shape.conditions, shape.path, first, shape.aged)
    if age is not None:
        order[0] = (age, order[0][1])
    statement = select(*columns).select_from(books).where(*clauses)
    begin = _guarded_begin(shape, order) if shape.guarded else None
    if begin is not None:
        # PostgreSQL asks this before it reads a book; SQLite enters the index by the other one.
        statement = statement.where(begin.is_not(None))
    if shape.after_cursor:
        statement = statement.where(_past(order, shape.fixed, begin))
    elif begin is not None:
        statement = statement.where(_not_before(*order[0], begin))
    if shape.bounded:
        statement = statement.where(_not_past_the_walk(shape, order))
    if sorts:
        # An expression that no index has, so that the planner does not read one in order.
        order[0] = (func.coalesce(order[0][0], order[0][0]), order[0][1])
    statement = statement.order_by(*map(_directed, order)).limit(
        literal_column(str(shape.limit + 1))
        if shape.limit
        else bindparam("limit", type_=BOOKS.c.stock.type)
    )
    if shape.has_offset:
        statement = statement.offset(bindparam("offset"))
    return Query(statement, custom_plan=_by_value(shape), costly=shape.costly)


def _order(shape: Shape) -> list[tuple[Any, bool]]:
    """The sort keys as columns, each with whether it is descending."""
    left = shape.sort[shape.fixed :]
    order = [(sort_column(shape.dialect, field), descending) for field, descending in left]
    # The id has the direction of the key before it, so that one index has both.
    order.append((BOOKS.c.id, order[-1][1]))
    return [(column, descending != shape.backwards) for column, descending in order]


def _directed(key: tuple[Any, bool]) -> Any:
    column, descending = key
    return column.desc() if descending else column.asc()


@lru_cache(maxsize=256)
def count_query(shape: Shape) -> Query:
    """The total of a list by itself."""
    counted = select(count_of(shape).label("total"))
    return Query(counted, custom_plan=_by_value(shape), costly=shape.costly)


def _by_value(shape: Shape) -> bool:
    """Whether the planner needs the values to choose a plan."""
    counts = shape.total != "none" and not shape.conditions.none
    by_count = counts and not search_on(shape.dialect).sorts(shape.path)
    return shape.conditions.valued or shape.bounded or by_count


def count_of(shape: Shape) -> ColumnElement[int]:
    """The number of matches, as a subquery of the statement that reads the page."""
    if shape.conditions.none:
        return TOTAL
    search = search_on(shape.dialect)
    counts = {"estimated": search.estimate, "look": search.look}
    return counts.get(shape.total, search.count)(shape.conditions, shape.path)


def _guarded_begin(shape: Shape, order: Sequence[tuple[Any, bool]]) -> Any:
    """The first key of the list, or of the cursor; NULL where many books share the first key of the
    page's first book, or that of its last."""
    first, descending = order[0]
    keys = select(first).select_from(BOOKS).order_by(_directed(order[0]))
    if shape.after_cursor:
        begin: Any = bindparam("key0", type_=first.type)
        start = begin
        keys = keys.where(first < begin if descending else first > begin)
    else:
        begin = keys.limit(1).scalar_subquery()
        start = keys.limit(1).offset(bindparam("offset")).scalar_subquery()
    end = keys.limit(1).offset(bindparam("page_end")).scalar_subquery()
    groups: list[Any] = [
        select(literal_column("1")).select_from(BOOKS).where(first == key) for key in (start, end)
    ]
    small = (
        number_of(group.limit(literal_column(str(SMALL_GROUP)))) < SMALL_GROUP for group in groups
    )
    guard = select(case((and_(*small), begin)).label("key")).cte("guard")
    return select(guard.c.key).scalar_subquery()


def _not_past_the_walk(shape: Shape, order: Sequence[tuple[Any, bool]]) -> ColumnElement[bool]:
    """The books up to the one where a bounded walk ends, the last of all at the latest.

    An index knows that place: to count 30,000 books off takes 0.3 ms. The keys have one direction.
    """
    # Labelled, because the key of a declared field is an expression.
    labelled = (column.label(f"key{at}") for at, (column, _) in enumerate(order))
    keys = select(*labelled).select_from(BOOKS)
    if shape.after_cursor:
        keys = keys.where(_past(order, shape.fixed))
    there = keys.order_by(*map(_directed, order)).limit(1).offset(bindparam("walked"))
    turned = [(column, not descending) for column, descending in order]
    last = keys.order_by(*map(_directed, turned)).limit(1)
    ends = [select(*part.subquery().c) for part in (there, last)]
    place = ends[0].union_all(ends[1]).limit(1).cte("end_of_walk")
    # Each key by itself, and as an expression: SQLite then enters an index by all keys, and else by
    # the first alone.
    keys_there = (select(func.coalesce(key, key)).scalar_subquery() for key in place.c)
    end = [*keys_there]
    walked = tuple_(*(column for column, _ in order))
    column, descending = order[0]
    clause = walked >= tuple_(*end) if descending else walked <= tuple_(*end)
    return _entered(clause, column, not descending, end[0])


def _past(order: Sequence[tuple[Any, bool]], first: int, begin: Any = None) -> ColumnElement[bool]:
    """The books after the cursor's keys in this order, which begin with the key of number
    ``first``; ``begin`` is this key, or NULL for no books."""
    keys = [
        (column, descending, bindparam(f"key{index}", type_=column.type))
        for index, (column, descending) in enumerate(order, first)
    ]
    if len({descending for _, descending in order}) == 1:
        # One direction: a row comparison can use an index.
        values = (keys[0][2] if begin is None else begin, *(key[2] for key in keys[1:]))
        left, right = tuple_(*(key[0] for key in keys)), tuple_(*values)
        column, descending = order[0]
        clause = left < right if descending else left > right
        return _entered(clause, column, descending, values[0])
    alternatives = []
    for index, (column, descending, value) in enumerate(keys):
        equal = [earlier == key for earlier, _, key in keys[:index]]
        alternatives.append(and_(*equal, column < value if descending else column > value))
    column, descending, value = keys[0]
    # Redundant, but with it the database enters the index at the right place.
    return and_(
        _not_before(column, descending, value if begin is None else begin), or_(*alternatives)
    )


def _entered(
    clause: ColumnElement[bool], column: Any, descending: bool, value: Any
) -> ColumnElement[bool]:
    """A comparison of rows whose first is ``column`` with ``value``, so that it enters an index:
    of an expression, as for a declared field, or of another table than the id, SQLite needs a
    comparison of the first alone."""
    if column.table is BOOKS:
        return clause
    return and_(_not_before(column, descending, value), clause)


def _not_before(column: Any, descending: bool, value: Any) -> ColumnElement[bool]:
    clause: ColumnElement[bool] = column <= value if descending else column >= value
    return clause
