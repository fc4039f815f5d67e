"""The list by relevance: the best matches of a search first.

Few matches are all put in order. Of very many, first come those whose titles begin with the words
and those among the newest books, and behind them the others: to look at all of them for the first
page would cost more the larger the catalogue is.
"""

from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, case, func, select

from pyramid_bookstore.catalogue.listing import Page, list_books, read_filters, total_of
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.query import NEWEST_FIRST, RELEVANCE, ListQuery
from pyramid_bookstore.catalogue.shapes import Shape, count_of, page_query, search_on
from pyramid_bookstore.catalogue.statements import COLUMNS, book_from_row
from pyramid_bookstore.db.query import Query, Reader
from pyramid_bookstore.search import ranking
from pyramid_bookstore.search.pieces import Wanted, wanted
from pyramid_bookstore.search.ranking import RANKED

#: In a catalogue of up to so many books, all matches are put in order, however many.
SMALL: Final = 20_000

#: So many matches are all put in order.
FEW: Final = 2_000

#: Of very many matches: so many titles that begin with the words, and newest books to look for
#: others in.
BEGINNING: Final = 500
NEWEST: Final = 8_000


class _Ranked(NamedTuple):
    """What a statement depends on: the shape of a list of the newest matches; the groups to rank
    by; whether some matches come ``first``, and the ``others`` behind them."""

    newest: Shape
    groups: int
    first: bool
    others: bool


def list_page(reader: Reader, query: ListQuery) -> Page:
    """One page of the list, whatever it is sorted by."""
    return (list_by_relevance if query.sort == RELEVANCE else list_books)(reader, query)


def list_by_relevance(reader: Reader, query: ListQuery) -> Page:
    """One page by relevance, of the best `RANKED` matches."""
    search = query.filters["search"]
    search = search if isinstance(search, Wanted) else wanted(search)
    page, count = query.page, query.count or "exact"
    reach = min(RANKED, query.reach)
    limit = min(query.limit, RANKED - (page - 1) * query.limit)
    # Whatever the page: all are of the same order.
    conditions, choice, values = read_filters(
        reader, query.filters, NEWEST_FIRST, RANKED, query.declared
    )
    values |= ranking.values(search) | {"walked": min(NEWEST, choice.books)}
    values |= {"limit": limit + 1, "offset": (page - 1) * query.limit}
    newest = Shape(
        reader.dialect,
        conditions,
        NEWEST_FIRST,
        after_cursor=False,
        backwards=False,
        total=count,
        path=choice.path,
        limit=RANKED - 1,
        has_offset=False,
        bounded=True,
    )
    database = search_on(reader.dialect)
    few = database.sorts(choice.path) and (choice.matches or 0) <= FEW
    if not few:
        few = choice.books <= SMALL
        newest = newest._replace(path=database.ALL if few else database.WALK)
    shape = _Ranked(newest, len(search.groups), first=not few, others=few)
    rows = reader.rows(_query(shape), values)
    if not few and len(rows) <= limit:
        if rows and count != "none":
            values["total"] = rows[0][-1]
            newest = newest._replace(total="none")
            shape = shape._replace(newest=newest)
        rows = reader.rows(_query(shape._replace(others=True)), values)
    more, rows = len(rows) > limit, rows[:limit]
    listed = newest._replace(has_offset=page > 1)
    total = total_of(reader, listed, values, rows[0] if rows else None, len(rows) + more)
    return Page(
        books=[book_from_row(row) for row in rows],
        limit=query.limit,
        page=page,
        total=total,
        has_next=more and page * query.limit < reach,
        next_cursor=None,
        previous_cursor=None,
        reach=reach,
    )


@lru_cache(maxsize=256)
def _query(shape: _Ranked) -> Query:
    """The keys alone are sorted, and the books fetched by them."""
    newest = shape.newest
    search = search_on(newest.dialect)
    text = newest.conditions.text
    text = text._replace(groups=text.groups[: shape.groups])
    ranks = ranking.ranks(search, text)
    keys: list[Any] = [key.label(f"rank{number}") for number, key in enumerate(ranks)]
    keys += [BOOKS.c.created_at, BOOKS.c.id]
    total: list[Any] = []
    if newest.total != "none":
        counted = func.count().over() if search.sorts(newest.path) else count_of(newest)
        total = [counted.label("total")]
    every = search.ALL if shape.first else newest.path
    found = select(*keys, *total).where(*search.where(newest.conditions, every))
    if shape.first:
        walked = page_query(newest._replace(total="none")).statement.with_only_columns(*keys)
        beginning = (
            select(*keys)
            .where(ranking.begins(search), *search.where(newest.conditions, search.WALK))
            .order_by(BOOKS.c.title_words, BOOKS.c.id)
            .limit(BEGINNING)
        )
        first = select(walked.subquery()).union(select(beginning.subquery())).cte("first")
        if shape.others:
            is_first = BOOKS.c.id.in_(select(first.c.id))
            found = found.add_columns(case((is_first, 0), else_=1).label("first"))
        else:
            found = select(first, *total)
    ranked = found.subquery("ranked")
    page = select(ranked).order_by(*_order(ranked))
    best = page.limit(bindparam("limit")).offset(bindparam("offset")).subquery("best")
    statement = (
        select(*COLUMNS, *(best.c[each.name] for each in total))
        .join(best, best.c.id == BOOKS.c.id)
        .order_by(*_order(best))
    )
    # Of a large catalogue and very many matches.
    costly = shape.first and (shape.others or newest.total == "exact")
    return Query(statement, custom_plan=shape.first, costly=costly)


def _order(ranked: Any) -> list[Any]:
    """By the keys of these names, in the order of their names, then the newest first."""
    named = {column.name: column for column in ranked.c}
    keys = [named[name] for name in sorted(named) if name.startswith(("first", "rank"))]
    return [*keys, ranked.c.created_at.desc(), ranked.c.id.desc()]
