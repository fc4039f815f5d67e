"""Search on SQLite: an FTS5 index of trigrams, and a look at how often a term occurs.

SQLite keeps no statistics that would tell a rare term from a common one. So a first statement
counts the candidates of each filter, up to `RARE`; with few, the rarest filter's are fetched and
sorted, and with more the index of the order is walked until the page is full. The choice is then
written into the statement, so that no planner can get it wrong: candidates are a subquery, or for
texts the list that was found, and a unary plus keeps all other indexes out.

To look for all trigrams of a term, in their order, takes a time that grows with the books that have
the common ones. Of a term that is in none of the latest books, only the three rarest trigrams are
looked for, in any order; the books that have these are few as well, and the term is then looked for
in them. Which trigrams are rare is seen in the oldest books, with which their lists begin.

``bookstore_search`` holds each text with two line feeds behind it, so that every character begins a
trigram: a term of one or two letters is a range in the list of trigrams (``fts5vocab``).
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.search.base import (
    Choice,
    Conditions,
    Probe,
    Search,
    TextShape,
    number_of,
)

#: An estimated total is exact up to so many matches, beyond them it comes from so many books.
EXACT_UP_TO = 10_000
SAMPLE = 20_000

#: In a catalogue of so many books, counting what one index knows is cheaper than a sample,
#: each book of which is a search of its own in the table's tree.
COUNTED_UP_TO = 1_000_000

#: Candidates are counted up to here; with so many, a filter is not rare in any catalogue.
RARE = 2_000

#: A term in one of so many of the latest books is not thought to be rare.
LATEST = 100

#: So many trigrams of a term are weighed, by so many of the oldest books, for so many to look for.
WEIGHED, OLDEST, LOOKED_FOR = 12, 2_000, 3

# Fetching a candidate and sorting it costs about as much as walking past seven books. So many books
# wanted are then cheaper from n candidates than by walking where n < sqrt(wanted / 7 * books).
_WALKED_PER_COLLECTED = 7

# How a term is looked up, and whether it can be part of an ISBN.
LONG, SHORT = "long", "short"
LONG_DIGITS, SHORT_DIGITS = "long digits", "short digits"

# The paths; the others are named after the column whose index is entered.
WALK, TEXT = "walk", "text"

_SEARCH = sa.table("bookstore_search", sa.column("rowid"))
_GRAMS = sa.table(
    "bookstore_search_grams",
    sa.column("term", sa.Text),
    sa.column("doc"),
    sa.column("col", sa.Text),
)
_MATCHES = sa.literal_column("bookstore_search").op("MATCH", is_comparison=True)
_SEQ: ColumnElement[int] = sa.literal_column("bookstore_books.seq")
# Places of a sample, spread evenly and without a period by the golden ratio (Knuth, TAOCP 6.4).
_GOLDEN, _RANGE = 2654435769, 1 << 32


class SQLiteSearch(Search):
    """Paths are chosen by probing."""

    indexes = ("bookstore_search", "bookstore_search_grams")

    def read(self, author: str, terms: Sequence[str]) -> tuple[TextShape, dict[str, Any]]:
        values: dict[str, Any] = {}
        phrases = []
        if author:
            _take("author", author, values)
            if len(author) >= 3:
                phrases.append(f"author : {_phrase(author)}")
        ways = [_take(f"term{index}", term, values) for index, term in enumerate(terms)]
        if terms and all(map(_long, ways)):
            phrases.append(f"({' OR '.join(map(_phrase, terms))})")
        if phrases:
            values["match"] = " AND ".join(phrases)
        return TextShape(_way(author) if author else "", tuple(ways)), values

    def where(self, conditions: Conditions, path: str = "", order: str = "") -> list[Any]:
        clauses: list[Any] = []
        if path == TEXT:
            clauses.append(_SEQ.in_(sa.select(_numbers("candidates"))))
        elif self.sorts(path):
            clauses.append(_SEQ.in_(_candidates(self.books, conditions, path)))
        # Of candidates as well: they were found by a part of the text, and a moment ago.
        clauses += _texts(self.books, conditions)
        for each in conditions.comparisons:
            if path == each.column:
                continue
            column: Any = self.books.c[each.column]
            # Where the walk is along the very column, its index is entered and left at the right
            # place; no index is used for a column with a unary plus.
            if not (path == WALK and order == each.column):
                column = sa.literal_column(f"+bookstore_books.{each.column}", column.type)
            clauses.append(each.clause(column))
        return clauses

    def sorts(self, path: str) -> bool:
        return path not in ("", WALK)

    def probe(self, conditions: Conditions) -> Probe | None:
        paths = self._paths(conditions)
        if not paths:
            return None
        columns: list[Any] = [self.total.label("total")]
        columns += [
            (
                _found(self.books, conditions)
                if path == TEXT
                else number_of(_candidates(self.books, conditions, path).limit(RARE))
            ).label(path)
            for path in paths
        ]
        return Probe(sa.select(*columns), partial(_choose, paths))

    def count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        single = self._single(conditions)
        if single is not None and path != TEXT:
            return number_of(single)
        # If nothing of it is rare, reading the table from end to end is the cheapest.
        statement = (
            sa.select(sa.func.count()).select_from(self.books).where(*self.where(conditions, path))
        )
        return statement.correlate(None).scalar_subquery()

    def estimate(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        if path != WALK:
            return self.count(conditions, path)
        sampled = self._sampled(conditions)
        single = self._single(conditions)
        if single is None:
            # A sample may take as many books, and say less.
            return sa.case((self.total <= SAMPLE, self.count(conditions, path)), else_=sampled)
        exact = number_of(single.limit(EXACT_UP_TO + 1))
        return sa.case(
            (self.total <= COUNTED_UP_TO, number_of(single)),
            (exact <= EXACT_UP_TO, exact),
            else_=sa.func.max(sampled, EXACT_UP_TO),
        )

    def _sampled(self, conditions: Conditions) -> ColumnElement[int]:
        numbers = sa.select(sa.literal(0).label("number")).cte("numbers", recursive=True)
        numbers = numbers.union_all(
            sa.select(numbers.c.number + 1).where(numbers.c.number < SAMPLE - 1)
        )
        place = 1 + (numbers.c.number * _GOLDEN % _RANGE) * _end(self.books, sa.func.max) // _RANGE
        hits = sa.func.sum(sa.case((sa.and_(*self.where(conditions, WALK)), 1), else_=0))
        return (
            sa.select((self.total * hits + sa.func.count() // 2) // sa.func.max(sa.func.count(), 1))
            .select_from(numbers.join(self.books, place == _SEQ))
            .correlate(None)
            .scalar_subquery()
        )

    def _paths(self, conditions: Conditions) -> list[str]:
        """The filters that have an index."""
        columns = dict.fromkeys(each.column for each in conditions.comparisons)
        paths = [column for column in columns if column in self.indexed]
        return [TEXT, *paths] if conditions.text != TextShape() else paths

    def _single(self, conditions: Conditions) -> sa.Select[Any] | None:
        """The matches, where one index alone knows them."""
        columns = {each.column for each in conditions.comparisons}
        paths = self._paths(conditions)
        if len(paths) != 1 or not columns <= {*paths}:
            return None
        text = conditions.text
        ways = [text.author] * bool(text.author) + list(text.terms[:1])
        return _candidates(self.books, conditions, paths[0]) if all(map(_long, ways)) else None


def _choose(paths: Sequence[str], probed: Sequence[Any], wanted: int) -> Choice:
    total, *found = probed
    candidates = dict(zip(paths, found, strict=True))
    if TEXT in candidates:
        candidates[TEXT] = RARE if found[0] is None else len(json.loads(found[0]))
    path, fewest = min(candidates.items(), key=lambda item: item[1])
    few = fewest < min(RARE, (wanted * total / _WALKED_PER_COLLECTED) ** 0.5)
    if fewest and not few:
        path = WALK
    return Choice(path, {"candidates": found[0]} if path == TEXT else {})


def _way(term: str) -> str:
    if term.isascii() and term.isdigit():
        return LONG_DIGITS if len(term) >= 3 else SHORT_DIGITS
    return LONG if len(term) >= 3 else SHORT


def _long(way: str) -> bool:
    return way in (LONG, LONG_DIGITS)


def _take(name: str, term: str, values: dict[str, Any]) -> str:
    """The way for a term; its values are added."""
    way = _way(term)
    values[name] = term
    if _long(way):
        trigrams = [*dict.fromkeys(term[at : at + 3] for at in range(len(term) - 2))]
        step = -(-len(trigrams) // WEIGHED)
        values[f"{name}_trigrams"] = json.dumps([*map(_phrase, trigrams[::step])])
    else:
        values[f"{name}_end"] = f"{term}\U0010ffff"
    return way


def _phrase(term: str) -> str:
    """A string of FTS5's query language."""
    return '"' + term.replace('"', '""') + '"'


