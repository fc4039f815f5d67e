"""Search on PostgreSQL: the list of all words, and which books have which.

A first statement asks ``bookstore_search_words`` which words the term is in. Each word is there by
all its endings, so whatever is part of a word begins one, and is a range of a B-tree: one letter or
ten, punctuation, any script. ``bookstore_books_search_idx`` then knows the books that have one of
those words, and by trigrams (pg_trgm) those that have the digits in their ISBN.

How many books that will be is looked up in ``bookstore_books_sample_idx``, which has one book in
`SAMPLED`. If they are few, they are collected and sorted; if they are many, the index of the order
is walked until the page is full. The choice is written into the statement, so that the planner,
whose statistics know nothing of rare words, cannot get it wrong.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from pyramid_bookstore.search.base import (
    Choice,
    Conditions,
    Probe,
    Search,
    TextShape,
    compared,
    number_of,
)

#: An estimated total is exact up to so many matches, and beyond from about `SAMPLE` books. They
#: are read block by block, at a fraction of what as many matches cost by the index.
EXACT_UP_TO = 4_000
SAMPLE = 50_000

#: A term that is in more words than this one is in too many books to collect them.
WORDS = 300

#: Characters of an ending that are kept, as the migration made it.
ENDING = 32

#: One book in so many is in the small index, as the migration made it.
SAMPLED = 128

#: So many matches among them are enough for an estimate: it is off by 7 % (one standard deviation).
ENOUGH = 200

# So many of them are counted; where they are as many, a term is frequent in any catalogue.
_HITS = 100

# Fetching a book and sorting it costs about as much as walking past four. So many books wanted are
# then cheaper from n candidates than by walking where n < sqrt(wanted / 4 * books).
_WALKED_PER_COLLECTED = 4

# Words are asked for in portions: PostgreSQL compares each book that it finds with every word of
# those that it was asked for together.
_PORTION = 100
_PORTIONS = range(0, WORDS, _PORTION)

# How a word is looked up.
_PART = "part"
_BEGINS = "begins"
_WHOLE = "whole"
# What a text must pass besides: the term has blanks, so that words alone do not tell.
_ACROSS = "across words"
# Where else a term of digits can be.
_IN_ISBN = "in isbn"
_ISBN = "isbn"  # a whole one
# Up to three digits, which are in one ISBN of a hundred at least.
_ANYWHERE = "anywhere"

# The paths: the matches of one filter are collected; or the order is walked, and if the number of
# all matches is wanted, it is counted by one filter, or without any by looking at every book.
_GROUPS = ("author", "terms")
COLLECT = {group: f"collect {group}" for group in _GROUPS}
WALK_BY = {group: f"walk, count {group}" for group in _GROUPS}
WALK = "walk"

_WORD: sa.ColumnClause[str] = sa.column("word", sa.Text)
_ENDING: sa.ColumnClause[str] = sa.column("ending", sa.Text)
_WORDS = sa.table("bookstore_search_words", _ENDING, _WORD)
# As the index of whole words has it: no parameters.
_IS_WHOLE: sa.ColumnElement[bool] = sa.literal_column(f"ending = pg_catalog.left(word, {ENDING})")
_IN_SAMPLE: sa.ColumnElement[bool] = sa.literal_column(
    "pg_catalog.get_byte(pg_catalog.uuid_send(bookstore_books.id), 15) < 2"
)


class PostgreSQLSearch(Search):
    """Paths for texts are chosen by probing; of all else the planner has statistics."""

    indexes = (
        "bookstore_books_search_idx",
        "bookstore_books_sample_idx",
        "bookstore_search_endings_idx",
        "bookstore_search_words_idx",
    )

    def read(self, author: str, terms: Sequence[str]) -> tuple[TextShape, dict[str, Any]]:
        values: dict[str, Any] = {}
        ways = [_take(f"term{index}", term, values) for index, term in enumerate(terms)]
        of_author = _take("author", author, values, isbn=False) if author else ""
        return TextShape(of_author, tuple(ways)), values

    def where(self, conditions: Conditions, path: str = "", order: str = "") -> list[Any]:
        return _where(conditions, self.books.c, path)

    def sorts(self, path: str) -> bool:
        return path in COLLECT.values()

    def probe(self, conditions: Conditions) -> Probe | None:
        text = conditions.text
        groups = [group for group in _GROUPS if _indexed(text, group)]
        if not groups:
            return None
        names = [name for group in groups for name in _names(text, group)]
        found = {name: _words_of(name, _way(text, name)) for name in names}
        words = {name: sa.select(cte.c.words).scalar_subquery() for name, cte in found.items()}
        portions = {
            name: [array[at + 1 : at + _PORTION] for at in _PORTIONS]
            for name, array in words.items()
        }
        many = {name: sa.select(cte.c.many).scalar_subquery() for name, cte in found.items()}
        columns: list[Any] = [self.total.label("total")]
        for group in groups:
            known = [_IN_SAMPLE, _group(text, group, portions, self.books.c)]
            if group == "author":  # whose words may be in titles
                known.append(_contains("author", text.author, self.books.c))
            some = sa.select(sa.literal(1)).select_from(self.books).where(*known)
            hits = number_of(some.limit(sa.literal_column(str(_HITS))))
            few = sa.not_(sa.or_(*(many[name] for name in _names(text, group))))
            # CASE counts only if there are few words; NULL says that there are too many.
            columns.append(sa.case((few, hits)).label(group))
        columns += [sa.case((sa.not_(many[name]), words[name])).label(name) for name in names]
        return Probe(sa.select(*columns), _Choose(groups, names))

    def count(self, conditions: Conditions, path: str) -> sa.ColumnElement[int]:
        matches = sa.select(sa.func.count()).select_from(self.books)
        matches = matches.where(*_counted(conditions, self.books.c, path))
        return matches.correlate(None).scalar_subquery()

    def estimate(self, conditions: Conditions, path: str) -> sa.ColumnElement[int]:
        if self.sorts(path):
            return self.count(conditions, path)
        by_words = path in WALK_BY.values()
        return self._by_words(conditions, path) if by_words else self._by_blocks(conditions)

    def _by_words(self, conditions: Conditions, path: str) -> sa.ColumnElement[int]:
        matches = _counted(conditions, self.books.c, path)
        statement = sa.select(sa.func.count().label("hits")).select_from(self.books)
        sample = statement.where(_IN_SAMPLE, *matches).subquery()
        # CASE counts all of them only if it has to.
        estimate = sa.case(
            (sample.c.hits >= ENOUGH, sample.c.hits * SAMPLED), else_=self.count(conditions, path)
        )
        return sa.select(estimate).select_from(sample).scalar_subquery()

    def _by_blocks(self, conditions: Conditions) -> sa.ColumnElement[int]:
        found = sa.select(sa.literal(1)).select_from(self.books)
        found = found.where(*_where(conditions, self.books.c))
        exact = number_of(found.limit(EXACT_UP_TO + 1))
        # Whole blocks at random; `seed` makes them the same ones each time.
        percentage = sa.func.least(100, 100.0 * SAMPLE / sa.func.greatest(1))
        blocks = sa.tablesample(self.books, sa.func.system(percentage), seed=sa.literal(1))
        hits = sa.func.count().filter(*_where(conditions, blocks.c))
        seen = sa.func.greatest(sa.func.count(blocks.c.id), 1)
        sampled = sa.select(self.total * hits / seen).select_from(blocks).scalar_subquery()
        # CASE runs the sample only if it is needed.
        beyond = sa.func.greatest(sa.func.round(sampled), EXACT_UP_TO)
        return sa.case((exact <= EXACT_UP_TO, exact), else_=beyond)


class _Choose:
    """From a probe's row to the path: ``total``, hits of each group, words of each term."""

    def __init__(self, groups: Sequence[str], names: Sequence[str]) -> None:
        self._groups = groups
        self._names = names

    def __call__(self, probed: Sequence[Any], wanted: int) -> Choice:
        total, *rest = probed
        found = dict(zip(self._groups, rest, strict=False))
        values = {
            _portion(name, at): (words or [])[at : at + _PORTION]
            for name, words in zip(self._names, rest[len(found) :], strict=True)
            for at in _PORTIONS
        }
        counted = {group: number for group, number in found.items() if number is not None}
        if not counted:
            return Choice(WALK, {})
        group = min(counted, key=lambda name: counted[name])
        hits = counted[group]
        # As many as were counted at most may be any number.
        few = hits < _HITS and (hits * SAMPLED) ** 2 * _WALKED_PER_COLLECTED < wanted * total
        return Choice((COLLECT if few or not hits else WALK_BY)[group], values)


