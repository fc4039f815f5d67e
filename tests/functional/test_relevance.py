"""`sort=relevance`: the best matches first, the same on both databases, up to 1,000."""

from __future__ import annotations

import random
import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.catalogue import relevance
from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.catalogue.relevance import list_by_relevance
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.query import LeanReader, SessionReader
from pyramid_bookstore.errors import ValidationFailed
from tests.support import reading
from tests.support.api import BOOKS, isbn, new_book
from tests.support.catalogue import book_row, fill
from tests.support.examples import examples
from tests.support.searching import books, searches

SHELF = [
    # title, author, stock; the oldest first
    ("Dune Messiah", "Frank Herbert", 1),
    ("The Road to Dune", "Frank Herbert", 1),
    ("Dune", "Frank Herbert", 0),
    ("Sand", "Dune Author", 5),
    ("Dunes of the Sahara", "A. Writer", 3),
    ("Duneland", "A. Writer", 0),
    ("The Undunelike", "A. Writer", 9),
    ("Dune!", "Somebody", 2),
    ("Children of Dune", "Frank Herbert", 0),
    ("Other", "Nobody", 1),
]


@pytest.fixture
def shop(client):
    for number, (title, author, stock) in enumerate(SHELF):
        book = new_book(number, title=title, author=author, stock=stock)
        client.post_json(BOOKS, book, status=201)
    return client


def titles(answer):
    return [book["title"] for book in answer.json["data"]]


def links(answer):
    found = re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers["Link"])
    return {relation: url for url, relation in found}


def test_whole_titles_come_first_then_whole_words_then_parts_then_stock_and_the_newest(shop):
    assert titles(shop.get(f"{BOOKS}?search=dune&sort=relevance")) == [
        "Dune!",  # the whole title, in stock
        "Dune",  # the whole title
        "Dune Messiah",  # begins with it, as a whole word
        "The Road to Dune",  # whole word, in the title, in stock
        "Children of Dune",  # whole word, in the title
        "Sand",  # whole word, in the author
        "Dunes of the Sahara",  # begins with it as a part of a word, in stock
        "Duneland",  # begins with it
        "The Undunelike",  # a part of a word
    ]


@pytest.mark.parametrize(
    ("search", "first"),
    [
        ("dune mess", "Dune Messiah"),
        ("herbert dune", "The Road to Dune"),
        ("the road to d", "The Road to Dune"),
        ('"of dune"', "Children of Dune"),
        (isbn(3), "Sand"),
        (f"{isbn(3)[:3]}-{isbn(3)[3:]}", "Sand"),
    ],
)
def test_the_book_that_is_meant_comes_first(shop, search, first):
    assert titles(shop.get(f"{BOOKS}?search={quote(search)}&sort=relevance"))[0] == first


def test_filters_fields_and_counts_are_those_of_the_list(shop):
    url = f"{BOOKS}?search=dune&sort=relevance"
    page = shop.get(f"{url}&in_stock=true&author=herbert&fields=title")
    assert page.json["data"] == [{"title": "Dune Messiah"}, {"title": "The Road to Dune"}]
    assert page.json["total"] == 2
    assert shop.get(f"{url}&count=estimated").json["total"] == 9
    none = shop.get(f"{url}&count=none&limit=2").json
    assert "total" not in none or none["total"] is None
    assert titles(shop.get(f"{BOOKS}?search=absent&sort=relevance")) == []
    assert shop.get(f"{BOOKS}?search=absent&sort=relevance").json["total"] == 0


def test_an_unchanged_list_gets_304(shop):
    url = f"{BOOKS}?search=dune&sort=relevance"
    tag = shop.get(url).headers["ETag"]
    assert shop.get(url, headers={"If-None-Match": tag}).status_int == 304


