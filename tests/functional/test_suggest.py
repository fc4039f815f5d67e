"""Suggestions while somebody types, and the nearest spelling of what finds nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.catalogue import suggestions
from pyramid_bookstore.catalogue.suggestions import nearest_spelling, suggest
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import LeanReader
from pyramid_bookstore.errors import ValidationFailed
from pyramid_bookstore.search.spelling import is_one_step_apart, spellings
from tests.support.api import BOOKS, assert_problem, new_book
from tests.support.catalogue import book_row, fill

SUGGEST = f"{BOOKS}/suggest"
SHELF = [
    ("The Hobbit", "J. R. R. Tolkien"),
    ("The Fall of Gondolin", "J. R. R. Tolkien"),
    ("The Fall of Gondolin", "J.R.R. Tolkien"),
    ("Letters", "J.R.R. Tolkien"),
    ("Hobbies", "Ann Other"),
    ("Tolkien, a Life", "Humphrey Carpenter"),
    ("ノルウェイの森", "村上春樹"),
]


@pytest.fixture
def shop(client):
    for number, (title, author) in enumerate(SHELF):
        client.post_json(BOOKS, new_book(number, title=title, author=author), status=201)
    return client


def asked(shop, q, **more):
    found = shop.get(SUGGEST, {"q": q, **more}).json
    return found["corrected"], [(each["field"], each["text"]) for each in found["data"]]


def test_suggestions_are_authors_with_their_books_and_titles_with_an_isbn(shop):
    data = shop.get(SUGGEST, {"q": "tolk"}).json["data"]
    author, *titles = data
    assert author == {"text": "J.R.R. Tolkien", "field": "author", "books": 4}
    assert [each["text"] for each in titles] == [
        "Tolkien, a Life", "Letters", "The Fall of Gondolin", "The Hobbit",
    ]  # fmt: skip
    for title in titles:
        assert {*title} == {"text", "field", "isbn"}
        assert shop.get(f"{BOOKS}/isbn/{title['isbn']}").json["title"] == title["text"]


@pytest.mark.parametrize(
    ("q", "texts"),
    [
        ("hobb", ["Hobbies", "The Hobbit"]),
        ("HOBBIT", ["The Hobbit"]),
        ("obbit", []),  # begins no word
        ("tolk hobb", ["The Hobbit"]),
        ("fall of gon", ["The Fall of Gondolin"]),  # one title is offered once
        ("村上", ["村上春樹", "ノルウェイの森"]),
        ("ウェイ", ["ノルウェイの森"]),
        ("978", []),
        ("%", []),
        ("", []),
        ("\u200b", []),
    ],
)
def test_suggestions_have_words_that_begin_as_those_typed(shop, q, texts):
    corrected, found = asked(shop, q)
    assert ([text for _, text in found], corrected) == (texts, False)


def test_an_isbn_suggests_the_title_of_its_book(shop):
    book = shop.get(f"{BOOKS}?search=hobbit").json["data"][0]
    for q in (book["isbn"], book["isbn"][:12], f"{book['isbn'][:3]}-{book['isbn'][3:]}"):
        assert ("title", "The Hobbit") in asked(shop, q)[1]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_there_are_as_many_suggestions_as_asked_for_and_titles_have_half_of_them(shop, limit):
    _, found = asked(shop, "tolk", limit=limit)
    assert len(found) == min(limit, 5)
    assert [field for field, _ in found].count("author") == 1


@pytest.mark.parametrize("q", ["tolkein", "tolkin", "tollkien", "tolkeen", "tolkeinn"[:-1]])
def test_the_nearest_spelling_is_suggested_where_nothing_begins_so(shop, q):
    corrected, found = asked(shop, q)
    assert corrected
    assert ("author", "J.R.R. Tolkien") in found
    page = shop.get(BOOKS, {"search": q}).json
    assert (page["data"], page["suggestion"]) == ([], "tolkien")
    ranked = shop.get(BOOKS, {"search": q, "sort": "relevance"}).json
    assert ranked["suggestion"] == "tolkien"


@pytest.mark.parametrize(
    "query",
    [
        {"search": "xyzzyqux"},
        {"search": "tolkien gondor"},  # each word is far from others, or there already
        {"search": "tol"},
        {"search": "tolkien", "min_price": "99999"},  # found, but for the price
        {"search": "tolkein", "page": "2"},
        {"search": "one two tree fouur five sixx seven"},  # too many words
        {"author": "tolkein"},
    ],
)
def test_a_list_has_no_suggestion_where_no_other_spelling_helps(shop, query):
    assert "suggestion" not in shop.get(BOOKS, query).json


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "q"),
        ({"q": "x" * 501}, "q"),
        ([("q", "a"), ("q", "b")], "q"),
        ({"q": "a", "limit": "0"}, "limit"),
        ({"q": "a", "limit": "101"}, "limit"),
        ({"q": "a", "page": "1"}, "page"),
    ],
)
def test_wrong_parameters_of_suggestions_are_named(shop, query, field):
    answer = shop.get(SUGGEST, query, status=422)
    assert_problem(answer, 422, "validation_failed")
    assert [fault["field"] for fault in answer.json["details"]] == [field]


def test_a_host_gets_suggestions_and_what_is_wrong_with_its_question(engine):
    fill(engine, [book_row(1, title="Momo", author="Michael Ende")])
    with Session(engine) as session:
        bookstore = Bookstore.on(session)
        assert [each.text for each in bookstore.suggest("mo", limit=1).data] == ["Momo"]
        assert bookstore.suggest("").data == []
        with pytest.raises(ValidationFailed):
            bookstore.suggest("mo", limit=0)


def test_a_frequent_word_is_the_nearest_spelling_also_where_only_a_sample_is_read(
    engine, monkeypatch
):
    """Of two spellings as near, the one that more books have."""
    monkeypatch.setattr(suggestions, "COUNTED", 3)
    rows = [book_row(number, title="garden") for number in range(1, 1500)]
    fill(engine, [*rows, book_row(2000, title="gardens"), book_row(2001, title="gardan and x")])
    reader = LeanReader(engine, dialect_named(engine.dialect.name))
    found = suggest(reader, "gardn", 5)
    assert found.corrected
    assert [each.text for each in found.data] == ["garden"]


@pytest.mark.parametrize(
    ("search", "spelled"),
    [
        ("jane austin", "jane austen"),  # both are there, and together in another spelling
        ("austin jane", "austen jane"),
        ("ema austen", "emma austen"),  # rather than the more frequent word of other books
        ("jan", None),  # is found
        ("poter hary", "potter harry"),  # beside the longer one, once that is corrected
        ("annn eliot", "anne eliot"),
        ("jane xyz", None),
        ("kleon potter", None),  # nothing near stands beside the other
        ("ab potter", None),
        ("harrypotter", "harry potter"),
        ("stealartist", None),  # they do not stand side by side
        ("georgeeliot middlemarch", "george eliot middlemarch"),
    ],
)
def test_words_are_corrected_by_what_stands_beside_the_others(engine, search, spelled):
    texts = [
        *[("Emma", "Jane Austen")] * 3,
        *[("Elma", "Someone Else")] * 5,
        ("Steal Like an Artist", "Austin Kleon"),
        ("The Lane", "Ann Austin"),
        ("Harry Potter", "J. K. Rowling"),
        ("Hay, Hay", "Mary Hay"),
        ("Middlemarch: Anne's", "George Eliot"),
        ("Persuasion", "Anne Eliot"),
        ("Cab", "Lab"),
    ]
    fill(engine, [book_row(at, title=text, author=by) for at, (text, by) in enumerate(texts)])
    reader = LeanReader(engine, dialect_named(engine.dialect.name))
    assert nearest_spelling(reader, search) == spelled


def test_a_word_is_corrected_by_all_books_where_the_newest_have_nothing_near(engine):
    few = [book_row(1, title="The Hobbit"), book_row(2, title="Chobits")]
    fill(engine, [*few, *(book_row(at, title="The end") for at in range(3, 200))])
    reader = LeanReader(engine, dialect_named(engine.dialect.name))
    assert nearest_spelling(reader, "the hobit") == "the hobbit"
    assert nearest_spelling(reader, "the chobit") is None


def test_a_word_is_corrected_where_many_books_have_its_parts_alone(engine):
    rows = [book_row(number, title=f"abcx xbcd cdex xdef {number}") for number in range(1, 300)]
    fill(engine, [*rows, book_row(300, title="abcdeg")])
    reader = LeanReader(engine, dialect_named(engine.dialect.name))
    found = suggest(reader, "abcdef", 5)
    assert (found.corrected, [each.text for each in found.data]) == (True, ["abcdeg"])


def test_in_a_large_catalogue_the_likeliest_spellings_are_looked_for_while_there_is_time(
    engine, monkeypatch
):
    fill(engine, [book_row(1, title="Silmarillion", author="Tolkien")])
    reader = LeanReader(engine, dialect_named(engine.dialect.name))
    monkeypatch.setattr(suggestions, "SMALL", 0)
    monkeypatch.setattr(suggestions, "SECONDS", 60)  # however busy the machine is
    for word in ("otlkien", "tolkin", "silmarilion"):
        assert suggest(reader, word, 5).corrected
    monkeypatch.setattr(suggestions, "SECONDS", -1)
    assert suggest(reader, "otlkien", 5).corrected  # the first letters in the wrong order
    assert suggest(reader, "tolkin", 5).data == []


@given(st.text("abcd", min_size=4, max_size=8), st.data())
def test_spellings_are_the_words_one_step_away(word, data):
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcde"))
    other = data.draw(
        st.sampled_from(
            [
                word[:at] + word[at + 1 :],
                word[:at] + letter + word[at:],
                word[:at] + letter + word[at + 1 :],
                word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
            ]
        )
    )
    assert is_one_step_apart(word, other) is (word != other)
    if len(word) >= 5 and word != other:
        assert any(
            each.begin + each.end == other
            or (each.gap and other.startswith(each.begin) and other.endswith(each.end)
                and len(other) == len(each.begin) + len(each.end) + 1)
            for each in spellings(word)
        )  # fmt: skip


@pytest.mark.parametrize(("one", "other"), [("abcd", "abcd"), ("abcd", "dcba"), ("abcd", "ab")])
def test_words_that_are_the_same_or_further_apart_are_not_one_step_apart(one, other):
    assert not is_one_step_apart(one, other)


@pytest.mark.parametrize("word", ["abc", "x" * 31])
def test_very_short_and_very_long_words_have_no_other_spellings(word):
    assert [*spellings(word)] == []