def _where(conditions: Conditions, book: Any, path: str = WALK) -> list[Any]:
    text = conditions.text
    clauses: list[Any] = []
    for group in _GROUPS:
        names = _names(text, group)
        collected = path == COLLECT[group]
        if collected:
            clauses.append(_group(text, group, _parameters(names), book))
        if names and not (collected and group == "terms"):
            clauses.append(sa.or_(*(_contains(name, _way(text, name), book) for name in names)))
    return [*clauses, *compared(conditions, book)]


def _counted(conditions: Conditions, book: Any, path: str) -> list[Any]:
    """The conditions for a count of all matches."""
    for group in _GROUPS:
        if path == WALK_BY[group]:
            return _where(conditions, book, COLLECT[group])
    return _where(conditions, book, path)


def _names(text: TextShape, group: str) -> list[str]:
    """What the parameters of a group's terms are called."""
    if group == "author":
        return ["author"] * bool(text.author)
    return [f"term{index}" for index in range(len(text.terms))]


def _way(text: TextShape, name: str) -> str:
    return text.author if name == "author" else text.terms[int(name.removeprefix("term"))]


def _indexed(text: TextShape, group: str) -> bool:
    """Whether there are terms in the group, and each can be looked up."""
    names = _names(text, group)
    return bool(names) and all(_ANYWHERE not in _way(text, name) for name in names)