class TestPages:
    def test_the_links_lead_through_the_list_and_there_is_no_cursor(self, shop):
        url, seen = f"{BOOKS}?search=dune&sort=relevance&limit=4", []
        everything = titles(shop.get(f"{BOOKS}?search=dune&sort=relevance"))
        for page in (1, 2, 3):
            answer = shop.get(url)
            assert (answer.json["page"], answer.json["total"]) == (page, 9)
            assert answer.json["total_pages"] == 3
            assert answer.json["next_cursor"] is None
            assert "cursor" not in answer.headers["Link"]
            assert ("prev" in links(answer)) is (page > 1)
            assert links(answer)["last"].endswith("page=3")
            seen += titles(answer)
            url = links(answer).get("next")
        assert url is None
        assert seen == everything

    def test_a_page_past_the_end_is_empty(self, shop):
        answer = shop.get(f"{BOOKS}?search=dune&sort=relevance&limit=4&page=9")
        assert titles(answer) == []
        assert (answer.json["total"], answer.json["next_cursor"]) == (9, None)
        assert "next" not in links(answer)


class TestRefusals:
    @pytest.mark.parametrize(
        ("query", "fields"),
        [
            ("sort=relevance", ["sort"]),
            ("sort=relevance&search=", ["sort"]),
            ("sort=relevance&search=%20%20", ["sort"]),
            ("sort=relevance&author=x", ["sort"]),
            ("sort=-relevance&search=x", ["sort"]),
            ("sort=relevance,title&search=x", ["sort"]),
            ("sort=title,relevance&search=x", ["sort"]),
            ("sort=-price,-relevance&search=x", ["sort"]),
            ("sort=relevance,relevance&search=x", ["sort"]),
            ("sort=Relevance&search=x", ["sort"]),
            ("sort=relevance&search=x&cursor=AAAA", ["cursor"]),
            ("sort=relevance&search=x&page=51", ["page"]),
            ("sort=relevance&search=x&page=11&limit=100", ["page"]),
            ("sort=relevance&search=x&page=1001&limit=1", ["page"]),
            ("sort=relevance&search=x&page=144&limit=7", ["page"]),
            ("sort=relevance&search=x&page=2147483647", ["page"]),
            ("sort=relevance&page=1001&limit=1&cursor=AAAA", ["page", "cursor", "sort"]),
        ],
    )
    def test_what_cannot_be_ranked_is_refused_by_name(self, client, query, fields):
        answer = client.get(f"{BOOKS}?{query}", status=422)
        assert answer.json["error"] == "validation_failed"
        assert {fault["field"] for fault in answer.json["details"]} == {*fields}

    def test_a_page_too_far_says_what_to_do(self, client):
        answer = client.get(f"{BOOKS}?sort=relevance&search=x&page=51", status=422)
        [fault] = answer.json["details"]
        for word in ("1,000", "search", "sort"):
            assert word in fault["message"], word

    @pytest.mark.parametrize(
        "query", ["page=50", "page=10&limit=100", "page=1000&limit=1", "page=143&limit=7"]
    )
    def test_the_last_page_of_a_thousand_is_answered(self, client, query):
        client.get(f"{BOOKS}?sort=relevance&search=x&{query}", status=200)

    def test_a_cursor_of_another_list_is_refused(self, shop):
        cursor = shop.get(f"{BOOKS}?search=dune&limit=2").json["next_cursor"]
        shop.get(f"{BOOKS}?search=dune&limit=2&sort=relevance&cursor={cursor}", status=422)


def test_in_python_the_list_is_the_same(engine):
    with Session(engine) as session:
        bookstore = Bookstore.on(session)
        for number, (title, author, stock) in enumerate(SHELF):
            bookstore.create(new_book(number, title=title, author=author, stock=stock))
        for sort in ("relevance", ["relevance"], [("relevance", False)]):
            page = bookstore.list(search="dune", sort=sort, limit=3)
            assert [book.title for book in page.books] == ["Dune!", "Dune", "Dune Messiah"]
            assert (page.total, page.next_cursor, page.has_next) == (9, None, True)
        for bad in (
            {"sort": "relevance"},
            {"sort": "-relevance", "search": "x"},
            {"sort": [("relevance", True)], "search": "x"},
            {"sort": "relevance", "search": "x", "cursor": "AAAA"},
            {"sort": "relevance", "search": "x", "page": 2, "limit": 1000},
        ):
            with pytest.raises(ValidationFailed):
                bookstore.list(**bad)


