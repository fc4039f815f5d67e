"""What is searched for: chosen from the books, so that rare is rare in every kind of catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from heapq import nsmallest
from itertools import combinations, pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from generate import generate
from numpy.typing import NDArray

from pyramid_bookstore.catalogue.query import NEWEST_FIRST
from pyramid_bookstore.search.pieces import Group, wanted, wanted_of_author
from pyramid_bookstore.search.words import stored

BY_PRICE = (("price", False),)
TOTALS = ("none", "exact", "estimated")
RANKED = (*TOTALS, "relevance")

#: Matches are at the far end if they are more than a page and all in this last part of the order.
PAGE, FAR = 20, 0.2

#: What makes a page dear: its matches are all at the far end of the order, or it has several
#: frequent words that seldom meet.
Dear = Literal["", "far", "words"]


class Term(NamedTuple):
    """One search; ``asked`` are the kinds of total, `relevance`, or `suggest`."""

    name: str
    filters: Mapping[str, Any]
    matches: int
    dear: Dear = ""
    sort: tuple[tuple[str, bool], ...] = NEWEST_FIRST
    asked: tuple[str, ...] = TOTALS


class Books:
    """The texts of a catalogue as they are stored, with how many books have each word.

    Matches are counted here, book by book, by the package's rules for words but without a database.
    """

    def __init__(self, books: int, kind: str) -> None:
        stored_author = cache(stored)
        chunks = [*generate(books, kind=kind)]
        self.titles = [title for chunk in chunks for title in chunk.title]
        self.author_names = [author for chunk in chunks for author in chunk.author]
        self.authors = [stored_author(author) for author in self.author_names]
        self.texts = [
            f"{stored(title)}\n{author}"
            for title, author in zip(self.titles, self.authors, strict=True)
        ]
        self.isbns = [isbn for chunk in chunks for isbn in chunk.isbn]
        self.cents = np.array([cents for chunk in chunks for cents in chunk.cents])
        self.blank = "" if kind == "unblanked" else " "
        self.words: Counter[str] = Counter()
        self.beginnings: Counter[str] = Counter()
        self.last: dict[str, int] = {}
        self.counted: dict[str, int] = {}
        for number, text in enumerate(self.texts):
            words = {word for word in text.split() if _is_word(word)}
            self.words.update(words)
            self.beginnings.update({word[:size] for word in words for size in (1, 2)})
            self.last.update(dict.fromkeys(words, number))
        shortest = 3 if self.blank else 2
        long = [word for word in self.words if len(word) >= shortest]
        self.long = sorted(long, key=lambda word: (-self.words[word], word))
        self.far = {
            word: None
            for word in self.long
            if self.words[word] > PAGE and self.last[word] < len(self) * FAR
        }
        self.rare = self.near(1)

    def __len__(self) -> int:
        return len(self.texts)

    def found(self, filters: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Which books the filters find."""
        hits = np.ones(len(self), np.bool_)
        groups = wanted_of_author(filters["author"]).groups if "author" in filters else ()
        groups += wanted(filters["search"]).groups if "search" in filters else ()
        for group in groups:
            hits &= self._has(group)
        if "max_price" in filters:
            hits &= self.cents <= filters["max_price"] * 100
        return hits

    def _has(self, group: Group) -> NDArray[np.bool_]:
        hits = np.zeros(len(self), np.bool_)
        for piece in group:
            texts = {"text": self.texts, "author": self.authors}.get(piece.place, self.isbns)
            hits |= np.fromiter((piece.text in text for text in texts), np.bool_, len(self))
        return hits

    def matches(self, **filters: Any) -> int:
        return int(self.found(filters).sum())

    def near(self, count: float, words: Iterable[str] | None = None) -> str:
        """The word of about so many books: it is one of theirs, or part of one."""
        likely = nsmallest(
            30,
            [word for word in self.long if word not in self.far] if words is None else words,
            key=lambda word: (abs(self.words[word] - count), word),
        )
        return min(likely, key=lambda word: abs(self._searched(word) - count))

    def _searched(self, word: str) -> int:
        if word not in self.counted:
            self.counted[word] = self.matches(search=word)
        return self.counted[word]

    def beginning(self, size: int, count: float) -> str:
        """What so many words of about so many books begin with."""
        found = (each for each in self.beginnings if len(each) == size and not each.isdigit())
        return min(found, key=lambda each: (abs(self.beginnings[each] - count), each))


