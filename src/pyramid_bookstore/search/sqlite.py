"""Search on SQLite: an FTS5 index of trigrams, and a look at how often a search is met.

SQLite keeps no statistics that would tell a rare piece of text from a common one. So a first
statement counts the candidates of each filter, up to `RARE`; with few, the rarest filter's are
fetched and sorted, and with more the index of the order is walked until the page is full. The
choice is then written into the statement, so that no planner can get it wrong: candidates are a
subquery, or for texts the list that was found, and a unary plus keeps all other indexes out.

The books with a token of a declared field are in the order of their age, so those pages are read by
that index: of one token however many books have it, and of several filters where it is rare.

To look for all trigrams of a piece, in their order, takes a time that grows with the books that
have the common ones. Of pieces that are in none of the latest books, only the three rarest trigrams
are looked for, in any order; the books that have these are few as well, and the pieces are then
looked for in them. Which trigrams are rare is seen in the oldest books, with which their lists
begin. A piece of two characters has no trigram, but is a range in the list of trigrams.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.search.base import (
    Choice,
    Conditions,
    Probe,
    Search,
    TextShape,
    attribute_name,
    number_of,
)
from pyramid_bookstore.search.spelling import Spelling
from pyramid_bookstore.search.words import Group, Piece, Place

#: An estimated total is exact up to so many matches, beyond them it comes from so many blocks of so
#: many books, spread evenly: books side by side are read at a tenth of the cost.
EXACT_UP_TO = 2_000
BLOCKS, BLOCK = 64, 200
SAMPLE = BLOCKS * BLOCK

#: Books that are looked at to estimate a facet.
FACETED = 64 * 60

#: Books that are looked at for each spelling.
SPELLED = 300

#: Candidates are counted up to here; with so many, a filter is not rare in any catalogue.
RARE = 2_000

#: A search that one of so many of the latest books meets is not thought to be rare.
LATEST = 100

#: So many trigrams of a search are weighed, by so many of the oldest books, to look for so many.
WEIGHED, OLDEST, LOOKED_FOR = 12, 2_000, 3

# Of a longer piece the index is asked for the beginning, as each further trigram costs as much
# again: of 500 characters with common ones it took 1.5 s among a million books.
_LONGEST = 16

# Fetching a candidate and sorting it costs about as much as walking past seven books. So many books
# wanted are then cheaper from n candidates than by walking where n < sqrt(wanted / 7 * books).
_WALKED_PER_COLLECTED = 7

# A walk gives up after so many times the books that it should take.
_PATIENCE = 2

_SEARCH = sa.table("bookstore_search", sa.column("rowid"))
_GRAMS = sa.table(
    "bookstore_search_grams",
    sa.column("term", sa.Text),
    sa.column("doc"),
    sa.column("col", sa.Text),
)
#: Made by `catalogue.declared_index`.
_TOKENS = sa.table(
    "bookstore_attributes",
    sa.column("token", sa.Text),
    sa.column("created_at", UTCDateTime()),
    sa.column("seq", sa.Integer),
)
_MATCHES = sa.literal_column("bookstore_search").op("MATCH", is_comparison=True)
_SEQ: ColumnElement[int] = sa.literal_column("bookstore_books.seq")
_MATCH = sa.bindparam("match", type_=sa.Text())
#: The columns of the index that each place is.
_COLUMNS = {"text": "{title author extra}", "author": "author", "isbn": "isbn"}


class SQLiteSearch(Search):
    """Paths are chosen by probing; a path is named after the column whose index is entered."""

    indexes = ("bookstore_search", "bookstore_search_grams")
    ALL = "all"
    WALKED_PER_MATCH = 3

    def read(self, groups: Sequence[Group]) -> tuple[TextShape, dict[str, Any]]:
        shape, values = super().read(groups)
        indexed = [group for group in groups if all(map(_has_trigram, group))]
        by_isbn = _by_isbn(shape.groups)
        short = ""
        if by_isbn is not None:
            values["match"] = _match([[*filter(_has_trigram, groups[by_isbn])]])
            short = groups[by_isbn][0].text
        elif indexed:
            values["match"] = _match(indexed)
            # With several texts to choose from, a book may have none of one text's trigrams.
            texts = [group[0].text for group in indexed if len({each.text for each in group}) == 1]
            trigrams = [text[at : at + 3] for text in texts for at in range(len(text) - 2)]
            trigrams = [*dict.fromkeys(trigrams)]
            step = -(-len(trigrams) // WEIGHED) or 1
            values["trigrams"] = json.dumps([f'"{each}"' for each in trigrams[::step]])
        elif groups:
            short = next(group[0].text for group in groups if len(group) == 1)
        if len(short) < 3:
            values |= {"from": short, "to": f"{short}\U0010ffff" if short else ""}
        else:
            values |= {"from": "", "to": ""}
        exact = all(len(piece.text) <= _LONGEST for group in groups for piece in group)
        return shape._replace(indexed=len(indexed), exact=exact), values

    def where(self, conditions: Conditions, path: str, order: str = "") -> list[Any]:
        clauses: list[Any] = []
        if path == self.COLLECT:
            clauses.append(_SEQ.in_(sa.select(_members("candidates"))))
        elif self.sorts(path):
            clauses.append(_SEQ.in_(self._candidates(conditions, path)))
        clauses += self._checked(conditions, path, order, self.books.c.created_at, _SEQ)
        return clauses

    def source(
        self, conditions: Conditions, path: str, order: str, aged: str
    ) -> tuple[Any, Any, list[Any]]:
        if not aged:
            return super().source(conditions, path, order, aged)
        index = _TOKENS.alias("aged")
        token = sa.func.json_extract(sa.bindparam(aged, type_=sa.Text()), "$[0]")
        clauses = self._checked(conditions, aged, "", index.c.created_at, index.c.seq)
        books = index.join(self.books, index.c.seq == _SEQ)
        return books, index.c.created_at, [index.c.token == token, *clauses]

    def _checked(
        self, conditions: Conditions, path: str, order: str, created_at: Any, seq: Any
    ) -> list[Any]:
        """The conditions but for that of the path, of the book with this age and number."""
        # Of candidates as well: they were found by a part of the text, and a moment ago.
        clauses: list[Any] = self.texts(conditions.text)
        for each in conditions.comparisons:
            if path == each.column:
                continue
            column: Any = self.column(each.column)
            # Where the walk is along the very column, its index is entered and left at the right
            # place; no index is used for a column with a unary plus.
            own = each.column in self.computed
            if not own and not (path == self.WALK and order == each.column):
                column = sa.literal_column(f"+{column}", column.type)
            clauses.append(each.clause(column))
        clauses += [
            self._tokens(number)
            .where(_TOKENS.c.created_at == created_at, _TOKENS.c.seq == seq)
            .correlate_except(_TOKENS)
            .exists()
            for number in range(len(conditions.attributes))
            if path != attribute_name(number)
        ]
        return clauses

    def sorts(self, path: str) -> bool:
        return path not in ("", self.WALK)

    def probe(self, conditions: Conditions) -> Probe | None:
        paths = self._paths(conditions)
        if not paths:
            return None
        columns: list[Any] = [self.total.label("total")]
        columns += [
            (
                self._found(conditions.text)
                if path == self.COLLECT
                else number_of(self._candidates(conditions, path).limit(RARE))
            ).label(path)
            for path in paths
        ]
        return Probe(sa.select(*columns), partial(self._choose, conditions))

    def _choose(
        self, conditions: Conditions, probed: Sequence[Any], wanted: int, order: str
    ) -> Choice:
        paths, by_time = self._paths(conditions), conditions.by_time
        ordered = [
            attribute_name(at) for at, several in enumerate(conditions.attributes) if not several
        ]
        alone = conditions == Conditions(attributes=(False,))
        total, *found = probed
        counted = dict(zip(paths, found, strict=True))
        if self.COLLECT in counted:
            counted[self.COLLECT] = RARE if found[0] is None else len(json.loads(found[0]))
        path, fewest = min(counted.items(), key=lambda item: item[1])
        few = fewest < min(RARE, (wanted * total / _WALKED_PER_COLLECTED) ** 0.5)
        aged = path if order == "created_at" and path in ordered else ""
        if fewest and not few:
            path = self.WALK
        if aged and (fewest < RARE or alone):
            return Choice(path, {}, 0, total, fewest, aged)
        probed = [
            counted[each]
            for each in counted
            if fewest and (each not in self.books.c or (each == by_time and each != order))
        ]
        if path == self.WALK and probed:
            walked = int(_PATIENCE * wanted * total / min(probed)) + 1
            return Choice(path, {}, walked, total, fewest)
        candidates = {"candidates": found[0]} if path == self.COLLECT else {}
        return Choice(path, candidates, 0, total, fewest)

    def _count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        single = self._single(conditions)
        if single is not None and path != self.COLLECT:
            return number_of(single)
        # If nothing of it is rare, reading the table from end to end is the cheapest.
        clauses = self.where(conditions, path)
        statement = sa.select(sa.func.count()).select_from(self.books).where(*clauses)
        return statement.correlate(None).scalar_subquery()

    def estimate(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        if path != self.WALK:
            return self.count(conditions, path)
        sampled = self._sampled(conditions)
        single = self._single(conditions)
        if single is None:
            # A sample may take as many books, and say less.
            return sa.case((self.total <= SAMPLE, self.count(conditions, path)), else_=sampled)
        exact = number_of(single.limit(EXACT_UP_TO + 1))
        return sa.case((exact <= EXACT_UP_TO, exact), else_=sa.func.max(sampled, EXACT_UP_TO))

    def contains(self, text: Any, piece: Any) -> ColumnElement[bool]:
        return sa.func.instr(text, piece) > 0

    def spelled(self, near: Sequence[Spelling]) -> str:
        return json.dumps([(query, each.pattern) for each in near if (query := _spelled(each))])

    def tokens(self, tokens: Sequence[str]) -> str:
        return json.dumps(tokens)

    def with_spellings(self) -> Sequence[sa.Select[Any]]:
        spelling = _members("spellings")
        query, pattern = (sa.func.json_extract(spelling, f"$[{at}]") for at in (0, 1))
        some = _matching(query).limit(SPELLED).correlate(spelling.table).subquery()
        numbers = sa.select(sa.func.json_group_array(some.c.rowid)).correlate(spelling.table)
        # A function of the query, so that the database cannot begin with the books.
        number = sa.func.json_each(numbers.scalar_subquery()).table_valued("value").c.value
        text = self.text
        found = spelling.table.join(number.table, sa.true()).join(self.books, number == _SEQ)
        statement = sa.select(pattern.label("pattern"), text.label("text")).select_from(found)
        return (statement.where(text.like(pattern)),)

    def members_of(self, attributes: Any) -> Any:
        found = sa.func.json_each(attributes).table_valued("value", joins_implicitly=True)
        return found.c.value

    def sample(self, conditions: Conditions, path: str) -> sa.Select[Any]:
        found = sa.select(self.books.c.id, self.books.c.attributes)
        if path != self.WALK and path:
            return found.where(*self.where(conditions, path)).limit(FACETED)
        return found.select_from(self._blocks(FACETED // BLOCKS)).where(
            *self.where(conditions, self.WALK)
        )

    def _sampled(self, conditions: Conditions) -> ColumnElement[int]:
        clauses = self.where(conditions, self.WALK)
        hits = sa.func.sum(sa.case((sa.and_(*clauses), 1), else_=0))
        return (
            sa.select((self.total * hits + sa.func.count() // 2) // sa.func.max(sa.func.count(), 1))
            .select_from(self._blocks(BLOCK))
            .correlate(None)
            .scalar_subquery()
        )

    def _blocks(self, size: int) -> Any:
        """Blocks of so many books, spread evenly."""
        numbers = sa.select(sa.literal(0).label("number")).cte("numbers", recursive=True)
        numbers = numbers.union_all(
            sa.select(numbers.c.number + 1).where(numbers.c.number < BLOCKS - 1)
        )
        first = numbers.c.number * self._end(sa.func.max) // BLOCKS
        return numbers.join(self.books, sa.and_(first < _SEQ, first + size >= _SEQ))

    def _paths(self, conditions: Conditions) -> list[str]:
        """The filters that have an index."""
        columns = dict.fromkeys(
            each.column
            for each in conditions.comparisons
            if each.column not in self.computed or each.operator == "="
        )
        paths = [
            column for column in columns if column in self.indexed or column not in self.books.c
        ]
        paths = [*map(attribute_name, range(len(conditions.attributes))), *paths]
        return [self.COLLECT, *paths] if conditions.text.groups else paths

    def _single(self, conditions: Conditions) -> sa.Select[Any] | None:
        """The matches, where one index alone knows them."""
        columns = {each.column for each in conditions.comparisons}
        columns |= {*map(attribute_name, range(len(conditions.attributes)))}
        paths, text = self._paths(conditions), conditions.text
        one_index = len(text.groups) == 1 or (
            text.indexed == len(text.groups) and _by_isbn(text.groups) is None
        )
        if len(paths) != 1 or not columns <= {*paths} or not (one_index and text.exact):
            return None
        single: sa.Select[Any] = self._candidates(conditions, paths[0])
        return single

    def _candidates(self, conditions: Conditions, path: str, most: int | None = None) -> Any:
        """The numbers of the rows that one filter lets through, by its index alone; of texts, at
        least one of them. Where several indexes are asked, ``most`` are taken of each."""
        books = sa.select(_SEQ.label("number")).select_from(self.books)
        if path == self.ALL and not conditions.text.groups:
            path = attribute_name(0) if conditions.attributes else conditions.by_time
        for at, several in enumerate(conditions.attributes):
            if path == attribute_name(at):
                tokens = self._tokens(at)
                return tokens.distinct() if several else tokens
        if path in self.computed:
            # Each by an index of its own; together, the planner would read all books.
            return sa.union_all(*(books.where(*each) for each in self.computed[path].zeros))
        if path not in (self.COLLECT, self.ALL):
            clauses = [
                each.clause(self.column(path))
                for each in conditions.comparisons
                if each.column == path
            ]
            return books.where(*clauses)
        text = conditions.text
        number = _by_isbn(text.groups)
        if number is not None:
            group = text.groups[number]
            places = {*group} & {"isbn prefix", "whole isbn"}
            ranges = [self.alternative(number, group, place) for place in places]
            found = [books.where(each) for each in ranges]
            parts = [_matching(_MATCH), self._short(group[0]), *found]
            if most is not None:
                # A union has no duplicates, so it is made whole before any limit of its own.
                parts = [sa.select(each.limit(most).subquery()) for each in parts]
            return sa.union(*parts)
        if text.indexed:
            return _matching(_MATCH)
        alone = next(group[0] for group in text.groups if len(group) == 1)
        return self._short(alone)

    def _tokens(self, number: int) -> sa.Select[Any]:
        """The rows with one of the tokens of an attribute, some of them twice."""
        tokens = _members(attribute_name(number))
        return sa.select(_TOKENS.c.seq).where(_TOKENS.c.token.in_(sa.select(tokens)))

    def _short(self, place: Place) -> sa.Select[Any]:
        """The rows with the piece of at most two characters, ``from`` and ``to``."""
        begin, end = (sa.bindparam(name, type_=sa.Text()) for name in ("from", "to"))
        rows = sa.select(_GRAMS.c.doc).distinct().where(begin <= _GRAMS.c.term, end > _GRAMS.c.term)
        return rows.where(_GRAMS.c.col == "author") if place == "author" else rows

    def _found(self, text: TextShape) -> ColumnElement[Any]:
        """The candidates of the text as a JSON array, or NULL where there are `RARE` or more."""
        exact = _array(self._candidates(Conditions(text), self.COLLECT, RARE))
        if not text.indexed or _by_isbn(text.groups) is not None:
            return exact
        latest = sa.select(sa.literal(1)).select_from(self.books)
        latest = latest.where(self._end(sa.func.max) - LATEST < _SEQ)
        return sa.case(
            (latest.where(*self.texts(text)).exists(), exact),
            else_=sa.func.coalesce(_array(_matching(self._rarest())), exact),
        )

    def _rarest(self) -> ColumnElement[Any]:
        """A query that finds all that the text does and a little more."""
        trigram = _members("trigrams")
        frequency = (
            _matching(trigram)
            .where(_SEARCH.c.rowid < self._end(sa.func.min) + OLDEST)
            .with_only_columns(sa.func.count())
        )
        rarest = sa.select(trigram).order_by(frequency.scalar_subquery()).limit(LOOKED_FOR)
        found = rarest.subquery()
        concatenated = sa.func.group_concat(found.c[0], " AND ")
        return sa.select(sa.func.coalesce(concatenated, _MATCH)).scalar_subquery()

    def _end(self, which: Any) -> ColumnElement[int]:
        """The number of the oldest or the latest book."""
        return sa.select(which(_SEQ)).select_from(self.books).correlate(None).scalar_subquery()


def _has_trigram(piece: Piece) -> bool:
    return piece.place in _COLUMNS and len(piece.text) >= 3


def _by_isbn(groups: Sequence[Sequence[Place]]) -> int | None:
    """The group to be looked for in ISBNs, too: one with a whole ISBN, or where all groups have
    alternatives there."""
    for number, group in enumerate(groups):
        if "whole isbn" in group:
            return number
    return 0 if groups and all(len(group) > 1 for group in groups) else None


def _match(groups: Sequence[Sequence[Piece]]) -> str:
    """What has a piece of each group, in FTS5's query language."""
    return " AND ".join(f"({' OR '.join(map(_phrase, group))})" for group in groups)


def _phrase(piece: Piece) -> str:
    """The piece, or its beginning, in FTS5's query language."""
    return f'{_COLUMNS[piece.place]} : "{piece.text[:_LONGEST]}"'


def _spelled(spelling: Spelling) -> str:
    """What has the trigrams of such a word, in FTS5's query language; ``""`` if it has none."""
    begin, end = f" {spelling.begin}", f"{spelling.end} "
    parts = [begin, end] if spelling.gap else [begin + end]
    phrases = [f'"{part}"' for part in parts if len(part) >= 3]
    return f"{_COLUMNS['text']} : ({' AND '.join(phrases)})" if phrases else ""


def _array(candidates: sa.Select[Any]) -> ColumnElement[Any]:
    found = candidates.limit(RARE).subquery()
    array = sa.func.json_group_array(found.c[0])
    return sa.select(sa.case((sa.func.count() < RARE, array))).select_from(found).scalar_subquery()


def _matching(query: ColumnElement[Any]) -> sa.Select[Any]:
    """The rows that a query in FTS5's language finds."""
    return sa.select(_SEARCH.c.rowid).where(_MATCHES(query))


def _members(name: str) -> Any:
    """The members of a parameter that is a JSON array."""
    return sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value").c.value
