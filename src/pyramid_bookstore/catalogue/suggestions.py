"""What a search field offers while somebody types, and the nearest spelling of a search."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import bindparam, func, select

from pyramid_bookstore.catalogue.listing import list_books, read_filters
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.catalogue.relevance import SMALL, list_by_relevance
from pyramid_bookstore.catalogue.shapes import TOTAL, search_on
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query, Reader, Row
from pyramid_bookstore.search.pieces import Wanted, beginnings, plain_words, wanted
from pyramid_bookstore.search.spelling import Spelling, is_one_step_apart, spellings
from pyramid_bookstore.search.words import stored

#: Books whose words or authors are looked at, the newest that match.
LOOKED_AT: Final = 100

#: So many books of an author are counted; the number stands for it or more.
COUNTED: Final = 1_000

#: Words of a search that is corrected; more are looked up one by one for too long.
CORRECTED: Final = 6

#: The longest words of a search, each of which is corrected by all books where nothing near stands
#: beside the others.
LONGEST: Final = 2

#: Letters of a word that is corrected by what stands beside the others; a shorter one is near to
#: too many.
SHORTEST: Final = 3

#: Books of a sample in which a word is seen, for it to be the most frequent one.
CERTAIN: Final = 3

#: Books of a sample with a spelling that are too many.
OFTEN: Final = 5

#: Spellings that are looked for at once in a large catalogue, and for how long others are.
AT_ONCE: Final = 4
SECONDS: Final = 0.008

_TOTAL = Query(select(TOTAL.label("total")))


class Suggestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An author with the number of ``books`` (1,000 stands for more, too), or a title with the
    ``isbn`` of its book."""

    text: str
    field: Literal["author", "title"]
    books: int | None = None
    isbn: str | None = None


class Suggestions(msgspec.Struct, frozen=True, kw_only=True):
    """Authors first, then titles; ``corrected`` where they fit the nearest spelling alone."""

    data: Sequence[Suggestion]
    corrected: bool = False


def suggest(reader: Reader, text: str, limit: int) -> Suggestions:
    """At most ``limit`` authors and titles with words that begin as those of the text do."""
    found = _beginning_so(reader, text, limit)
    if found:
        return Suggestions(data=found)
    nearest = nearest_spelling(reader, text)
    found = _beginning_so(reader, nearest, limit) if nearest else []
    return Suggestions(data=found, corrected=bool(found))


def nearest_spelling(reader: Reader, search: str) -> str | None:
    """The search with words in their nearest spelling: each that no book has, and where books have
    each but none has all, the one that most books have in another spelling beside the others. A
    blank that is missing is a letter that is.

    `None` if there is none, or if the search finds something.
    """
    words = plain_words(search)
    if len(words) > CORRECTED:
        return None
    known = [word for word in words if _is_found(reader, word)]
    nearest: dict[str, str] = {}
    # Of long words there are few that are near; the others are looked for beside them.
    for word in sorted({*words} - {*known}, key=lambda each: (-len(each), each)):
        found = _most_frequent(_beside(reader, known, word)) or _nearest(reader, word)
        if found is None:
            return None
        nearest[word] = found
        known.append(found)
    corrected = [nearest.get(word, word) for word in words]
    text = " ".join(corrected)
    if _is_found(reader, text):
        return text if nearest else None
    return _one_corrected(reader, corrected)


def _one_corrected(reader: Reader, words: Sequence[str]) -> str | None:
    """The words, one of them in its nearest spelling in the books that have all others."""
    found: Counter[str] = Counter()
    for at, word in enumerate(words):
        others = [*words[:at], *words[at + 1 :]]
        for near, books in _beside(reader, others, word).items():
            found[_with(words, at, near)] = books
    if found:
        return _most_frequent(found)
    # Beside frequent words the newest books alone were looked at.
    for at in sorted(range(len(words)), key=lambda at: -len(words[at]))[:LONGEST]:
        nearest = _nearest(reader, words[at])
        if nearest and _is_found(reader, _with(words, at, nearest)):
            return _with(words, at, nearest)
    return None


def _with(words: Sequence[str], at: int, word: str) -> str:
    return " ".join([*words[:at], word, *words[at + 1 :]])