def _by_phrase(text: TextShape) -> bool:
    """Whether the full-text index is asked, rather than its list of trigrams."""
    return _long(text.author) or bool(text.terms and _long(text.terms[0]))


def _candidates(books: sa.Table, conditions: Conditions, path: str) -> sa.Select[Any]:
    """The numbers of the rows that one filter lets through, by its index alone; of texts, at least
    one of them."""
    if path != TEXT:
        column = books.c[path]
        clauses = [each.clause(column) for each in conditions.comparisons if each.column == path]
        return sa.select(_SEQ).select_from(books).where(*clauses)
    if _by_phrase(conditions.text):
        return _matching(sa.bindparam("match", type_=sa.Text()))
    name = "term0" if conditions.text.terms else "author"
    rows = sa.select(_GRAMS.c.doc).where(
        _GRAMS.c.term >= sa.bindparam(name, type_=sa.Text()),
        _GRAMS.c.term < sa.bindparam(f"{name}_end", type_=sa.Text()),
    )
    return rows if conditions.text.terms else rows.where(_GRAMS.c.col == "author")


def _found(books: sa.Table, conditions: Conditions) -> ColumnElement[Any]:
    """The candidates of the text as a JSON array, or NULL where there are `RARE` or more."""
    exact = _array(_candidates(books, conditions, TEXT))
    if not _by_phrase(conditions.text):
        return exact
    latest = (
        sa.select(sa.literal(1)).select_from(books).where(_end(books, sa.func.max) - LATEST < _SEQ)
    )
    return sa.case(
        (latest.where(*_texts(books, conditions)).exists(), exact),
        else_=sa.func.coalesce(_array(_matching(_rarest(books, conditions.text))), exact),
    )


