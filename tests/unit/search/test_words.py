"""What is stored of a text, what a search asks for, and when they meet: no database here."""

from __future__ import annotations

import unicodedata
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pyramid_bookstore.search import folding, pieces
from pyramid_bookstore.search.pieces import Piece, wanted, wanted_of_author
from pyramid_bookstore.search.words import stored
from tests.support import reading
from tests.support.catalogue import BEGINNING
from tests.support.searching import books, searches, texts

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def found(book, search, author=""):
    """Whether the book has what the search asks for, as the databases look for it."""
    author_words = stored(book["author"])
    places = {"text": stored(book["title"]) + author_words, "author": author_words}

    def has(piece):
        if piece.place == "whole isbn":
            return piece.text == book["isbn"]
        if piece.place == "isbn prefix":
            return book["isbn"].startswith(piece.text)
        return piece.text in (places | {"isbn": book["isbn"][3:]})[piece.place]

    groups = wanted(search).groups + (wanted_of_author(author).groups if author else ())
    return all(any(map(has, group)) for group in groups)


def book(title, author="Anonymous", isbn="9780134685991"):
    return {
        "title": title, "author": author, "isbn": isbn, "stock": 1, "created_at": BEGINNING,
        "id": UUID(int=1),
    }  # fmt: skip


def finds(search, text):
    """Whether the search finds the text as a title; as an author, it must be the same."""
    answer = found(book(text), search)
    assert found(book("Book", text), search) is answer
    assert found(book("Book", text), "", search) is answer
    assert reading.matches(book(text), search) is answer, "the plain reading"
    assert reading.matches(book("Book", text), "", search) is answer, "the plain reading"
    return answer


ALIKE = [
    ("O'Brien", "O’Brien"), ("O'Brien", "OBrien"), ("O'Brien", "O`Brien"), ("O'Brien", "O´Brien"),
    ("O'Brien", "o＇brien"), ("J.R.R. Tolkien", "J. R. R. Tolkien"),
    ("J.R.R. Tolkien", "JRR Tolkien"), ("J.-R.-R. Tolkien", "j r r tolkien"),
    ("J. K. Rowling", "JK Rowling"), ("А. С. Пушкин", "АС Пушкин"),
    ("Ν. Καζαντζάκης", "ν καζαντζακης"),
    ("כ\"ץ", "כ״ץ"), ('צה"ל', "צה״ל"), ("צה״ל", "צהל"), ("ז׳בוטינסקי", "ז'בוטינסקי"),
    ("בן־גוריון", "בן-גוריון"), ("كتاب", "کتاب"), ("علي", "علی"), ("موسى", "موسی"),
    ("كـــتاب", "كتاب"), ("Große", "GROSSE"), ("Große", "große"), ("Œuvre", "oeuvre"),
    ("Łódź", "lodz"), ("Ærø", "aero"), ("naïve", "nai\u0308ve"), ("Достоевский", "достоевскии"),
    ("ΟΔΥΣΣΕΎΣ", "οδυσσευς"), ("ﬁn", "fin"), ("Ｆｕｌｌ", "full"), ("ｶﾞﾗｽ", "ガラス"),
    ("カ\u3099ラス", "ガラス"), ("½", "1⁄2"), ("x²", "x2"), ("R & B", "R and B"),
    ("Q & A", "q and a"),
    ("Crime & Punishment", "Crime and Punishment"), ("zero\u200bwidth", "zerowidth"),
    ("می\u200cخواهم", "میخواهم"), ("well-known", "well known"), ("well—known", "well-known"),
    ("1984: Roman", "1984 Roman"), ("a/b testing", "A B testing"), ("Ж. Верн", "ж верн"),
    ("C++", "c++"), ("한국", "한국"), ("\u1112\u1161\u11ab국", "한국"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), ALIKE, ids=lambda text: ascii(text))
