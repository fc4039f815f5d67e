"""Search on PostgreSQL: two GIN indexes, and the planner's statistics to choose between them and
the index of the order.

``bookstore_books_search_idx`` (pg_trgm) answers LIKE for terms of ASCII letters and digits with a
word of three or more. pg_trgm sees no punctuation, nothing in one or two letters, and in a database
with the C locale no letters but ASCII ones. All such terms go to ``bookstore_books_grams_idx``,
which holds every single character and every pair of neighbours of title and author.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Text, and_, bindparam, case, func, literal, or_, select, tablesample
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.db.search import (
    TOTAL,
    Conditions,
    Probe,
    Search,
    TextShape,
    by_price,
    by_stock,
    number_of,
)
from pyramid_bookstore.models import Book

#: An estimated total is exact up to so many matches, and beyond from about `SAMPLE` books. They
#: are read block by block, at a fraction of what as many matches cost by the index.
EXACT_UP_TO = 4_000
SAMPLE = 50_000

# How a term is looked up.
ISBN = "isbn"  # a whole one: LIKE, or equal to the ISBN
DIGITS = "digits"  # LIKE, in the ISBN too
WORDS = "words"  # LIKE
GRAMS = "grams"  # characters and pairs, then the term itself

_WORDS = re.compile("[a-z0-9 ]+", re.ASCII)


class PostgreSQLSearch(Search):
    """The planner chooses: it has statistics of the folded texts and of their characters."""

    indexes = ("bookstore_books_search_idx", "bookstore_books_grams_idx")

    def read(self, author: str, terms: Sequence[str]) -> tuple[TextShape, dict[str, Any]]:
        values: dict[str, Any] = {}
        named = {f"term{index}": term for index, term in enumerate(terms)}
        ways = [_take(name, term, values) for name, term in named.items()]
        return TextShape(_take("author", author, values) if author else "", tuple(ways)), values

    def where(self, conditions: Conditions, path: str = "", order: str = "") -> list[Any]:
        return _where(conditions, Book)

    def probe(self, conditions: Conditions) -> Probe | None:
        return None

    def count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        matches = select(func.count()).select_from(Book).where(*_where(conditions, Book))
        return matches.correlate(None).scalar_subquery()

    def estimate(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        found = select(literal(1)).select_from(Book).where(*_where(conditions, Book))
        exact = number_of(found.limit(EXACT_UP_TO + 1))
        # Whole blocks at random; `seed` makes them the same ones each time.
        percentage = func.least(100, 100.0 * SAMPLE / func.greatest(TOTAL, 1))
        blocks = tablesample(Book.__table__, func.system(percentage), seed=literal(1))
        sample: Any = aliased(Book, blocks)
        hits = func.count().filter(*_where(conditions, sample))
        seen = func.greatest(func.count(sample.id), 1)
        sampled = select(TOTAL * hits / seen).select_from(sample).scalar_subquery()
        # CASE runs the sample only if it is needed.
        beyond = func.greatest(func.round(sampled), EXACT_UP_TO)
        return case((exact <= EXACT_UP_TO, exact), else_=beyond)


def _where(conditions: Conditions, book: Any) -> list[Any]:
    clauses: list[Any] = []
    texts = [book.title_folded, book.author_folded]
    if conditions.text.author:
        clauses.append(_matches("author", conditions.text.author, [book.author_folded], book))
    found = []
    for index, way in enumerate(conditions.text.terms):
        name = f"term{index}"
        columns = [*texts, book.isbn] if way == DIGITS else texts
        found.append(_matches(name, way, columns, book))
        if way == ISBN:
            found.append(book.isbn == bindparam(f"{name}_isbn"))
    if found:
        clauses.append(or_(*found))
    return [*clauses, *by_price(conditions, book.price), *by_stock(conditions, book.stock)]


def like_pattern(term: str) -> str:
    r"""``%term%`` with the wildcards in it made plain by ``\``."""
    plain = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def _take(name: str, term: str, values: dict[str, Any]) -> str:
    """The way for a term; its values are added."""
    digits = term.isascii() and term.isdigit()
    if not digits and not _has_trigram(term):
        values[name] = term
        values[f"{name}_grams"] = _grams(term)
        return GRAMS
    values[name] = like_pattern(term)
    if digits and len(term) == 13:
        values[f"{name}_isbn"] = term
        return ISBN
    return DIGITS if digits else WORDS


def _has_trigram(term: str) -> bool:
    """Whether pg_trgm finds something in ``%term%`` to look up, whatever the database's locale.

    It pads words with two blanks before and one behind, except where the term may go on.
    """
    if not _WORDS.fullmatch(term):
        return False
    words = term.split(" ")
    padding = [2 * (index > 0) + (index < len(words) - 1) for index in range(len(words))]
    return any(len(word) + more >= 3 for word, more in zip(words, padding, strict=True))


def _grams(term: str) -> list[str]:
    """What of the grams index every text has that contains the term: pairs that cover its words,
    or if it has no words of two its characters.

    No more pairs than that: the planner takes each for independent of the others, and with many
    thinks that hardly any book has them all.
    """
    pairs = {word[at : at + 2] for word in term.split() for at in range(0, len(word) - 1, 2)}
    pairs |= {word[-2:] for word in term.split() if len(word) > 1}
    return sorted(pairs or {*term.replace(" ", "")})


def _matches(name: str, way: str, columns: Sequence[Any], book: Any) -> ColumnElement[bool]:
    term = bindparam(name, type_=Text())
    if way != GRAMS:
        return or_(*(column.like(term) for column in columns))
    grams = func.bookstore_grams(book.title_folded, book.author_folded)
    looked_up = grams.op("@>")(bindparam(f"{name}_grams", type_=ARRAY(Text)))
    # strpos() rather than LIKE: the planner has an estimate for the grams already, and would
    # multiply it with that of a LIKE as if the two had nothing to do with each other.
    return and_(looked_up, or_(*(func.strpos(column, term) > 0 for column in columns)))
