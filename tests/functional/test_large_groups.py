"""Lists whose matches are far down, and those where many books share the first sort key."""

from __future__ import annotations

import random
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import permutations
from uuid import UUID

import pytest

from pyramid_bookstore.catalogue import rows, shapes
from pyramid_bookstore.catalogue.listing import list_books
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.catalogue.shapes import SORT_COLUMNS, page_query, search_on
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.query import LeanReader
from tests.support import reading
from tests.support.catalogue import BEGINNING, ExplainingReader, book_row, fill
from tests.support.searching import on, paths

BOOKS = 90


class Counting:
    """Counts the statements."""

    def __init__(self, engine):
        self._reader = LeanReader(engine, dialect_named(engine.dialect.name))
        self.dialect = self._reader.dialect
        self.sent = 0

    def rows(self, query, values):
        self.sent += 1
        return self._reader.rows(query, values)


def shelf():
    """Books of which most have one price, one author, or one title, and a few have others."""
    chosen = random.Random(3)
    for number in range(1, BOOKS + 1):
        yield book_row(
            number,
            id=UUID(int=chosen.getrandbits(128)),
            title=chosen.choice(["the sea", "the sea", "the sea", "the hill", "a stone"]),
            author=chosen.choice(["x", "x", "x", "y z"]),
            price=Decimal(chosen.choice([1, 2, 2, 2, 2, 3, number])),
            stock=chosen.choice([0, 0, 0, 1, 2, number]),
            created_at=BEGINNING,
        )


@pytest.fixture(scope="module")
def catalogue(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    books = [*shelf()]
    fill(engine, books)
    yield engine, books
    engine.dispose()
    backend.drop(url)


@pytest.fixture(params=[(2, rows.DEEP, rows.MANY), (12, 3, 2)], ids=["", "far down"])
def small(request, monkeypatch):
    """Groups are large from so many books on, and pages far down the list, and matches many."""
    group, deep, many = request.param
    for module in (shapes, rows):
        monkeypatch.setattr(module, "SMALL_GROUP", group)
    monkeypatch.setattr(rows, "DEEP", deep)
    monkeypatch.setattr(rows, "MANY", many)
    page_query.cache_clear()
    yield
    page_query.cache_clear()


def python_order(books, sort):
    columns = [(SORT_COLUMNS[field].key, down) for field, down in sort]
    columns.append(("id", columns[-1][1]))
    for column, down in reversed(columns):
        books = sorted(books, key=lambda row: row[column], reverse=down)
    return [row["id"] for row in books]


def some_sorts(number):
    """Sorts of two to five keys, in every mixture of directions."""
    chosen = random.Random(number)
    for size in (2, 3, 5):
        fields = chosen.choice([*permutations(SORT_COLUMNS, size)])
        yield tuple((field, chosen.random() < 0.5) for field in fields)


def chosen_by(filters, row):
    return (
        row["price"] >= filters.get("min_price", row["price"])
        and (row["stock"] > 0) is filters.get("in_stock", row["stock"] > 0)
        and reading.matches(row, filters.get("search", ""), filters.get("author", ""))
    )


def page_after(reader, query, cursor):
    return list_books(reader, replace(query, cursor=cursor))


def walks_of(reader, filters):
    """The paths along the order of the list; only of a text do they have an end."""
    walk = search_on(reader.dialect).WALK
    for path in paths(reader, filters):
        if path[1].path in (walk, "") and not (path[1].walked and "search" not in filters):
            yield path


FILTERS = [
    {},
    {"min_price": Decimal(2)},
    {"in_stock": False},
    {"search": "the", "author": "x"},
    {"search": "sea", "min_price": Decimal(2)},
]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_every_page_is_that_of_the_whole_list_sorted(catalogue, small, filters):
    engine, books = catalogue
    reader = Counting(engine)
    matching = [row for row in books if chosen_by(filters, row)]
    walks = [*walks_of(reader, filters)]
    for number, sort in enumerate(some_sorts(len(filters))):
        expected = python_order(matching, sort)
        count = ("exact", "none")[number % 2]
        for path in walks:
            with on(path) if filters else nullcontext():
                limit = 4 + 4 * number
                for page in range(1, len(expected) // limit + 3):
                    query = ListQuery(
                        filters=filters, sort=sort, limit=limit, page=page, count=count
                    )
                    found = list_books(reader, query)
                    begin = (page - 1) * limit
                    shown = [book.id for book in found.books]
                    assert shown == expected[begin : begin + limit], (sort, page, path[1])
                    assert found.has_next is (begin + limit < len(expected))
                    if count == "exact":
                        assert found.total == len(expected)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_cursors_lead_through_the_whole_list_and_back(catalogue, small, filters):
    engine, books = catalogue
    reader = Counting(engine)
    matching = [row for row in books if chosen_by(filters, row)]
    walks = [*walks_of(reader, filters)]
    for number, sort in enumerate([*some_sorts(len(filters) + 7), (("author", False),)]):
        expected = python_order(matching, sort)

        query = ListQuery(filters=filters, sort=sort, limit=3 + 4 * number, count="exact")
        read = partial(page_after, reader, query)
        for path in walks:
            with on(path) if filters else nullcontext():
                pages = [read(None)]
                while cursor := pages[-1].next_cursor:
                    pages.append(read(cursor))
                assert [book.id for page in pages for book in page.books] == expected, path[1]
                assert {page.total for page in pages} == {len(expected)}
                back = [pages[-1]]
                while cursor := back[0].previous_cursor:
                    back.insert(0, read(cursor))
                assert [book.id for page in back for book in page.books] == expected, path[1]


@pytest.mark.parametrize("sort", ["price,-title", "-stock,price,title"])
@pytest.mark.parametrize("page", [1, 2])
def test_where_few_share_the_first_key_one_statement_is_enough(catalogue, sort, page):
    keys = tuple((key.lstrip("-"), key.startswith("-")) for key in sort.split(","))
    reader = Counting(catalogue[0])
    assert list_books(reader, ListQuery(sort=keys, page=page)).total == BOOKS
    assert reader.sent == 1


def test_a_page_far_behind_the_last_costs_the_total_alone(catalogue, monkeypatch):
    monkeypatch.setattr(rows, "DEEP", 3)
    engine, books = catalogue
    filters = {"search": "hill"}
    matching = [row for row in books if chosen_by(filters, row)]
    reader = Counting(engine)
    collecting = search_on(reader.dialect).sorts
    chosen = [path for path in paths(reader, filters) if collecting(path[1].path)]
    assert chosen
    for path in chosen:
        with on(path):
            reader.sent = 0
            found = list_books(reader, ListQuery(filters=filters, page=80, count="exact"))
            assert (found.books, found.total, found.has_next) == ([], len(matching), False)
            assert reader.sent == 1


@pytest.mark.parametrize("count", ["exact", "none"])
def test_a_page_far_down_a_filtered_list_is_read_by_no_index_of_the_order(
    catalogue, monkeypatch, count
):
    monkeypatch.setattr(rows, "DEEP", 3)
    engine, books = catalogue
    reader = ExplainingReader(engine)
    filters, sort = {"in_stock": True}, (("author", True), ("updated_at", True))
    query = ListQuery(filters=filters, sort=sort, limit=5, page=3, count=count)
    found = list_books(reader, query)
    matching = [row for row in books if chosen_by(filters, row)]
    assert [book.id for book in found.books] == python_order(matching, sort)[10:15]
    assert "bookstore_books_author_idx" not in "\n".join(reader.plans)
