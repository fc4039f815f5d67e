"""A search finds what the contract says, by every path of both databases."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, contextmanager
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from pyramid_bookstore.catalogue.listing import list_books
from pyramid_bookstore.catalogue.models import Book, columns_of
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.catalogue.relevance import list_by_relevance
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.query import LeanReader, SessionReader
from pyramid_bookstore.search.sqlite import SAMPLE
from pyramid_bookstore.search.sqlite_texts import LATEST
from tests.support import reading
from tests.support.api import isbn
from tests.support.catalogue import book_row, fill
from tests.support.examples import examples
from tests.support.searching import WORDS, books, on, paths, searches

BY_RELEVANCE = (("relevance", False),)
SHARED = [HealthCheck.function_scoped_fixture]
NEWEST, TITLES = (("created_at", True),), (("title", False),)


def shelf(number=200):
    chosen = random.Random(4)
    return [
        book_row(
            index,
            title=" ".join(chosen.choices(WORDS, k=chosen.randint(1, 4))),
            author=" ".join(chosen.choices(WORDS, k=chosen.randint(1, 2))),
            isbn=isbn(index * 7919),
            price=Decimal(chosen.randint(1, 400)) / 4,
            stock=chosen.choice([0, 1, 5]),
        )
        for index in range(1, number)
    ]


def reader_on(engine):
    return LeanReader(engine, dialect_named(engine.dialect.name))


@contextmanager
def stocked(engine, rows):
    """A reader of a transaction in which there are these books and no others."""
    with engine.connect() as connection:
        connection.execute(insert(Book), rows)
        with Session(connection) as session:
            yield SessionReader(session)


def compact(engine):
    """Write the whole table anew."""
    if engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(engine.url.database)) as connection:
            connection.execute("VACUUM")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL bookstore_books"))


def ids(page):
    return [book.id for book in page.books]


def check_every_path(reader, rows, search, *, author="", **comparisons):
    """Every path gives the same pages and totals, those of the plain reading."""
    filters = {"search": search, "author": author} | comparisons
    filters = {name: value for name, value in filters.items() if value}
    chosen = [
        row
        for row in rows
        if row["price"] <= comparisons.get("max_price", 10**9)
        and (not comparisons.get("in_stock") or row["stock"] > 0)
    ]
    found = reading.found(chosen, search, author)
    newest = [row["id"] for row in sorted(found, key=lambda row: row["created_at"], reverse=True)]
    by_title = [row["id"] for row in sorted(found, key=lambda row: (row["title_words"], row["id"]))]
    for path in paths(reader, filters):
        with on(path):
            for sort, count, expected in (
                (NEWEST, "exact", newest),
                (TITLES, "exact", by_title),
                (TITLES, "none", by_title),
            ):
                query = ListQuery(filters=filters, sort=sort, limit=1000, count=count)
                page = list_books(reader, query)
                assert ids(page) == expected, (path[1], sort, count)
                assert page.total == (len(expected) if count == "exact" else None), path[1]
            query = ListQuery(filters=filters, limit=2, page=2, count="estimated")
            page = list_books(reader, query)
            assert ids(page) == newest[2:4], path[1]
            assert page.total == len(newest), path[1]
            if not search:
                continue
            query = ListQuery(filters=filters, sort=BY_RELEVANCE, limit=1000)
            page = list_by_relevance(reader, query)
            ranked = [row["id"] for row in reading.ranked(chosen, search, author)]
            assert ids(page) == ranked, path[1]
            assert page.total == len(ranked), path[1]
    return found


class TestEveryPath:
    @pytest.mark.no_cover
    @settings(max_examples=examples(20), suppress_health_check=SHARED)
    @given(data=st.data())
    def test_a_search_finds_what_the_plain_reading_finds(self, empty, data):
        """Of any books, whatever is looked for."""
        rows = data.draw(books())
        search = data.draw(searches(rows))
        with stocked(empty, rows) as reader:
            check_every_path(reader, rows, search)

    @pytest.mark.no_cover
    @settings(max_examples=examples(12), suppress_health_check=SHARED)
    @given(data=st.data())
    def test_filters_are_combined_with_and(self, empty, data):
        rows = data.draw(books())
        search = data.draw(st.just("") | searches(rows))
        author = data.draw(searches(rows))
        comparisons = data.draw(
            st.fixed_dictionaries(
                {}, optional={"in_stock": st.just(True), "max_price": st.sampled_from((5, 10))}
            )
        )
        with stocked(empty, rows) as reader:
            check_every_path(reader, rows, search, author=author, **comparisons)

    @pytest.mark.no_cover
    @settings(max_examples=examples(12), suppress_health_check=SHARED)
    @given(data=st.data())
    def test_a_search_in_a_catalogue_finds_what_the_plain_reading_finds(self, catalogue, data):
        engine, rows = catalogue
        search = data.draw(searches(rows))
        check_every_path(reader_on(engine), rows, search)

    @pytest.mark.parametrize(
        "search",
        ["%", "_", "\\", "c++", "c#", "C", "???", "'", '"', '""', "978", "9780", "00", "AND", "*",
         "a b", "q z", "&", "stone the", "of stone o", "c a b", '"the sea"', "国", "雪国", "กิน",
         "j r", "(", "+", "—", "\U0001f4da", "jrr", "re:", "&&", "#", "-- ;", "ｶﾞ"],
    )  # fmt: skip
    def test_a_search_of_odd_characters_finds_what_the_plain_reading_finds(self, catalogue, search):
        engine, rows = catalogue
        check_every_path(reader_on(engine), rows, search)

    def test_a_cursor_goes_through_all_matches_by_every_path(self, catalogue):
        engine, rows = catalogue
        reader = reader_on(engine)
        for search in ("o", "the", "stone", "国", "c++"):
            expected = [row["id"] for row in reading.found(rows, search)][::-1]
            assert expected
            for path in paths(reader, {"search": search}):
                with on(path):
                    walked, query = [], ListQuery(filters={"search": search}, limit=3)
                    while True:
                        page = list_books(reader, query)
                        walked += ids(page)
                        if page.next_cursor is None:
                            break
                        query = ListQuery(
                            filters={"search": search}, limit=3, cursor=page.next_cursor
                        )
                    assert walked == expected, path[1]


@pytest.fixture(scope="module")
def catalogue(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    rows = shelf()
    fill(engine, rows)
    yield engine, rows
    engine.dispose()
    backend.drop(url)


@pytest.fixture(scope="module")
def empty(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    yield engine
    engine.dispose()
    backend.drop(url)


class TestFarEnd:
    """All matches are behind where the walk gives up."""

    @pytest.fixture(scope="class")
    @staticmethod
    def crowded(backend):
        """The matches are the oldest books, which are the last by title and by author too."""
        url = backend.create()
        engine = make_engine({"url": url})
        rows = [
            book_row(
                number,
                title=f"{'zz far' if number <= 60 else 'near'} {number:04}",
                author="z" if number <= 60 else "a",
                price=Decimal(100 if number <= 60 else 1),
                stock=number % 2,
            )
            for number in range(1, 1500)
        ]
        fill(engine, rows)
        yield engine, rows
        engine.dispose()
        backend.drop(url)

    @pytest.mark.parametrize("walked", [0, 1, 100, 1439, 1440, 1450, 1499, 5000])
    @pytest.mark.parametrize(
        "sort",
        [NEWEST, TITLES, (("author", False),), (("price", False),),
         (("price", False), ("title", True))],
        ids=str,
    )  # fmt: skip
    def test_a_page_is_right_when_the_walk_gives_up(self, crowded, sort, walked):
        engine, rows = crowded
        reader = reader_on(engine)
        filters = {"search": "far", "in_stock": True}
        matches = [row for row in rows if "far" in row["title"] and row["stock"]]
        for field, descending in [*sort, ("id", sort[-1][1])][::-1]:
            matches.sort(key=lambda row: row[field], reverse=descending)  # at once
        expected = [row["id"] for row in matches]
        for path in paths(reader, filters):
            if path[1].path != "walk":
                continue
            conditions, choice, values = path
            choice, values = choice._replace(walked=walked), values | {"walked": walked}
            with on((conditions, choice, values)):
                for page in (1, 2, 3):
                    query = ListQuery(filters=filters, sort=sort, limit=13, page=page)
                    listed = list_books(reader, query)
                    assert ids(listed) == expected[13 * (page - 1) : 13 * page]
                    assert listed.total == 30
                    assert listed.has_next is (page < 3)
                query = ListQuery(filters=filters, sort=sort, limit=13)
                before = list_books(reader, query)
                query = ListQuery(filters=filters, sort=sort, limit=13, cursor=before.next_cursor)
                behind = list_books(reader, query)
                assert ids(behind) == expected[13:26]
                query = ListQuery(
                    filters=filters, sort=sort, limit=13, cursor=behind.previous_cursor
                )
                assert ids(list_books(reader, query)) == expected[:13]

    def test_a_page_by_its_own_choice_is_right(self, crowded):
        engine, rows = crowded
        expected = [row["id"] for row in reading.found(rows, "far")][::-1]
        for page in (1, 2, 3, 4):
            query = ListQuery(filters={"search": "far"}, page=page)
            assert ids(list_books(reader_on(engine), query)) == expected[20 * page - 20 : 20 * page]


class TestIsbns:
    """A book is found by its ISBN in any writing, and by parts of it."""

    ROWS = (
        book_row(1, title="Effective Java", author="Joshua Bloch", isbn="9780134685991"),
        book_row(2, title="Catch-22", author="Joseph Heller", isbn="9780684833392"),
        book_row(3, title="1984", author="George Orwell", isbn="9780451524935"),
        book_row(4, title="The 2001 File", author="B", isbn="9791090636071"),
        book_row(5, title="9780134685991", author="A bookseller", isbn="9783161484100"),
        book_row(6, title="SBN", author="C", isbn="9780306406157"),
    )

    @pytest.mark.parametrize(
        ("search", "numbers"),
        [
            ("9780684833392", [2]),
            ("978-0-684-83339-2", [2]),
            ("978 0 684 83339 2", [2]),
            ("978–0–684–83339–2", [2]),
            ("ISBN 978-0-684-83339-2", [2]),
            ("ISBN-13: 978-0-684-83339-2", [2]),
            ("isbn-10 0-684-83339-5", [2]),
            ("urn:isbn:9780684833392", [2]),
            ("0-684-83339-5", [2]),
            ("0684833395", [2]),
            ("0-306-40615-2", [6]),
            ("306-40615-2", [6]),
            ("306406152", [6]),
            ("9780134685991", [1, 5]),
            ("0-13-468599-7", [1]),
            ("97801", [1, 5]),
            ("978-0-13", [1]),
            ("8599", [1, 5]),
            ("599", [5]),
            ("heller 978-0-684-83339-2", [2]),
            ("978-0-684-83339-2 heller", [2]),
            ("orwell 978-0-684-83339-2", []),
            ("978-0-684-83339-3", []),
            ("9791090636071", [4]),
            ("10906", [4]),
            ("1984", [3]),
            ("2001", [4]),
            ("22", [2]),
            ("22 heller", [2]),
        ],
    )
    def test_an_isbn_in_any_writing_finds_its_book(self, empty, search, numbers):
        self.check(empty, search, numbers)

    @pytest.mark.parametrize(
        ("search", "numbers"),
        [
            ("1984 9780451524935", [3]),
            ("catch 22 9780684833392", [2]),
            ("catch-22 978-0-684-83339-2", [2]),
            ("9780684833392 9780684833392", [2]),
            ("2001 10906", [4]),
        ],
    )
    def test_an_isbn_beside_other_numbers_finds_its_book(self, empty, search, numbers):
        self.check(empty, search, numbers)

    @pytest.mark.parametrize("digits", range(4, 14))
    def test_the_first_digits_of_an_isbn_find_its_book_however_many(self, empty, digits):
        """Also where they happen to be an ISBN-10 or an SBN of another book."""
        rows = [book_row(number, isbn=isbn(number * 104_729)) for number in range(1, 60)]
        with stocked(empty, rows) as reader:
            for row in rows:
                query = ListQuery(filters={"search": row["isbn"][:digits]}, limit=100, count="none")
                assert row["id"] in ids(list_books(reader, query)), row["isbn"][:digits]

    def test_a_book_with_its_isbn_for_a_title_is_counted_once(self, empty):
        rows = [book_row(1, title="9780134685991", isbn="9780134685991")]
        with stocked(empty, rows) as reader:
            check_every_path(reader, rows, "9780134685991")
            check_every_path(reader, rows, "978-0-13-468599-1")

    def check(self, empty, search, numbers):
        rows = [*self.ROWS]
        with stocked(empty, rows) as reader:
            query = ListQuery(filters={"search": search}, sort=(("created_at", False),))
            assert ids(list_books(reader, query)) == [UUID(int=number) for number in numbers]
            if "catch-22" not in search:
                found = check_every_path(reader, rows, search)
                assert len(found) == len(numbers)


class TestQuotes:
    """Text in quotes is a run of whole words, numbers or not."""

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ('"nineteen eighty"', True),
            ('"eighty nineteen"', False),
            ('"nineteen eigh"', False),
            ('"1984 and animal"', True),
            ('"and 1984"', False),
            ('"animal farm"', True),
            ('"1984 animal"', False),
            ('"farm 1984"', False),
            ('"198"', False),
        ],
    )
    def test_a_run_in_quotes_is_found_as_it_stands(self, empty, search, found):
        rows = [book_row(1, title="1984 and Animal Farm, or Nineteen Eighty-Four")]
        with stocked(empty, rows) as reader:
            assert bool(check_every_path(reader, rows, search)) is found


def test_an_empty_catalogue_has_no_matches_and_refuses_no_search(empty):
    reader = reader_on(empty)
    for sort, make in ((NEWEST, list_books), (BY_RELEVANCE, list_by_relevance)):
        page = make(reader, ListQuery(filters={"search": "momo"}, sort=sort))
        assert (page.books, page.total) == ([], 0)


def test_a_search_that_folds_to_nothing_is_answered(empty):
    """A combining accent by itself, which no form of a text has."""
    with stocked(empty, [book_row(1)]) as reader:
        for sort, make in ((NEWEST, list_books), (BY_RELEVANCE, list_by_relevance)):
            assert make(reader, ListQuery(filters={"search": "\u0301"}, sort=sort)).total in (0, 1)


@pytest.mark.parametrize(
    ("title", "search", "found"),
    [
        ("ハリー・ポッター", "ハリー ポッター", True),
        ("ハリー ポッター", '"ハリー・ポッター"', True),
        ("ハリーポッター", "ハリーポ", True),
        ("ハリーポッター", "ーポ", True),
        ("ハリーポッター", "ポハ", False),
        ("ハリー・ポッター", "ハリー・ポッター", True),
        ("ハリー・ポッター", '"ハリー ポッター"', True),
        ("ハリー・ポッターと", "・", True),
        ("ハリー・ポッター", "・", True),
        ("大韓2024", "한2024", False),
        ("대한2024", "한2024", True),
        ("АЖ1984", "ж1984", True),
    ],
)
def test_punctuation_and_digits_count_as_such_in_every_script(empty, title, search, found):
    rows = [book_row(1, title=title)]
    with stocked(empty, rows) as reader:
        assert bool(check_every_path(reader, rows, search)) is found


def test_of_a_search_the_first_sixteen_pieces_count(empty):
    title = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrst")
    rows = [book_row(1, title=title), book_row(2, title=title.replace("wordp", "other"))]
    with stocked(empty, rows) as reader:
        words = title.split()
        assert len(check_every_path(reader, rows, " ".join([*words[:16], "absent"]))) == 1
        assert len(check_every_path(reader, rows, " ".join([*words[:15], "absent"]))) == 0
        # Equal ones are one.
        assert len(check_every_path(reader, rows, " ".join([*words[:15] * 2, words[15]]))) == 1
        many = {"author": " ".join(["anonymous"] * 30)}
        assert len(check_every_path(reader, rows, "worda", **many)) == 2


def test_the_search_index_follows_every_change(engine):
    """Also for SQL that does not use the services, many rows at once, and rollbacks."""
    fill(engine, shelf(60))
    terms = ("stone", "q", "国", "changed", "zz", '"the sea"', "???", "c++")

    def check():
        columns = [Book.id, Book.title, Book.author, Book.isbn, Book.stock, Book.created_at]
        with engine.connect() as connection:
            known = [row._asdict() for row in connection.execute(select(*columns))]
        reader = reader_on(engine)
        for term in terms:
            expected = {row["id"] for row in reading.found(known, term)}
            for path in paths(reader, {"search": term}):
                with on(path):
                    page = list_books(reader, ListQuery(filters={"search": term}, limit=100))
                assert {*ids(page)} == expected, (term, path[1])
                assert page.total == len(expected), (term, path[1])

    def change(*statements):
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)

    check()
    changed = columns_of({"title": "Changed 国 ???"})
    change(update(Book).where(Book.stock == 0).values(changed))
    change(update(Book).where(Book.stock == 5).values(price=Decimal(7)))
    check()
    change(delete(Book).where(Book.stock == 1))
    check()
    change(insert(Book).values(shelf(90)[70:]))
    check()
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(delete(Book))
        connection.execute(insert(Book), shelf(20))
        transaction.rollback()
    check()
    with engine.connect() as connection, connection.begin():
        point = connection.begin_nested()
        connection.execute(update(Book).values(columns_of({"author": "Stone"})))
        point.rollback()
    check()
    compact(engine)
    check()
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO bookstore_search (bookstore_search) VALUES ('integrity-check')")
            )
    change(delete(Book))
    check()


#: Longer than what the index is asked for.
LONG = "klmnopqrst" * 4


def test_a_rare_term_with_frequent_trigrams_finds_the_right_books(sqlite_backend):
    """Thousands of books have the trigrams, so the index must look for the whole term."""
    url = sqlite_backend.create()
    engine = make_engine({"url": url})
    titles = {1: "abcde fghij", 2: "abcdefghij"} | dict.fromkeys(
        range(3, 2500), "abc bcd cde efghij"
    )
    titles |= {2500: LONG, 2501: f"{LONG[:-1]}x other"}
    titles |= dict.fromkeys(range(2502, 2502 + LATEST), "other")
    fill(engine, [book_row(index, title=title) for index, title in titles.items()])
    reader = reader_on(engine)
    for term, wanted in {
        "abcde": {1, 2},
        "abcdefghij": {2},
        "abcdefgh": {2},
        "bcde fgh": {1, 2},
        '"abcde fghij"': {1},
        LONG: {2500},
        LONG[:-1]: {2500, 2501},
        f"{LONG} other": set(),
        f"{LONG}z": set(),
    }.items():
        for path in paths(reader, {"search": term}):
            with on(path):
                page = list_books(reader, ListQuery(filters={"search": term}))
            assert {*ids(page)} == {UUID(int=number) for number in wanted}, (term, path[1])
            assert page.total == len(wanted), (term, path[1])
    engine.dispose()
    sqlite_backend.drop(url)


class TestTotals:
    @pytest.fixture(scope="class")
    @staticmethod
    def large(backend):
        """More books than are counted one by one."""
        url = backend.create()
        engine = make_engine({"url": url})
        chosen = random.Random(5)
        fill(
            engine,
            (
                book_row(
                    index,
                    # The last byte of an id is random; PostgreSQL's sample is made by it.
                    id=UUID(int=index << 8 | index * 37 % 256),
                    title="odd one" if chosen.random() < 0.6 else "even",
                    price=Decimal(chosen.randint(1, 100)),
                    stock=chosen.choice([0, 1, 1, 1]),
                )
                for index in range(1, SAMPLE + 4000)
            ),
        )
        yield engine
        engine.dispose()
        backend.drop(url)

    @pytest.mark.parametrize(
        "filters",
        [
            {},
            {"search": "odd"},
            {"search": "o"},
            {"search": "9780"},
            {"search": "odd", "in_stock": True},
            {"author": "anon"},
            {"in_stock": True},
            {"min_price": Decimal(3)},
            {"min_price": Decimal(40), "max_price": Decimal(40)},
            {"search": "Book"},
            {"search": '"odd one"'},
        ],
        ids=str,
    )
    def test_an_estimated_total_is_within_a_fifth_of_the_exact_one(self, large, filters):
        reader = reader_on(large)

        def total(count):
            return list_books(reader, ListQuery(filters=filters, limit=1, count=count)).total

        exact, estimated = total("exact"), total("estimated")
        assert abs(estimated - exact) <= exact / 5
        assert total("estimated") == estimated  # an unchanged list keeps its ETag
        assert total("none") is None

    @pytest.mark.parametrize("count", ["exact", "estimated", "none"])
    @pytest.mark.parametrize(
        ("make", "sort"), [(list_books, NEWEST), (list_by_relevance, BY_RELEVANCE)]
    )
    def test_a_list_with_any_count_needs_two_statements_and_a_third_where_the_walk_gives_up(
        self, large, count, make, sort
    ):
        reader = reader_on(large)
        sent = []

        class Counting:
            dialect = reader.dialect

            def rows(self, query, values):
                sent.append(query)
                return reader.rows(query, values)

        for filters, most in (
            ({"search": "odd"}, 2),
            ({"author": "anon", "search": "zz"}, 2),
            ({"search": "odd", "max_price": Decimal(0)}, 3),
        ):
            del sent[:]
            make(Counting(), ListQuery(filters=filters, sort=sort, limit=5, count=count))
            assert len(sent) <= most, filters
        if sort == NEWEST:
            del sent[:]
            make(Counting(), ListQuery(limit=5, count=count))
            assert len(sent) == 1
