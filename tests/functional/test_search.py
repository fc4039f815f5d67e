"""Search and author filter find the same books by every query path."""

from __future__ import annotations

import random
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from pyramid_bookstore.catalogue.listing import list_books, search_on
from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.query import LeanReader, Query
from pyramid_bookstore.search.base import Choice, Comparison, Conditions
from pyramid_bookstore.search.folding import fold
from pyramid_bookstore.search.postgresql import COLLECT, WALK_BY
from pyramid_bookstore.search.sqlite import LATEST, SAMPLE
from tests.support.catalogue import book_row, fill

WORDS = (
    "the sea of stone", "O'Reilly", "100% wool_socks", "back\\slash", "c++", "???", "Straße",
    "Œuvre", "naïve", "日本語", "本", "война", "ΣΊΣΥΦΟΣ", "q", "Qi", "zz top", "a b c", '"quoted"',
    "AND", "OR", "NEAR(", "title:", "*", "^", "-", "한국", "İstanbul", "ﬁne", "e\u0301te\u0301",
    "ab", "42", "1984", "\U0001f4da", "{}", "x'y''z", ";--", "(", ")",
)  # fmt: skip


def shelf(number=200):
    chosen = random.Random(4)
    return [
        book_row(
            index,
            title=" ".join(chosen.choices(WORDS, k=chosen.randint(1, 4))),
            author=" ".join(chosen.choices(WORDS, k=chosen.randint(1, 2))),
            price=Decimal(chosen.randint(1, 400)) / 4,
            stock=chosen.choice([0, 1, 5]),
        )
        for index in range(1, number)
    ]