def test_forms_of_one_text_find_each_other(one, other):
    assert finds(one, other)
    assert finds(other, one)
    assert finds(f'"{one}"' if '"' not in one else one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("カラス", "ガラス"), ("ハハ", "パパ"), ("कल", "कुल"), ("मल", "माल"), ("กัน", "กิน"),
        ("가", "각"), ("שׁלום", "שלום"), ("كَتَبَ", "كُتِبَ"),
        ("Rust", "Dust"), ("C++", "C#"), ("한국", "한굴"),
    ],
    ids=lambda text: ascii(text),
)  # fmt: skip
def test_what_tells_words_apart_is_kept(one, other):
    assert not finds(one, other)
    assert not finds(other, one)


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("The Hobbit", ["hobbit", "obbi", "hobbit the", "th", "h", '"the hobbit"', "HOBBIT",
                        "hobbit, the!", '"hobbit"', "t h"],
         ["bb", "it", "e", '"hobbit the"', '"the hobb"', "hobbits", "thehobbit", '"obbit"']),
        ("J.R.R. Tolkien", ["jrr", "j. r. r.", "r. r. tolkien", "r. tolkien", "r tolkien", "jr",
                            "j tolkien", "rr", "tolk jr", '"jrr tolkien"', '"j.r.r. tolkien"',
                            '"rr"', '"r"'],
         ["jrrt", "rj", "j.r.r.r.", '"r. r. tolkien"', '"r tolkien"', '"tolkien jrr"', "t.r"]),
        ("A Menina e o Mar", ["o mar", "e o mar", "e o", "menina", "a menina", "eo",
                               '"menina eo mar"'],
         ["a o", "m m", '"o mar"', "ea"]),
        ("Programming in C++", ["c++", "c", "C+", "program c++", "in c", '"in c++"'],
         ["c#", "++c#", "c++11", '"in c"']),
        ("C# in Depth", ["c#", "c", "depth c#", "#"], ["c++", "d#"]),
        ("R&B and Soul", ["rb", "r&b", "r b", "soul r&b", "and", "&"],
         ["r or b", '"b & soul"', "ba"]),
        ("100% Wool_Socks \\o/", ["100%", "%", "_", "\\", "wool_socks", "socks wool", "o", "100",
                                   "/"],
         ["%_", "%%", "100x", "\\/", "ool_k"]),
        ("What???", ["???", "??", "?", "what?", "what!"], ["?!", "????", "!"]),
        ("Was? Nein! (doch)", ["?", "!", "(", ")", "? !", "! ("], ["?!", "()", "?)"]),
        ("雪国の国境", ["雪", "国", "雪国", "国境", "境", "の国", '"雪国"', "境 雪"],
         ["国雪", "雪境", "雪の"]),
        ("Harry波特 2", ["harry", "波", "波特", "波特 harry", "har 特", "2"], ["特波"]),
        ("ที่รัก", ["ที่", "รัก", "รั", "ก", "ที"], ["ทิ", "กรัก"]),
        ("Catch-22", ["22", "2", "catch 22", "catch-2"], ["atch-2x", "222"]),
        ("हिन्दी कहानी", ["हि", "हिन्दी", "कहा"], ["हु", "नी", "न्दी"]),
    ],
    ids=lambda value: ascii(value) if isinstance(value, str) else "",
)  # fmt: skip
def test_a_text_is_found_by_its_words_and_their_parts(text, yes, no):
    assert [search for search in yes if not finds(search, text)] == []
    assert [search for search in no if finds(search, text)] == []


def test_each_word_may_be_in_title_or_author():
    hobbit = book("The Hobbit", "J. R. R. Tolkien")
    for search in ("tolkien hobbit", "hob tol", "jrr hobbit", '"the hobbit" tolkien'):
        assert found(hobbit, search)
    for search in ('"hobbit j"', '"hobbit jrr"', "hobbit lewis"):
        assert not found(hobbit, search)
    assert found(hobbit, "hobbit", "tolkien")
    assert not found(hobbit, "tolkien", "hobbit")


def test_a_search_of_an_author_knows_no_isbn():
    assert wanted_of_author("978-0-13-468599-1").groups[0] == (Piece("978", "author"),)
    assert wanted_of_author("9780134685991").groups == ((Piece("9780134685991", "author"),),)
    assert wanted_of_author("???").groups == tuple(
        (piece._replace(place="author"),) for (piece,) in wanted("???").groups
    )


