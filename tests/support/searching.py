"""For the tests of search: texts in many scripts, what somebody may search for, and every path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from pyramid_bookstore.catalogue import listing, relevance
from pyramid_bookstore.catalogue.query import NEWEST_FIRST
from pyramid_bookstore.catalogue.shapes import search_on
from pyramid_bookstore.db.query import Query, Reader
from pyramid_bookstore.search.base import Choice
from pyramid_bookstore.search.conditions import Conditions
from pyramid_bookstore.values.text import searchable
from tests.support import reading
from tests.support.api import isbn
from tests.support.catalogue import book_row

WORDS = (
    "the", "sea", "of", "stone", "Sea", "O'Reilly", "O’Reilly", "OReilly", "100%", "wool_socks",
    "back\\slash", "C", "C++", "c#", "F#", "R&B", "&", "and", "???", "!", "...", "Straße",
    "STRASSE", "Œuvre", "naïve", "Łódź", "Ångström", "e\u0301te\u0301", "ﬁne", "İstanbul",
    "ıl", "½", "x²",
    "война", "мир", "й", "ΣΊΣΥΦΟΣ", "Σίσυφος", "α", "Հայ", "ա", "საქართველო", "ა", "צה״ל", 'צה"ל',
    "שלום", "א", "كتاب", "کتاب", "كـــتاب", "علی", "ی", "नमस्ते", "कल", "कुल", "हिन्दी", "தமிழ்",
    "カラス", "ガラス", "ｶﾞﾗｽ", "雪国", "雪", "国境", "波特Harry", "กัน", "กิน", "ที่รัก", "ລາວ", "မြန်မာ",
    "ខ្មែរ", "한국", "한국어", "J", "R.", "R", "J.R.R.", "q", "Qi", "zz", "top", "a", "b", "A.B.",
    "e", '"quoted"', "AND", "OR", "NEAR(", "title:", "*", "^", "-", "--", "–", "x'y''z", ";--",
    "(", ")",
    "{}", "42", "7", "1984", "2001", "\U0001f4da", "\U00020bb7野家", "ab-cd", "re:", "#1", "+",
)  # fmt: skip
BLANKS = (" ", " ", " ", "", "-", ", ", ". ", ": ", "\u3000", "/", "'", ' "', '" ', " & ")
MIXED = "abcxyzABJR  ''’`\"“-–.,:&+#!?%_\\12éßØĳΣςЖйאב״ي ک国雪のガｶﾞกิनिल한각ᄀ\u1161²½(〇ー々・"


def _settled(text: str) -> bool:
    """Whether it has something to be found, and no character that a database refuses."""
    return bool(reading.fold(searchable(text))) and "\0" not in text


def _of_any_script() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


texts = st.one_of(
    st.lists(
        st.tuples(st.sampled_from(WORDS), st.sampled_from(BLANKS)), min_size=1, max_size=5
    ).map(lambda pairs: "".join(word + blank for word, blank in pairs)),
    st.text(MIXED, min_size=1, max_size=12),
    _of_any_script(),
).filter(_settled)


def books(number: int = 6) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of up to so many books, with equal titles and authors among them."""
    some = st.lists(texts, min_size=1, max_size=4)
    return st.tuples(some, some, st.lists(st.integers(0, 11), min_size=1, max_size=number)).map(
        lambda drawn: [
            book_row(
                index + 1,
                title=drawn[0][choice % len(drawn[0])],
                author=drawn[1][choice // 4 % len(drawn[1])],
                isbn=isbn(index * 7919 + choice),
                stock=choice % 2,
            )
            for index, choice in enumerate(drawn[2])
        ]
    )


@st.composite
def searches(draw: st.DrawFn, rows: Sequence[Mapping[str, Any]]) -> str:
    """What somebody may type who looks for one of the books: pieces of its texts, in any order and
    in quotes, its ISBN; and things that no book has."""
    row = draw(st.sampled_from(rows))
    parts = draw(st.lists(st.sampled_from(("cut", "cut", "word", "quoted", "any", "pool", "isbn")),
                          min_size=1, max_size=4))  # fmt: skip
    typed = " ".join(_part(draw, row, kind) for kind in parts)
    if draw(st.booleans()):
        change = draw(st.sampled_from((str.upper, str.swapcase, str.title, _other_marks)))
        typed = change(typed)
    return typed if _settled(typed) else "x"


def _part(draw: st.DrawFn, row: Mapping[str, Any], kind: str) -> str:
    text = row[draw(st.sampled_from(("title", "author")))]
    if kind == "cut":
        at = draw(st.integers(0, len(text) - 1))
        return str(text[at : at + draw(st.integers(1, 7))])
    if kind in ("word", "quoted"):
        words = reading.read_text(text).words or (text,)
        at = draw(st.integers(0, len(words) - 1))
        run = " ".join(words[at : at + draw(st.integers(1, 3))])
        return f'"{run}"' if kind == "quoted" else run
    if kind == "isbn":
        digits = row["isbn"]
        at = draw(st.integers(0, 9))
        written: str = draw(
            st.sampled_from((digits, _hyphens(digits), digits[at : at + 5], digits[:at]))
        )
        return written
    return draw(st.sampled_from(WORDS) if kind == "pool" else texts)


def _hyphens(digits: str) -> str:
    return f"{digits[:3]}-{digits[3]}-{digits[4:7]}-{digits[7:12]}-{digits[12]}"


def _other_marks(text: str) -> str:
    return text.replace("'", "’").replace("-", "–").replace('"', "”")


def paths(
    reader: Reader, filters: Mapping[str, Any]
) -> Iterator[tuple[Conditions, Choice, dict[str, Any]]]:
    """Every path to the matches, with the values for it; walks that give up, too."""
    conditions, chosen, values = listing.read_filters(reader, filters, NEWEST_FIRST, 20)
    yield conditions, chosen, values
    search = search_on(reader.dialect)
    probe = search.probe(conditions)
    if probe is None:
        return
    for walked in (0, 1, 2, 1000):
        yield conditions, Choice(search.WALK, {}, walked, chosen.books), values | {"walked": walked}
    yield conditions, Choice(search.SCAN, {}, 0, chosen.books), values
    if reader.dialect.name == "postgresql":
        for path in ("collect", *(f"collect {at}" for at in range(len(conditions.text.groups)))):
            yield conditions, Choice(path, {}, 0, chosen.books), values
        return
    row = reader.rows(Query(probe.statement), values)[0]
    probed = dict(zip([each.name for each in probe.statement.selected_columns], row, strict=True))
    for path in [*probed][1:]:
        found = {"candidates": probed[path]}
        if path != search.COLLECT:
            yield conditions, Choice(path, {}, 0, chosen.books), values
        elif probed[path] is not None:
            yield conditions, Choice(path, found, 0, chosen.books), values | found
    if conditions.text.groups:
        yield conditions, Choice(search.ALL, {}, 0, chosen.books), values


@contextmanager
def on(path: tuple[Conditions, Choice, dict[str, Any]]) -> Iterator[None]:
    """The lists take this path, whatever they would choose."""
    with ExitStack() as stack:
        for module in (listing, relevance):
            stack.enter_context(patch.object(module, "read_filters", lambda *args: path))
        yield
