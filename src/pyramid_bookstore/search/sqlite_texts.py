"""The texts of books on SQLite: an FTS5 index of trigrams, and how it is asked.

To look for all trigrams of a piece, in their order, takes a time that grows with the books that
have the common ones. Of pieces that are in none of the latest books, only the three rarest trigrams
are looked for, in any order; the books that have these are few as well, and the pieces are then
looked for in them. Which trigrams are rare is seen in the oldest books, with which their lists
begin. A piece of two characters has no trigram, but is a range in the list of trigrams.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.search.base import SPELLED, Search
from pyramid_bookstore.search.conditions import TextShape
from pyramid_bookstore.search.pieces import Group, Piece, Place
from pyramid_bookstore.search.spelling import Spelling

#: Candidates are counted up to here; with so many, a filter is not rare in any catalogue.
RARE = 2_000

#: A search that one of so many of the latest books meets is not thought to be rare.
LATEST = 100

#: So many trigrams of a search are weighed, by so many of the oldest books, to look for so many.
WEIGHED, OLDEST, LOOKED_FOR = 12, 2_000, 3

# Of a longer piece the index is asked for the beginning, as each further trigram costs as much
# again: of 500 characters with common ones it took 1.5 s among a million books.
_LONGEST = 24

_SEARCH = sa.table("bookstore_search", sa.column("rowid"))
_GRAMS = sa.table(
    "bookstore_search_grams",
    sa.column("term", sa.Text),
    sa.column("doc"),
    sa.column("col", sa.Text),
)
_MATCHES = sa.literal_column("bookstore_search").op("MATCH", is_comparison=True)
SEQ: ColumnElement[int] = sa.literal_column("bookstore_books.seq")
_MATCH = sa.bindparam("match", type_=sa.Text())
#: The columns of the index that each place is.
_COLUMNS = {"text": "{title author extra}", "author": "author", "isbn": "isbn"}


class SQLiteTexts(Search):
    """The part of the search that asks the index of texts."""

    def read(self, groups: Sequence[Group]) -> tuple[TextShape, dict[str, Any]]:
        shape, values = super().read(groups)
        indexed = [group for group in groups if all(map(_has_trigram, group))]
        number = by_isbn(shape.groups)
        short = ""
        if number is not None:
            values["match"] = _match([[*filter(_has_trigram, groups[number])]])
            short = groups[number][0].text
        elif indexed:
            values["match"] = _match(indexed)
            # With several texts to choose from, a book may have none of one text's trigrams.
            pieces = [group[0] for group in indexed if len({each.text for each in group}) == 1]
            trigrams = [*dict.fromkeys(each for piece in pieces for each in _trigrams(piece))]
            step = -(-len(trigrams) // WEIGHED) or 1
            values["trigrams"] = json.dumps(trigrams[::step])
        elif groups:
            short = next(group[0].text for group in groups if len(group) == 1)
        if len(short) < 3:
            values |= {"from": short, "to": f"{short}\U0010ffff" if short else ""}
        else:
            values |= {"from": "", "to": ""}
        exact = all(len(piece.text) <= _LONGEST for group in groups for piece in group)
        return shape._replace(indexed=len(indexed), exact=exact), values

    def contains(self, text: Any, piece: Any) -> ColumnElement[bool]:
        return sa.func.instr(text, piece) > 0

    def spelled(self, near: Sequence[Spelling]) -> str:
        return json.dumps([(query, each.pattern) for each in near if (query := _spelled(each))])

    def with_spellings(self) -> Sequence[sa.Select[Any]]:
        spelling = members("spellings")
        query, pattern = (sa.func.json_extract(spelling, f"$[{at}]") for at in (0, 1))
        some = _matching(query).limit(SPELLED).correlate(spelling.table).subquery()
        numbers = sa.select(sa.func.json_group_array(some.c.rowid)).correlate(spelling.table)
        # A function of the query, so that the database cannot begin with the books.
        number = sa.func.json_each(numbers.scalar_subquery()).table_valued("value").c.value
        text = self.text
        found = spelling.table.join(number.table, sa.true()).join(self.books, number == SEQ)
        statement = sa.select(pattern.label("pattern"), text.label("text")).select_from(found)
        return (statement.where(text.like(pattern)),)

    def text_candidates(self, text: TextShape, most: int | None = None) -> Any:
        """The numbers of the rows that may have the text, by its index alone. Where several
        indexes are asked, ``most`` are taken of each."""
        books = sa.select(SEQ.label("number")).select_from(self.books)
        number = by_isbn(text.groups)
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

    def knows(self, text: TextShape) -> bool:
        """Whether `text_candidates` are the matches, so that no book needs a look."""
        return text.exact and one_index(text)

    def _short(self, place: Place) -> sa.Select[Any]:
        """The rows with the piece of at most two characters, ``from`` and ``to``."""
        begin, end = (sa.bindparam(name, type_=sa.Text()) for name in ("from", "to"))
        rows = sa.select(_GRAMS.c.doc).distinct().where(begin <= _GRAMS.c.term, end > _GRAMS.c.term)
        return rows.where(_GRAMS.c.col == "author") if place == "author" else rows

    def found(self, text: TextShape) -> ColumnElement[Any]:
        """The candidates of the text as a JSON array, or NULL where there are `RARE` or more."""
        exact = _array(self.text_candidates(text, RARE))
        if not text.indexed or by_isbn(text.groups) is not None:
            return exact
        latest = sa.select(sa.literal(1)).select_from(self.books)
        latest = latest.where(self.end(sa.func.max) - LATEST < SEQ)
        return sa.case(
            (latest.where(*self.texts(text)).exists(), exact),
            else_=sa.func.coalesce(_array(_matching(self._rarest())), exact),
        )

    def _rarest(self) -> ColumnElement[Any]:
        """A query that finds all that the text does and a little more."""
        trigram = members("trigrams")
        frequency = (
            _matching(trigram)
            .where(_SEARCH.c.rowid < self.end(sa.func.min) + OLDEST)
            .with_only_columns(sa.func.count())
        )
        rarest = sa.select(trigram).order_by(frequency.scalar_subquery()).limit(LOOKED_FOR)
        found = rarest.subquery()
        concatenated = sa.func.group_concat(found.c[0], " AND ")
        return sa.select(sa.func.coalesce(concatenated, _MATCH)).scalar_subquery()

    def end(self, which: Any) -> ColumnElement[int]:
        """The number of the oldest or the latest book."""
        return sa.select(which(SEQ)).select_from(self.books).correlate(None).scalar_subquery()


def _has_trigram(piece: Piece) -> bool:
    return piece.place in _COLUMNS and len(piece.text) >= 3


def _trigrams(piece: Piece) -> Iterator[str]:
    """What has one of the piece's trigrams, in FTS5's query language."""
    # Where the words of an author are frequent in titles, no book of these is a candidate.
    column = "author : " if piece.place == "author" else ""
    return (f'{column}"{piece.text[at : at + 3]}"' for at in range(len(piece.text) - 2))


def one_index(text: TextShape) -> bool:
    """Whether one index is asked for all groups."""
    return len(text.groups) == 1 or (
        text.indexed == len(text.groups) and by_isbn(text.groups) is None
    )


def by_isbn(groups: Sequence[Sequence[Place]]) -> int | None:
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


def members(name: str) -> Any:
    """The members of a parameter that is a JSON array."""
    return sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value").c.value