def test_of_a_search_the_first_sixteen_different_pieces_count():
    many = " ".join(f"word{number:02}x" for number in range(40))
    assert len(wanted(many).groups) == len(wanted_of_author(many).groups) == 16
    assert len(wanted(f"{many} " * 2).groups) == 16
    assert len(wanted("the the THE").groups) == 1


@settings(max_examples=300)
@given(data=st.data())
def test_a_search_finds_what_the_plain_reading_finds(data):
    rows = data.draw(books())
    search = data.draw(searches(rows))
    author = data.draw(st.just("") | searches(rows))
    for row in rows:
        assert found(row, search, author) is reading.matches(row, search, author)


@settings(max_examples=300)
@given(texts)
def test_a_text_is_stored_as_its_words_and_what_more_is_found(text):
    read = reading.read_text(text)
    words_of_it, _, more = stored(text).partition("  ")
    if read.words:
        assert words_of_it.strip() == " ".join(read.words)
    kept = more.split("  ")
    assert all(any(each.strip() == other for each in kept) for other in read.others)
    assert set(" ".join(read.words + read.others)) <= {*stored(text)} | {" "}


@settings(max_examples=300)
@given(ANY_TEXT)
def test_words_stored_again_are_the_same(text):
    words_of_it = reading.read_text(text).words
    joined = " ".join(words_of_it)
    # Letters would run together, and a sign behind a blank may be no sign of the letter before it.
    assume(not any(len(word) == 1 for word in words_of_it) and reading.fold(joined) == joined)
    assume(not any(map(reading.without_blanks, joined)))
    assert stored(joined).partition("  ")[0].strip() == joined


@settings(max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_what_is_stored_has_a_blank_at_both_ends_and_fits_an_index(text):
    result = stored(text)
    assert result.startswith(" ")
    assert result.endswith(" ")
    assert len(result.encode()) <= 2500
    assert not {*result} & {*"%_\\\n\t\0'\""}


@pytest.mark.parametrize(
    "text",
    ["ﷺ" * 255, "ﷺ " * 127, "a " * 127, "? a " * 63, "国" * 255, "\U0001f4da" * 255, "𝔘" * 255,
     "?!" * 127, "a b c d e f g h i j k l m n o p q r s t u v w x y z " * 4, "x" * 255, "İ" * 255,
     "".join(f"{chr(code)} " for code in range(0x2200, 0x2200 + 127)), "ΐ" * 255,
     "㍿" * 255, "㌀㌁㌂㌃㌄㌅" * 42],
    ids=lambda text: ascii(text[:4]),
)  # fmt: skip
def test_the_longest_texts_fit_an_index(text):
    result = stored(text)
    assert result[0] == result[-1] == " "
    assert len(result.encode()) <= 2500
    first = reading.read_text(text).words[:1]
    if first and len(first[0]) < 100:
        assert result.startswith(f" {first[0]} ")


def test_a_variation_selector_of_a_chinese_character_counts_for_nothing():
    """It shows nothing by itself, and names are written with it or without."""
    assert stored("葛\U000e0100城") == stored("葛城")


@settings(max_examples=500)
@given(ANY_TEXT)
def test_folding_by_character_is_the_slow_folding(text):
    slow = " ".join(folding._fold(text).split())
    assert folding.fold(text) == slow
    assert reading.fold(text) == slow
    assert folding.fold(slow) == slow


@pytest.mark.no_cover
def test_every_character_folds_as_the_plain_reading_says():
    for code in (*range(0xD800), *range(0xE000, 0x20000), 0x2F800, 0xE0100):
        char = chr(code)
        assert folding.fold(f"a{char}b") == reading.fold(f"a{char}b"), hex(code)
        assert folding.fold(char) == reading.fold(char), hex(code)


@settings(max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=500))
def test_what_a_search_asks_for_has_no_wildcard_and_no_quote(search):
    for group in (*wanted(search).groups, *wanted_of_author(search).groups):
        for piece in group:
            assert piece.text.strip()
            assert not {*piece.text} & {*"%_\\\"'\0"}
    assert len(wanted(search).groups) <= pieces.COUNTED


def test_canonically_equal_texts_are_stored_alike():
    for text in ("Ångström étude", "가각", "ガラス", "हिन्दी", "שׁלום", "Việt Nam"):
        forms = {stored(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKD")}
        assert len(forms) == 1, text
