"""The statements that read a page's rows otherwise than by one walk, and look before it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam, func, literal, select

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.shapes import (
    TOTAL,
    Shape,
    key_of,
    page_query,
    search_on,
    sort_column,
)
from pyramid_bookstore.catalogue.statements import COLUMNS
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.search.base import number_of

#: Books of a group that are looked at, to know how many of them match.
LOOKED_AT: Final = 1_000


@lru_cache(maxsize=256)
def sorted_query(shape: Shape) -> Query:
    """As `page_query`, for many books: their keys are sorted, and the page fetched by them."""
    query = page_query(shape)
    page = query.statement.with_only_columns(BOOKS.c.id, *_keys(shape)).subquery("page")
    return Query(_fetched(shape, page), custom_plan=query.custom_plan, costly=query.costly)


@lru_cache(maxsize=256)
def collected_query(shape: Shape) -> Query:
    """The same where all matches are collected: once, an exact total included."""
    query = page_query(shape._replace(total="none", has_offset=False))
    first, *others = _keys(shape)
    # An expression, so that no planner reads the books in the order of its index.
    hidden = func.coalesce(first.element, first.element).label(first.name)
    found = query.statement.with_only_columns(BOOKS.c.id, hidden, *others)
    matches = found.order_by(None).limit(None).cte("matches")
    page = select(matches).order_by(*_ordered(shape, matches)).limit(bindparam("limit"))
    counted = select(func.count()).select_from(matches).scalar_subquery().label("total")
    total = [counted] if shape.total == "exact" and not shape.after_cursor else []
    statement = _fetched(shape, page.offset(bindparam("offset")).subquery("page"), *total)
    return Query(statement, custom_plan=query.custom_plan, costly=query.costly)


def _keys(shape: Shape) -> Sequence[Any]:
    return [sort_column(shape.dialect, field).label(f"sort_{field}") for field, _ in shape.sort]


def _ordered(shape: Shape, found: Any) -> Sequence[Any]:
    """The order of the list by the columns of `_keys` and an id."""
    order = [(found.c[f"sort_{field}"], descending) for field, descending in shape.sort]
    order.append((found.c.id, shape.sort[-1][1]))
    return [key.desc() if descending != shape.backwards else key for key, descending in order]


def _fetched(shape: Shape, page: Any, *total: Any) -> Any:
    """The books of a page that has their `_keys` and ids."""
    keys = [page.c[f"sort_{field}"] for field, _ in shape.sort]
    books = select(*COLUMNS, *keys, *total).join(page, page.c.id == BOOKS.c.id)
    return books.order_by(*_ordered(shape, page))


@lru_cache(maxsize=256)
def count_of_books(shape: Shape) -> Query:
    """How many books the shape has on all pages, along the index of its first key."""
    order = key_of(shape.sort[shape.fixed][0])
    clauses = search_on(shape.dialect).where(shape.conditions, shape.path, order)
    counted = select(func.count().label("books")).select_from(BOOKS).where(*clauses)
    return Query(counted, custom_plan=True)


@lru_cache(maxsize=256)
def look_query(shape: Shape) -> Query:
    """All books; those of a group, up to ``most``; how many of its first ones match."""
    field = shape.sort[shape.fixed][0]
    column = sort_column(shape.dialect, field)
    same = column == bindparam(f"group{shape.fixed}", type_=column.type)
    group = select(BOOKS.c.id).where(same)
    some = BOOKS.c.id.in_(group.limit(LOOKED_AT))
    clauses = search_on(shape.dialect).where(shape.conditions, shape.path, key_of(field))
    hits = select(func.count()).select_from(BOOKS).where(some, *clauses).scalar_subquery()
    size = number_of(group.limit(bindparam("most", type_=BOOKS.c.stock.type)))
    none = shape.conditions.none
    columns = TOTAL.label("books"), size.label("size"), (literal(0) if none else hits).label("hits")
    # Without the values PostgreSQL takes the group for the many and the matches for the few, and
    # reads the first ones again for each match: over 15 s.
    return Query(select(*columns), custom_plan=True)