def _is_word(word: str) -> bool:
    return word.isalnum() and not word.isdigit() and not "\U00017000" <= word < "\U00018b00"


@cache  # both databases are asked for the same
def terms(books: int, kind: str) -> list[Term]:
    """What is asked of so many books of this kind."""
    catalogue = Books(books, kind)
    found = [
        *_words(catalogue),
        *_several(catalogue),
        *_numbers(catalogue),
        *_far(catalogue),
        *_authors(catalogue),
        *_cheap(catalogue),
    ]
    return [*(_counted(catalogue, term) for term in found), *_suggestions(catalogue)]


def _counted(books: Books, term: Term) -> Term:
    hits = books.found(term.filters)
    matches = int(hits.sum())
    if not term.dear and matches > PAGE and not hits[round(len(books) * FAR) :].any():
        term = term._replace(dear="far")
    return term._replace(matches=matches)


def _search(name: str, search: str, dear: Dear = "", asked: tuple[str, ...] = TOTALS) -> Term:
    return Term(name, {"search": search}, 0, dear, asked=asked)


def _about(
    books: Books, name: str, count: float, *, far: bool = False, asked: tuple[str, ...] = TOTALS
) -> Iterator[Term]:
    """A word of about so many books; none if no word is."""
    word = books.near(count, books.far if far else None)
    if count / 3 < books.matches(search=word) < count * 3:
        yield _search(name, word, "far" if far else "", asked)


def _words(books: Books) -> Iterator[Term]:
    yield _search("one letter, frequent", books.beginning(1, len(books)))
    yield _search("one letter, rare", books.beginning(1, 3))
    yield _search("two letters, frequent", books.beginning(2, len(books)))
    yield _search("two letters, rare", books.beginning(2, 3))
    yield _search("word in one book", books.rare, asked=RANKED)
    yield from _about(books, "word in ten books", 10)
    for parts in (1_000, 100, 10):
        asked = RANKED if parts == 10 else TOTALS
        yield from _about(books, f"word in 1 of {parts:,}", len(books) / parts, asked=asked)
    yield _search("most frequent word", books.long[0], asked=RANKED)
    yield _search("word in no book", "龘靐" if books.blank == "" else "xyzzyqux")
    for first, second in combinations(books.long[:20], 2):
        joined = first + second
        if not books.matches(search=joined):
            yield _search("word in no book, of frequent parts", joined)
            break