@pytest.fixture(scope="module")
def catalogue(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    rows = shelf()
    fill(engine, rows)
    yield engine, rows
    engine.dispose()
    backend.drop(url)


def choices(reader, conditions, values):
    """All query paths for these conditions, with the values that each needs."""
    search = search_on(reader.dialect)
    probe = search.probe(conditions)
    if probe is None:
        return [Choice("", {})]
    row = reader.rows(Query(probe.statement), values)[0]
    chosen = probe.choose(row, 20)
    if reader.dialect.name == "sqlite":
        names = [column.name for column in probe.statement.selected_columns]
        probed = dict(zip(names, row, strict=True))
        return [Choice(path, {"candidates": probed.get("text")}) for path in ("walk", *names[1:])]
    # The paths by words are available if few enough words match.
    groups = [column.name for column in probe.statement.selected_columns]
    open_ = [group for group, hits in zip(groups, row, strict=True) if hits is not None]
    found = [Choice("walk", {}), chosen]
    for group in {"author", "terms"} & {*open_}:
        found += [Choice(ways[group], chosen.values) for ways in (COLLECT, WALK_BY)]
    return found


def found(engine, author="", terms=(), **others):
    """The ids that are found, which must be equal for every query path."""
    reader = LeanReader(engine, dialect_named(engine.dialect.name))
    search = search_on(reader.dialect)
    shape, values = search.read(fold(author), [fold(term) for term in terms])
    comparisons = [
        Comparison("price", operator, name)
        for name, operator in (("min_price", ">="), ("max_price", "<="))
        if name in others
    ]
    conditions = Conditions(shape, tuple(comparisons))
    answers = []
    for way, more in choices(reader, conditions, values):
        given = values | others | more
        query = Query(select(Book.id).where(*search.where(conditions, way)))
        answers.append({row[0] for row in reader.rows(query, given)})
        count = Query(select(search.count(conditions, way).label("n")))
        assert reader.rows(count, given)[0][0] == len(answers[-1]), way
        estimate = Query(select(search.estimate(conditions, way).label("n")))
        assert int(reader.rows(estimate, given)[0][0]) >= 0
    assert all(answer == answers[0] for answer in answers), (shape, terms)
    return answers[0]


pieces = st.sampled_from([fold(word) for word in WORDS])
terms = st.one_of(
    st.text(max_size=3),
    st.lists(pieces, min_size=1, max_size=3).map(" ".join),
    st.tuples(pieces, st.integers(0, 8), st.integers(1, 9)).map(lambda p: p[0][p[1] :][: p[2]]),
    st.text("abeiost*%_\\'\"+?本- 0129", min_size=1, max_size=4),
    st.from_regex("[0-9]{1,6}", fullmatch=True),
).filter(lambda term: fold(term) and "\0" not in term and term.isprintable())


@settings(max_examples=80)
@given(term=terms)
@example(term="%")
@example(term="_")
@example(term="\\")
@example(term="c++")
@example(term="???")
@example(term="'")
@example(term='"')
@example(term="978")
@example(term="00")
@example(term="AND")
@example(term="*")
@example(term="a b")
@example(term="q z")
@example(term="stone the")
@example(term="of stone o")
@example(term="c a b")
def test_search_finds_exactly_the_books_that_contain_the_term(catalogue, term):
    engine, rows = catalogue
    wanted = fold(term)
    naive = {
        row["id"]
        for row in rows
        if any(wanted in row[name] for name in ("title_folded", "author_folded", "isbn"))
    }
    assert found(engine, terms=[term]) == naive


@settings(max_examples=40)
@given(author=terms, term=st.one_of(st.none(), terms), cheap=st.booleans())
def test_combined_filters_find_exactly_the_books_that_match_all(catalogue, author, term, cheap):
    engine, rows = catalogue
    wanted = fold(term) if term else ""
    price = {"max_price": Decimal(50)} if cheap else {}
    naive = {
        row["id"]
        for row in rows
        if fold(author) in row["author_folded"]
        and any(wanted in row[name] for name in ("title_folded", "author_folded", "isbn"))
        and (not cheap or row["price"] <= 50)
    }
    assert found(engine, author, [term] if term else [], **price) == naive


@settings(max_examples=15)
@given(several=st.lists(st.from_regex("[0-9]{4,6}", fullmatch=True), min_size=2, max_size=3))
def test_search_finds_books_that_match_one_of_several_notations(catalogue, several):
    engine, rows = catalogue
    naive = {row["id"] for row in rows if any(digits in row["isbn"] for digits in several)}
    assert found(engine, terms=several) == naive


def test_the_search_index_follows_every_change(engine):
    """Also for SQL that does not use the services, many rows at once, and rollbacks."""
    rows = shelf(60)
    fill(engine, rows)

    def check():
        with engine.connect() as connection:
            known = connection.execute(select(Book.id, Book.title_folded, Book.author_folded)).all()
        for term in ("stone", "q", "本", "changed", "zz"):
            assert found(engine, terms=[term]) == {
                row.id for row in known if term in row.title_folded or term in row.author_folded
            }

    check()
    with engine.begin() as connection:
        connection.execute(
            update(Book).where(Book.stock == 0).values(title="Changed", title_folded="changed")
        )
        connection.execute(update(Book).where(Book.stock == 5).values(price=Decimal(7)))
    check()
    with engine.begin() as connection:
        connection.execute(delete(Book).where(Book.stock == 1))
    check()
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(delete(Book))
        transaction.rollback()
    check()
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            connection.execute(
                text("INSERT INTO bookstore_search (bookstore_search) VALUES ('integrity-check')")
            )


def test_a_rare_term_with_frequent_trigrams_finds_the_right_books(sqlite_backend):
    """Thousands of books have the trigrams, so the index must look for the whole term."""
    url = sqlite_backend.create()
    engine = make_engine({"url": url})
    titles = {1: "abcde fghij", 2: "abcdefghij"} | dict.fromkeys(
        range(3, 2500), "abc bcd cde efghij"
    )
    fill(engine, (book_row(index, title=title) for index, title in titles.items()))
    fill(engine, (book_row(2500 + index, title="other") for index in range(LATEST)))
    for term, wanted in {
        "abcde": {1, 2},
        "abcdefghij": {2},
        "abcdefgh": {2},
        "bcde fgh": {1},
    }.items():
        assert found(engine, terms=[term]) == {UUID(int=number) for number in wanted}
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
            {"search": "978"},
            {"search": "odd", "in_stock": True},
            {"author": "anon"},
            {"in_stock": True},
            {"min_price": Decimal(3)},
            {"min_price": Decimal(40), "max_price": Decimal(40)},
            {"search": "Book"},
        ],
        ids=str,
    )
    def test_an_estimated_total_is_within_a_fifth_of_the_exact_one(self, large, filters):
        reader = LeanReader(large, dialect_named(large.dialect.name))

        def total(count):
            return list_books(reader, ListQuery(filters=filters, limit=1, count=count)).total

        exact, estimated = total("exact"), total("estimated")
        assert abs(estimated - exact) <= exact / 5
        assert total("estimated") == estimated  # an unchanged list keeps its ETag
        assert total("none") is None

    @pytest.mark.parametrize("count", ["exact", "estimated", "none"])
    def test_a_list_with_any_count_needs_at_most_two_statements(self, large, count):
        reader = LeanReader(large, dialect_named(large.dialect.name))
        sent = []

        class Counting:
            dialect = reader.dialect

            def rows(self, query, values):
                sent.append(query)
                return reader.rows(query, values)

        for filters in ({}, {"search": "odd"}, {"author": "anon", "search": "zz"}):
            del sent[:]
            list_books(Counting(), ListQuery(filters=filters, limit=5, count=count))
            assert len(sent) <= 2