def _array(candidates: sa.Select[Any]) -> ColumnElement[Any]:
    found = candidates.limit(RARE).subquery()
    array = sa.func.json_group_array(found.c[0])
    return sa.select(sa.case((sa.func.count() < RARE, array))).select_from(found).scalar_subquery()


def _matching(query: ColumnElement[Any]) -> sa.Select[Any]:
    """The rows that a query in FTS5's language finds."""
    return sa.select(_SEARCH.c.rowid).where(_MATCHES(query))


def _rarest(books: sa.Table, text: TextShape) -> ColumnElement[Any]:
    """A query that finds all that the text does and a little more."""
    parts: list[ColumnElement[Any]] = []
    if _long(text.author):
        parts.append(sa.literal("author : ").concat(_rarest_of(books, "author")))
    if text.terms and all(map(_long, text.terms)):
        first, *others = (_rarest_of(books, f"term{index}") for index in range(len(text.terms)))
        for other in others:
            first = first.concat(" OR ").concat(other)
        parts.append(sa.literal("(").concat(first).concat(")"))
    return parts[0] if len(parts) == 1 else parts[0].concat(" AND ").concat(parts[1])


def _rarest_of(books: sa.Table, name: str) -> ColumnElement[Any]:
    trigram = _numbers(f"{name}_trigrams")
    frequency = (
        _matching(trigram)
        .where(_SEARCH.c.rowid < _end(books, sa.func.min) + OLDEST)
        .with_only_columns(sa.func.count())
    )
    rarest = sa.select(trigram).order_by(frequency.scalar_subquery()).limit(LOOKED_FOR).subquery()
    both = sa.func.group_concat(rarest.c[0], " AND ")
    return sa.select(sa.literal("(").concat(both).concat(")")).scalar_subquery()


def _end(books: sa.Table, which: Any) -> ColumnElement[int]:
    """The number of the oldest or the latest book."""
    return sa.select(which(_SEQ)).select_from(books).correlate(None).scalar_subquery()


def _numbers(name: str) -> Any:
    """The members of a parameter that is a JSON array."""
    return sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value").c.value


def _texts(books: sa.Table, conditions: Conditions) -> list[ColumnElement[bool]]:
    """The conditions on texts, as a book by itself is asked."""
    text = conditions.text
    clauses = []
    if text.author:
        clauses.append(_contains("author", [books.c.author_folded]))
    if text.terms:
        clauses.append(
            sa.or_(*(_has(books, f"term{index}", way) for index, way in enumerate(text.terms)))
        )
    return clauses


def _contains(name: str, columns: Sequence[Any]) -> ColumnElement[bool]:
    term = sa.bindparam(name, type_=sa.Text())
    return sa.or_(*(sa.func.instr(folded, term) > 0 for folded in columns))


def _has(books: sa.Table, name: str, way: str) -> ColumnElement[bool]:
    columns = [books.c.title_folded, books.c.author_folded]
    if way in (LONG_DIGITS, SHORT_DIGITS):
        columns.append(books.c.isbn)
    return _contains(name, columns)