def _beside(reader: Reader, others: Sequence[str], word: str) -> Counter[str]:
    """What is one step from this word in books that have the others, and in how many."""
    found: Counter[str] = Counter()
    if not others or len(word) < SHORTEST:
        return found
    filters = {"search": " ".join(others)}
    for book in list_books(reader, ListQuery(filters=filters, limit=LOOKED_AT, count="none")).books:
        found.update(_near(word, f"{stored(book.title)} {stored(book.author)}"))
    return found


def _near(word: str, text: str) -> set[str]:
    """The words of the stored text that are one step from this one, and two that it joins."""
    words = text.split()
    return {
        *(each for each in words if is_one_step_apart(word, each)),
        *(f"{one} {other}" for one, other in pairwise(words) if one + other == word),
    }


def _beginning_so(reader: Reader, text: str, limit: int) -> list[Suggestion]:
    begin, whole = beginnings(text), wanted(text)
    if not begin.groups:
        return []
    # Digits can be those of an ISBN.
    asked = whole if any(len(group) > 1 for group in whole.groups) else begin
    query = ListQuery(filters={"search": asked}, limit=limit, count="none")
    titles: dict[str, Suggestion] = {}
    for book in list_by_relevance(reader, query).books:
        made = Suggestion(text=book.title, field="title", isbn=book.isbn)
        titles.setdefault(stored(book.title), made)
    # Where no book has the words, none has them in its author.
    authors = _authors(reader, begin, limit) if titles else []
    # Half of each, or what the others leave.
    room = max(limit - len(titles), (limit + 1) // 2)
    return [*authors[:room], *titles.values()][:limit]


def _authors(reader: Reader, begin: Wanted, limit: int) -> list[Suggestion]:
    """The authors who match, those with the most books first."""
    query = ListQuery(filters={"search": begin.of_author}, limit=LOOKED_AT, count="none")
    seen: Counter[str] = Counter()
    texts: dict[str, str] = {}
    for book in list_books(reader, query).books:
        words = stored(book.author)
        seen[words] += 1
        texts.setdefault(words, book.author)
    counted = _count_query(reader.dialect)
    found = [
        Suggestion(
            text=texts[words],
            field="author",
            books=reader.rows(counted, {"author": words})[0][0],
        )
        for words, _ in seen.most_common(limit)
    ]
    return sorted(found, key=lambda each: (-(each.books or 0), each.text))


def _is_found(reader: Reader, search: str) -> bool:
    query = ListQuery(filters={"search": search}, limit=1, count="none")
    # The newest that match may be far down the list.
    _, choice, _ = read_filters(reader, query.filters, query.sort, query.limit)
    return choice.certain or bool(list_books(reader, query).books)


def _nearest(reader: Reader, word: str) -> str | None:
    """What is one step from this word in most books."""
    near = [*dict.fromkeys(spellings(word))]
    found: Counter[str] = Counter()
    for query in _spelling_queries(reader.dialect):
        counted: Counter[str] = Counter()
        often: Counter[str] = Counter()
        for pattern, text in _with_spellings(reader, query, near):
            often[pattern] += 1
            counted.update(_near(word, text))
        found |= counted
        if found and max(found.values()) >= CERTAIN:
            break
        # What is often in a sample is in too many books to look at all of them.
        near = [spelling for spelling in near if often[spelling.pattern] < OFTEN]
    return _most_frequent(found)


def _most_frequent(found: Counter[str]) -> str | None:
    return min(found, key=lambda each: (-found[each], each), default=None)


def _with_spellings(reader: Reader, query: Query, near: Sequence[Spelling]) -> Iterator[Row]:
    """What the query gives. In a large catalogue a spelling of frequent parts takes some
    milliseconds by itself, so only as many are looked for as there is time."""
    small = reader.rows(_TOTAL, {})[0][0] <= SMALL
    end = time.monotonic() + SECONDS
    at, some = 0, len(near) if small else 1
    while at < len(near) and (not at or time.monotonic() <= end):
        spelled = search_on(reader.dialect).spelled(near[at : at + some])
        yield from reader.rows(query, {"spellings": spelled})
        at, some = at + some, min(some * 2, AT_ONCE)


@lru_cache(maxsize=4)
def _spelling_queries(dialect: Dialect) -> Sequence[Query]:
    return [*map(Query, search_on(dialect).with_spellings())]


@lru_cache(maxsize=4)
def _count_query(dialect: Dialect) -> Query:
    author: Any = BOOKS.c.author_words
    some = select(author).where(author == bindparam("author")).limit(COUNTED).subquery()
    return Query(select(func.count()).select_from(some))