def _several(books: Books) -> Iterator[Term]:
    place = np.flatnonzero(books.found({"search": books.rare}))[0]
    others = [
        word for word in books.texts[place].split() if word in books.words and word != books.rare
    ]
    frequent = max(others, key=lambda word: (books.words[word], word))
    yield _search("rare word and a frequent one", f"{books.rare} {frequent}")
    hits = {word: books.found({"search": word}) for word in books.long[:30]}
    meeting = [
        (int((hits[one] & hits[two]).sum()), int(min(hits[one].sum(), hits[two].sum())), one, two)
        for one, two in combinations(hits, 2)
    ]
    never = [pair for pair in meeting if not pair[0]]
    seldom = [pair for pair in meeting if pair[0]]
    for name, pairs in (("never", never), ("seldom", seldom)):
        if pairs:
            _, _, one, two = min(pairs, key=lambda pair: (pair[0] / pair[1], -pair[1]))
            yield _search(f"two frequent words that {name} meet", f"{one} {two}", "words")
    one, two = _pair(books, hits[books.long[0]])
    yield _search("phrase", f'"{one}{books.blank}{two}"')
    yield _search("phrase, the wrong way round", f'"{two}{books.blank}{one}"', "words")
    yield _search("fifty words", " ".join(sorted(books.long[:300], key=len)[:50]), "words")
    middle = books.titles[len(books) // 2 :][:200]
    yield _search("500 characters", " ".join(middle * 100)[:500].strip())
    yield _search("500 characters in one word", (books.long[0] * 500)[:500])


def _pair(books: Books, hits: NDArray[np.bool_]) -> tuple[str, str]:
    """Two words that follow each other in a title, as frequent as can be."""
    pairs: list[tuple[str, str]] = []
    for number in np.flatnonzero(hits)[:: -(-int(hits.sum()) // 1_000)].tolist():
        title = books.titles[number]
        words = title.split() if books.blank else [title[at : at + 2] for at in range(0, 6, 2)]
        pairs += pairwise(words)
    pairs = [
        pair
        for pair in pairs
        if stored(pair[0]) != stored(pair[1]) and pair[0].lower() not in books.far
    ]
    frequency = books.words
    return max(pairs, key=lambda pair: (min(frequency[word.lower()] for word in pair), pair))


def _numbers(books: Books) -> Iterator[Term]:
    first, last = min(books.isbns), max(books.isbns)
    shared = next(first[:size] for size in range(13, 0, -1) if last.startswith(first[:size]))
    if len(shared) < 4:
        ((shared, _),) = Counter(isbn[:4] for isbn in books.isbns).most_common(1)
    isbn = books.isbns[len(books) // 2]
    yield _search("digits that all ISBNs begin with, or most", shared)
    yield _search("97800000", "97800000")
    yield _search("four digits of an ISBN", isbn[7:11])
    yield _search("ISBN", isbn)
    yield _search(
        "ISBN with hyphens", "-".join([isbn[:3], isbn[3], isbn[4:7], isbn[7:12], isbn[12]])
    )
    yield _search("punctuation", "???")
    yield _search("comma", ",")


def _far(books: Books) -> Iterator[Term]:
    dear = np.quantile(books.cents, 1 - FAR)
    for parts in (10, 100, 1_000) if books.far else ():
        name = f"1 of {parts:,}, at the far end"
        for term in _about(books, name, len(books) / parts, far=True):
            yield term
            if books.cents[books.found(term.filters)].min() > dear:
                yield term._replace(name=f"{name} by price", sort=BY_PRICE)


def _authors(books: Books) -> Iterator[Term]:
    names = Counter(books.author_names)
    words: Counter[str] = Counter()
    for name, count in names.items():
        words.update(dict.fromkeys(filter(_is_word, set(stored(name).split())), count))
    frequent = [word for word, _ in words.most_common(20) if len(word) > 1]
    yield Term("author, frequent word", {"author": frequent[0]}, 0)
    rare = min(words, key=lambda word: (abs(words[word] - 3), word))
    yield Term("author, word in three books", {"author": rare}, 0)
    yield Term("author, the most frequent by name", {"author": names.most_common(1)[0][0]}, 0)
    for one, two in combinations(frequent, 2):
        if not books.matches(author=f"{one} {two}"):
            both = {"author": f"{one} {two}"}
            yield Term("author, two frequent words that never meet", both, 0, "words")
            break
    few = max(PAGE, len(books) // 2_000)
    counts = {word: books.matches(author=word) for word in books.long[:60]}
    scarce = [word for word in counts if 0 < counts[word] <= few] or list(counts)
    word = min(scarce, key=lambda word: (counts[word] > few, words[word] - books.words[word]))
    yield Term("author, a word that is frequent in titles", {"author": word}, 0)


def _cheap(books: Books) -> Iterator[Term]:
    def price(share: float) -> Decimal:
        return Decimal(int(np.quantile(books.cents, share))) / 100

    tenth = books.near(len(books) / 10)
    yield Term("word in ten books, half the prices", _below(books.near(10), price(0.5)), 0)
    yield Term("word in 1 of 10, half the prices", _below(tenth, price(0.5)), 0)
    yield Term("word in 1 of 10, 1 in 100 prices", _below(tenth, price(0.01)), 0)
    yield Term("most frequent word, 1 in 100 prices", _below(books.long[0], price(0.01)), 0)


def _below(search: str, price: Decimal) -> dict[str, Any]:
    return {"search": search, "max_price": price}


def _suggestions(books: Books) -> Iterator[Term]:
    """Not counted: what is offered are authors and titles."""
    word = next((word for word in books.long if len(word) > 5), books.author_names[0][:4])
    swapped = (
        f"{each[:2]}{each[3]}{each[2]}{each[4:]}" for each in (word, *books.long) if each[3:]
    )
    offered = {
        "one letter": books.beginning(1, len(books)),
        "beginning of a word": word[:4],
        "misspelled word": next((each for each in swapped if not books.matches(search=each)), word),
        "nonsense": "zzxqjwk",
    }
    for name, typed in offered.items():
        yield Term(f"suggestions: {name}", {"q": typed}, 0, asked=("suggest",))