def _portion(name: str, at: int) -> str:
    """The parameter with the words from that place on that a term is in."""
    return f"{name}_words{at}"


def _parameters(names: Sequence[str]) -> Mapping[str, Sequence[Any]]:
    """The words by portions, as parameters."""
    return {
        name: [_unseen(_portion(name, at), ARRAY(sa.Text)) for at in _PORTIONS] for name in names
    }


def like_pattern(term: str) -> str:
    r"""``%term%`` with the wildcards in it made plain by ``\``."""
    plain = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{plain}%"


def _take(name: str, term: str, values: dict[str, Any], *, isbn: bool = True) -> str:
    """The way for a term; its values are added."""
    values[name] = term
    parts = term.split(" ")
    # The longest word is most likely the rarest; of equal ones a later one, as articles come first.
    # It may begin before the term, if it is the first, and go on behind it, if it is the last.
    at = max(range(len(parts)), key=lambda index: (len(parts[index]), index))
    part = parts[at]
    values[f"{name}_part"] = part
    if at == 0:
        way = [_PART]
        # The last character there is: what begins with the part is below it.
        values[f"{name}_from"] = part[:ENDING]
        values[f"{name}_to"] = f"{part[:ENDING]}\U0010ffff"
    else:
        way = [_BEGINS if at == len(parts) - 1 else _WHOLE]
        values[f"{name}_to"] = f"{part}\U0010ffff"
    if len(parts) > 1:
        way.append(_ACROSS)
    if isbn and term.isascii() and term.isdigit():
        if len(term) <= 3:
            way.append(_ANYWHERE)
        way.append(_ISBN if len(term) == 13 else _IN_ISBN)
        values[f"{name}_isbn"] = term if len(term) == 13 else like_pattern(term)
    return ", ".join(way)


def _words_of(name: str, way: str) -> Any:
    """One row of the ``words`` that a term is in (NULL for none), and whether they are too
    ``many``, in which case some are missing."""
    part = _unseen(f"{name}_part")
    first, last = _unseen(f"{name}_from"), _unseen(f"{name}_to")
    lookups: dict[str, list[sa.ColumnElement[bool]]] = {
        # A part may be longer than what is kept of an ending.
        _PART: [first <= _ENDING, last > _ENDING, sa.func.strpos(_WORD, part) > 0],
        _BEGINS: [_IS_WHOLE, part <= _WORD, last > _WORD],
        _WHOLE: [_IS_WHOLE, part == _WORD],
    }
    found = sa.select(_WORD).select_from(_WORDS).where(*lookups[way.split(", ")[0]])
    words = found.limit(sa.literal_column(str(WORDS + 1))).subquery()
    return sa.select(
        sa.func.array_agg(words.c.word).label("words"), (sa.func.count() > WORDS).label("many")
    ).cte(f"{name}_found")


def _unseen(name: str, type_: Any = sa.Text) -> Any:
    """A parameter of which the planner makes nothing: it has one plan for all, and keeps it."""
    return sa.select(sa.bindparam(name, type_=type_)).scalar_subquery()


def _group(
    text: TextShape, group: str, words: Mapping[str, Sequence[Any]], book: Any
) -> sa.ColumnElement[bool]:
    """What the index knows of a group; for the search that is all there is to know."""
    has = sa.func.bookstore_words_of(book.title_folded, book.author_folded, type_=ARRAY(sa.Text))
    alternatives: list[sa.ColumnElement[bool]] = []
    for name in _names(text, group):
        way = _way(text, name).split(", ")
        found = sa.or_(*(has.op("&&", is_comparison=True)(portion) for portion in words[name]))
        if _ACROSS in way:
            found = sa.and_(found, _contains(name, _ACROSS, book))
        alternatives.append(found)
        if _IN_ISBN in way:
            # Not seen, or the planner would judge by it and read the table.
            alternatives.append(book.isbn.like(_unseen(f"{name}_isbn")))
        elif _ISBN in way:
            alternatives.append(book.isbn == sa.bindparam(f"{name}_isbn"))
    return sa.or_(*alternatives)


def _contains(name: str, way: str, book: Any) -> sa.ColumnElement[bool]:
    """Whether the book's text has the term, without an index.

    strpos() rather than LIKE: the planner takes it for something frequent, and so walks.
    """
    term = sa.bindparam(name, type_=sa.Text())
    columns = [book.author_folded] if name == "author" else [book.title_folded, book.author_folded]
    if _ISBN in way or _IN_ISBN in way:
        columns.append(book.isbn)
    return sa.or_(*(sa.func.strpos(searched, term) > 0 for searched in columns))