@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_is_that_of_the_plain_reading_on_both_databases(backend, empty, data):
    rows = data.draw(books(12))
    search = data.draw(searches(rows))
    author = data.draw(st.just("") | searches(rows))
    filters = {"search": search} | ({"author": author} if author else {})
    expected = [row["id"] for row in reading.ranked(rows, search, author)]
    with empty.connect() as connection:
        connection.execute(insert(Book), rows)
        with Session(connection) as session:
            reader, listed = SessionReader(session), []
            for page in range(1, 8):
                query = ListQuery(filters=filters, sort=(("relevance", False),), limit=2, page=page)
                found = list_by_relevance(reader, query)
                assert found.total == len(expected)
                assert found.has_next is (page * 2 < len(expected))
                listed += [book.id for book in found.books]
    assert listed == expected


@pytest.fixture(scope="module")
def empty(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    yield engine
    engine.dispose()
    backend.drop(url)


class TestVeryMany:
    """More matches than are all put in order."""

    @pytest.fixture(scope="class")
    @staticmethod
    def crowd(backend):
        url = backend.create()
        engine = make_engine({"url": url})
        chosen = random.Random(7)
        shapes = ("dune {}", "the dune {}", "{} dunes", "dunes {}", "{}", "{} undune")
        rows = [
            book_row(
                number,
                title="Dune" if number in (3, 1200) else chosen.choice(shapes).format(number),
                author=chosen.choice(("Dune", "Herbert", "Redune")),
                isbn=isbn(number),
                stock=chosen.randrange(2),
            )
            for number in range(1, 2600)
        ]
        fill(engine, rows)
        yield LeanReader(engine, dialect_named(engine.dialect.name)), rows
        engine.dispose()
        backend.drop(url)

    @pytest.fixture(autouse=True)
    @staticmethod
    def few_are_many(monkeypatch):
        monkeypatch.setattr(relevance, "SMALL", 50)
        monkeypatch.setattr(relevance, "NEWEST", 300)
        monkeypatch.setattr(relevance, "BEGINNING", 40)
        relevance._query.cache_clear()
        yield
        relevance._query.cache_clear()

    @staticmethod
    def pages(reader, limit, **filters):
        listed, page = [], 0
        while True:
            page += 1
            query = ListQuery(filters=filters, sort=(("relevance", False),), limit=limit, page=page)
            found = list_by_relevance(reader, query)
            listed.append(found)
            if not found.has_next:
                return listed

    @pytest.mark.parametrize("limit", [7, 50, 100, 1000])
    @pytest.mark.parametrize(
        "filters", [{"search": "dune"}, {"search": "dune", "in_stock": True}, {"search": "d"}],
        ids=str,
    )  # fmt: skip
    def test_pages_neither_repeat_nor_lose_a_book_up_to_a_thousand(self, crowd, limit, filters):
        reader, rows = crowd
        matches = {
            row["id"]
            for row in reading.found(rows, filters["search"])
            if row["stock"] or "in_stock" not in filters
        }
        pages = self.pages(reader, limit, **filters)
        listed = [book.id for page in pages for book in page.books]
        assert len(listed) == len({*listed}) == min(1000, len(matches))
        assert {*listed} <= matches
        assert {page.total for page in pages} == {len(matches)}
        assert {page.total_pages for page in pages} == {-(-min(1000, len(matches)) // limit)}
        assert {page.next_cursor for page in pages} == {None}
        # Pages of every size are of the same order.
        whole = [book.id for page in self.pages(reader, 1000, **filters) for book in page.books]
        assert listed == whole[: len(listed)]

    def test_the_best_are_first(self, crowd):
        reader, rows = crowd
        [first, *_] = self.pages(reader, 100, search="dune")
        known = {row["id"]: row for row in rows}
        keys = [reading.relevance(known[book.id], "dune") for book in first.books]
        assert keys == sorted(keys)
        assert [book.title for book in first.books[:3]][:2] == ["Dune", "Dune"]

    def test_matches_that_all_are_old_are_found(self, crowd):
        """None of them is among the newest books, and no title begins with the words."""
        reader, rows = crowd
        expected = {row["id"] for row in reading.found(rows, "redune 1")}
        assert len(expected) > 100
        pages = self.pages(reader, 100, search="redune 1")
        assert {book.id for page in pages for book in page.books} == expected
