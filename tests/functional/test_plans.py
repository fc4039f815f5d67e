"""Each list must use its index: a missing or unused index fails here.

The plans are those of a catalogue that is large enough for a scan not to be the cheapest.
"""

from __future__ import annotations

import random
import re
from decimal import Decimal

import pytest
from sqlalchemy import text

from pyramid_bookstore.catalogue import relevance
from pyramid_bookstore.catalogue.listing import list_books
from pyramid_bookstore.catalogue.query import NEWEST_FIRST, ListQuery, of_available
from pyramid_bookstore.catalogue.relevance import list_by_relevance
from pyramid_bookstore.catalogue.shapes import SORT_COLUMNS
from pyramid_bookstore.catalogue.statements import BY_ID, BY_ISBN
from pyramid_bookstore.db.engines import make_engine
from tests.support.api import isbn
from tests.support.catalogue import ExplainingReader, book_row, fill

BOOKS = 20_000
SYLLABLES = ("ba", "ko", "mi", "tu", "re", "lo", "sa", "ni", "ve", "du", "po", "ga")


def word(chosen):
    return "".join(chosen.choices(SYLLABLES, k=4))


@pytest.fixture(scope="module")
def large(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    chosen = random.Random(6)
    fill(
        engine,
        (
            book_row(
                number,
                title=f"the {word(chosen)} of {word(chosen)}" + " xylo" * (number % 5000 == 1),
                author=f"{word(chosen)} {word(chosen)}",
                price=Decimal(chosen.randint(100, 9999)) / 100,
                stock=chosen.randint(0, 9),
            )
            for number in range(1, BOOKS)
        ),
    )
    yield engine
    engine.dispose()
    backend.drop(url)


def plans(engine, filters=None, *, sort=NEWEST_FIRST, count="none", page=1, cursor=None):
    reader = ExplainingReader(engine)
    query = ListQuery(filters=filters or {}, sort=sort, page=page, cursor=cursor, count=count)
    return list_books(reader, query), reader.plans


def assert_index(engine, plan, index):
    """``plan`` uses ``index`` and has no scan of the whole table."""
    assert index in plan, plan
    assert not scans(plan), plan


def scans(plan):
    sequential = re.search(r"Seq Scan on bookstore_books\b", plan)
    return sequential or re.search(r"^SCAN bookstore_books$", plan, re.MULTILINE)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_total_of_what_is_available_computes_that_of_few_books(large, wanted):
    """What an index counts is counted by it, and only the books that are held are looked at."""
    filters = of_available({"in_stock": wanted})
    page, found = plans(large, filters, count="exact")
    counted = found[-1]
    assert page.total == plans(large, {"in_stock": wanted}, count="exact")[0].total
    if large.dialect.name == "sqlite":
        assert_index(large, counted, "bookstore_books_stock_idx")
    else:
        # From the lines to their books.
        assert re.search(r"Index Cond: \(id = ANY", counted), counted
        assert not re.search(r"Seq Scan on bookstore_books\b[^\n]*\n[^\n]*CASE", counted), counted


def both(sort):
    return [tuple((field, turned != down) for field, down in sort) for turned in (False, True)]


ONE_KEY = [order for field in SORT_COLUMNS for order in both(((field, False),))]
MORE_KEYS = [
    *both((("price", False), ("title", True))),
    *both((("stock", True), ("author", False), ("created_at", False))),
    *both((("author", False), ("title", False))),
]


@pytest.mark.parametrize("query", [BY_ID, BY_ISBN], ids=["id", "isbn"])
def test_one_book_is_read_by_the_index_of_its_id_or_isbn(large, query):
    reader = ExplainingReader(large)
    row = book_row(77)
    assert reader.rows(query, {"id": row["id"], "isbn": row["isbn"]})
    if large.dialect.name == "postgresql":
        name = "bookstore_books_pkey" if query is BY_ID else "bookstore_books_isbn_key"
        assert_index(large, reader.plans[0], f"Index Scan using {name}")
    else:
        name = "id" if query is BY_ID else "isbn"
        assert_index(large, reader.plans[0], "USING INDEX sqlite_autoindex_bookstore_books_")
        assert f"({name}=?)" in reader.plans[0]


@pytest.mark.parametrize("sort", ONE_KEY + MORE_KEYS, ids=str)
@pytest.mark.parametrize("count", ["exact", "none"])
def test_a_list_in_each_order_is_read_by_the_index_of_that_order(large, sort, count):
    _, (plan,) = plans(large, sort=sort, count=count)
    assert_index(large, plan, f"bookstore_books_{sort[0][0]}_idx")
    if len(sort) == 1:
        assert not re.search("Sort|TEMP B-TREE", plan), plan


@pytest.mark.parametrize("sort", ONE_KEY + MORE_KEYS, ids=str)
def test_a_list_by_cursor_starts_in_the_index_at_the_cursor(large, sort):
    half, _ = plans(large, sort=sort, page=300)
    for cursor in (half.next_cursor, half.previous_cursor):
        _, (plan,) = plans(large, sort=sort, cursor=cursor)
        assert_index(large, plan, f"bookstore_books_{sort[0][0]}_idx")
        entered = (
            r"Index Cond: \(.*[<>]" if large.dialect.name == "postgresql" else r"\(.*[<>]\(?\?"
        )
        assert re.search(entered, plan), plan


# Filters and their indexes. On PostgreSQL texts are counted in the small index first.
SAMPLE_IDX, BOOKS_IDX = "bookstore_books_sample_idx", "bookstore_books_search_idx"
PRICE = "bookstore_books_price_idx"
RARE = [
    ({"search": "xylo"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "nowhere"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "the xylo"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "b xylo"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": '"of xylo"'}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "978-0-00-001234"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    (
        {"search": f"{isbn(7)[:3]}-{isbn(7)[3:]}"},
        SAMPLE_IDX,
        "bookstore_books_isbn_key",
        "bookstore_search",
    ),
    ({"search": "x"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search_grams"),
    ({"search": "xy"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "zq"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "ж"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search_grams"),
    ({"search": "国"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "???"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "c++"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "война"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"author": "xylo"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"author": "x"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search_grams"),
    ({"author": "xylo", "search": "the"}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"search": "xylo", "in_stock": True}, SAMPLE_IDX, BOOKS_IDX, "bookstore_search"),
    ({"max_price": Decimal(1)}, None, PRICE, PRICE),
    ({"max_price": Decimal("1.05"), "in_stock": False}, None, PRICE, PRICE),
]


@pytest.mark.parametrize(("filters", "sample", "books", "sqlite"), RARE, ids=str)
@pytest.mark.parametrize("sort", [NEWEST_FIRST, (("title", False),)], ids=["newest", "title"])
def test_a_rare_filter_is_answered_by_its_own_index(large, filters, sample, books, sqlite, sort):
    _, found = plans(large, filters, sort=sort)
    if large.dialect.name == "sqlite":
        wanted = [sqlite, sqlite if sqlite == PRICE else "INTEGER PRIMARY KEY"]
    else:
        wanted = [sample, books] if sample else [books]
    for plan, name in zip(found, wanted, strict=True):
        assert re.search(rf"\b{name}\b", plan), plan
        assert not scans(plan), plan


COMMON = [
    {"search": "the"},
    {"search": "t"},
    {"search": "ba"},
    {"search": "9780"},
    {"search": "of the"},
    {"author": "ba"},
    {"in_stock": True},
    {"min_price": Decimal(10)},
    {"search": "the", "in_stock": True},
    {"search": "the", "max_price": Decimal(90)},
]


@pytest.mark.parametrize("filters", COMMON, ids=str)
@pytest.mark.parametrize("sort", [NEWEST_FIRST, (("price", False),)], ids=["newest", "price"])
def test_a_common_filter_is_read_by_the_index_of_the_order(large, filters, sort):
    """Nothing is sorted, so the page is full after a few books."""
    _, found = plans(large, filters, sort=sort)
    assert_index(large, found[-1], f"bookstore_books_{sort[0][0]}_idx")
    assert not re.search("Sort|TEMP B-TREE", found[-1]), found[-1]


@pytest.mark.parametrize("filters", [{"search": "xylo"}, {"search": "xy"}, {"author": "xylo"}])
@pytest.mark.parametrize("count", ["exact", "estimated"])
def test_counting_a_rare_filter_reads_no_whole_table(large, filters, count):
    page, found = plans(large, filters, count=count)
    assert page.total == (0 if "author" in filters else 4)
    for plan in found:
        sampled = plan.partition("Sample Scan")[0]
        assert not scans(sampled), plan


@pytest.mark.parametrize("search", ["xylo", "nowhere", "the xylo", "x"])
def test_a_list_by_relevance_reads_no_whole_table(large, search):
    reader = ExplainingReader(large)
    query = ListQuery(filters={"search": search}, sort=(("relevance", False),), count="none")
    list_by_relevance(reader, query)
    for plan in reader.plans:
        assert not scans(plan), plan


@pytest.mark.parametrize("search", ["the", "of the", "ba"])
def test_a_list_by_relevance_of_very_many_matches_reads_no_whole_table(large, search, monkeypatch):
    monkeypatch.setattr(relevance, "SMALL", 1000)
    reader = ExplainingReader(large)
    query = ListQuery(filters={"search": search}, sort=(("relevance", False),), count="none")
    list_by_relevance(reader, query)
    for plan in reader.plans:
        assert not scans(plan), plan
    assert "bookstore_books_created_at_idx" in reader.plans[-1]
    assert "bookstore_books_title_idx" in reader.plans[-1]


def test_a_missing_index_is_detected_by_the_checks_of_this_file(backend):
    """Without its index, a list that is checked here reads the whole table."""
    url = backend.create()
    engine = make_engine({"url": url})
    fill(engine, (book_row(number) for number in range(1, 3000)))
    price = (("price", False),)
    assert_index(engine, plans(engine, sort=price)[1][0], "bookstore_books_price_idx")
    with engine.begin() as connection:
        connection.execute(text("DROP INDEX bookstore_books_price_idx"))
    engine.dispose()  # SQLite explains a statement that it knows without looking at the file
    _, (plan,) = plans(engine, sort=price)
    assert scans(plan)
    engine.dispose()
    backend.drop(url)