class TestWordList:
    """PostgreSQL's list of all words, which triggers maintain."""

    @pytest.fixture
    def engine(self, postgres_backend):
        url = postgres_backend.create()
        engine = make_engine({"url": url})
        yield engine
        engine.dispose()
        postgres_backend.drop(url)

    @staticmethod
    def words(engine):
        with engine.connect() as connection:
            query = text("SELECT DISTINCT word FROM bookstore_search_words ORDER BY word")
            return connection.execute(query).scalars().all()

    def test_each_word_is_listed_once_for_each_of_its_endings(self, engine):
        rows = [book_row(1, title="Go, go!"), book_row(2, title="go, away"), book_row(3)]
        fill(engine, rows[:2])
        fill(engine, rows[2:])
        assert self.words(engine) == ["3", "anonymous", "away", "book", "go!", "go,"]
        with engine.connect() as connection:
            query = text("SELECT ending, word FROM bookstore_search_words ORDER BY 2, 1 DESC")
            found = connection.execute(query).all()
        assert [tuple(row) for row in found if row.word == "go!"] == [
            ("o!", "go!"), ("go!", "go!"), ("!", "go!")
        ]  # fmt: skip
        assert len(found) == len("3anonymousawaybookgo!go,")

    def test_a_word_longer_than_the_indexed_endings_is_found(self, engine):
        long = "x" * 30 + "yz" * 40
        fill(engine, [book_row(1, title=long), book_row(2, title=long[:-1] + "!")])
        assert found(engine, terms=[long]) == {UUID(int=1)}
        assert found(engine, terms=[long[5:-1]]) == {UUID(int=1), UUID(int=2)}
        assert found(engine, terms=["a " + long]) == set()

    def test_two_transactions_that_add_the_same_word_do_not_block_each_other(self, engine):
        with engine.connect() as one, engine.connect() as other:
            for number, connection in enumerate((one, other), start=1):
                connection.execute(text("SET lock_timeout = '2s'"))
                connection.execute(insert(Book), book_row(number, title="Momo", author="Ende"))
            one.commit()
            other.rollback()
        assert found(engine, terms=["mom"]) == {UUID(int=1)}

    @pytest.mark.parametrize(
        "emptying",
        ["DELETE FROM bookstore_search_words", "TRUNCATE bookstore_search_words"],
    )
    def test_the_word_list_cannot_be_emptied_while_there_are_books(self, engine, emptying):
        fill(engine, [book_row(1, title="Momo")])
        with engine.begin() as connection:
            connection.execute(text(emptying))
        assert self.words(engine) == ["anonymous", "momo"]

    @pytest.mark.parametrize(
        "emptying",
        [
            "TRUNCATE bookstore_books",
            "TRUNCATE bookstore_search_words, bookstore_books",
            "DELETE FROM bookstore_books; DELETE FROM bookstore_search_words",
        ],
    )
    def test_deleting_or_truncating_the_books_empties_the_word_list(self, engine, emptying):
        fill(engine, [book_row(1, title="Momo")])
        with engine.begin() as connection:
            for statement in emptying.split(";"):
                connection.execute(text(statement))
        assert self.words(engine) == []
        fill(engine, [book_row(1, title="Momo")])
        assert found(engine, terms=["omo"]) == {UUID(int=1)}

    def test_a_term_contained_in_very_many_words_finds_all_its_books(self, engine):
        fill(engine, [book_row(number, title=f"w{number:04}x") for number in range(1, 500)])
        for term, expected in (("x", 499), ("w0", 499), ("w00", 99), ("w 0", 0), ("0x", 49)):
            assert len(found(engine, terms=[term])) == expected, term
        assert len(found(engine, "anonymous", ["w"])) == 499
        assert len(found(engine, "o", ["w0077x"])) == 1

    def test_an_estimated_count_of_very_many_matches_is_not_exact(self, engine):
        fill(engine, [book_row(number, title="same") for number in range(1, 30_000)])
        reader = LeanReader(engine, dialect_named("postgresql"))
        query = ListQuery(filters={"search": "same"}, limit=1, count="estimated")
        page = list_books(reader, query)
        assert page.total != 29_999
        assert abs(page.total - 29_999) < 6_000
