"""How a database finds the matches of filters without reading every book.

A dialect's `Search` turns the shape of the filters (`Conditions`) into SQL.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from pyramid_bookstore.db.base import BOOKS_TABLE
from pyramid_bookstore.search.conditions import Comparison, Computed, Conditions, TextShape
from pyramid_bookstore.search.pieces import Group, Place
from pyramid_bookstore.search.spelling import Spelling

#: A walk gives up after so many times the books that it should take; where the matches are spread
#: evenly, one in some thousands does.
PATIENCE: Final = 2

#: So many matches are always counted; it costs little.
FEW: Final = 1_000


#: Books that are looked at for each spelling.
SPELLED: Final = 100


class Choice(NamedTuple):
    """The path to take, and the values of its parameters.

    ``walked``: books to look at by the walk; where it has not found the page by then, the matches
    are collected. 0 is no limit. ``books`` are those of the catalogue, ``matches`` about those that
    were seen, none if that is not known. ``aged``: the filter whose index has its matches in the
    order of age, by which a page of this order is read. ``certain``: some book matches.
    """

    path: str
    values: dict[str, Any]
    walked: int = 0
    books: int = 0
    matches: int | None = None
    aged: str = ""
    certain: bool = False

    @property
    def reason(self) -> str:
        """Why this path."""
        if self.matches is None:
            return "There is nothing to look for: the database's planner chooses."
        number = f"{self.matches:,} or more" if self.matches else "Few or none"
        seen = f"{number} of {self.books:,} books match."
        if self.aged:
            return f"{seen} An index has the matches of one filter in the order of the list."
        if self.path != Search.WALK:
            return f"{seen} They are collected by the index, and sorted."
        bound = f", or {self.walked:,} are read; then all matches are collected" * bool(self.walked)
        return f"{seen} Books are read in the order of the list until the page is full{bound}."


class Probe(NamedTuple):
    """A cheap ``statement`` that returns one row. ``choose`` takes this row, the number of
    wanted books (``OFFSET`` included), and the column that they are sorted by."""

    statement: Select[Any]
    choose: Callable[[Sequence[Any], int, str], Choice]


class Search(ABC):
    """Text search on one kind of database.

    ``indexes`` are those that it needs besides the models'; the migrations make them. A *path* is
    the plan that a statement is written for; with ``""`` the planner chooses.
    """

    indexes: ClassVar[tuple[str, ...]]
    #: The path that reads the books in the order of the list, until the page is full.
    WALK: ClassVar[str] = "walk"
    #: The path that finds all matches by the index of texts, and sorts them.
    COLLECT: ClassVar[str] = "collect"
    #: The same for a walk that gave up, however many matches there are.
    ALL: ClassVar[str] = "collect"
    #: The path that reads all books from end to end, and sorts the matches.
    SCAN: ClassVar[str] = "scan"
    #: To walk past so many books takes half the time of collecting a match.
    WALKED_PER_MATCH: ClassVar[float] = 1.5
    #: To find more than this share of all books by an index takes longer than to read them all.
    SCANNED_FROM: ClassVar[float] = 0.25

    def __init__(
        self,
        books: Table,
        total: ScalarSelect[int],
        indexed: Collection[str] = (),
        computed: Mapping[str, Computed] = MappingProxyType({}),
    ) -> None:
        """``total`` is the number of all ``books``; ``indexed`` are the columns with an index."""
        self.books = books
        self.total = total
        self.indexed = indexed
        self.computed = computed

    @abstractmethod
    def spelled(self, near: Sequence[Spelling]) -> Any:
        """The spellings as the parameter ``spellings``."""

    @abstractmethod
    def members_of(self, attributes: Any) -> Any:
        """Each of the tokens of a row, as a column of a lateral table."""

    @abstractmethod
    def sample(self, conditions: Conditions, path: str) -> Select[Any]:
        """Id and attributes of some of the matches, at a limited cost."""

    def tokens(self, tokens: Sequence[str]) -> Any:
        """The tokens of an attribute as its parameter."""
        return list(tokens)

    @abstractmethod
    def with_spellings(self) -> Sequence[Select[Any]]:
        """Statements for pairs of the pattern of one of the ``spellings`` and the text of a book
        that has it: of a sample, if there is one, and then of more."""

    def column(self, name: str, table: Any = None) -> Any:
        """The column of this name, or the key of the declared field of this name; of the books'
        table, or an alias of it."""
        table = self.books if table is None else table
        if name in self.computed:
            return self.computed[name].value(table)
        return table.c[name] if name in table.c else self.sort_key(name, table.name)

    def sort_key(self, field: str, table: str = BOOKS_TABLE) -> Any:
        """What a declared field is sorted and compared by, as its index has it; "" is no value."""
        return literal_column(f"coalesce({table}.sort_keys ->> '{field}', '')", Text())

    @property
    def text(self) -> Any:
        """All words of a book, as the index has them."""
        books: Any = self.books.c
        return books.title_words.concat(books.author_words).concat(books.extra_words)

    def read(self, groups: Sequence[Group]) -> tuple[TextShape, dict[str, Any]]:
        """The shape of the groups, and the values of its parameters."""
        values: dict[str, Any] = {}
        for number, group in enumerate(groups):
            for alternative, found in enumerate(group):
                values[_name(number, alternative)] = found.text
                if found.place == "isbn prefix":
                    values[_end(number, alternative)] = str(int(found.text) + 1)
        return TextShape(tuple(tuple(found.place for found in group) for group in groups)), values

    @abstractmethod
    def where(self, conditions: Conditions, path: str, order: str = "") -> list[Any]:
        """The conditions as clauses, written for the path and a list whose first sort key is the
        column ``order``."""

    def source(
        self, conditions: Conditions, path: str, order: str, aged: str
    ) -> tuple[Any, Any, list[Any]]:
        """What a page is read from: the books, or for `Choice.aged` that index joined with them;
        its column with the age, or `None`; and the conditions as by `where`."""
        assert not aged, "no index of this database has it"
        return self.books, None, self.where(conditions, path, order)

    @abstractmethod
    def sorts(self, path: str) -> bool:
        """Whether this path collects and sorts all matches; then no index of the order is used, and
        their number costs nothing."""

    @abstractmethod
    def probe(self, conditions: Conditions) -> Probe | None:
        """How to choose the path; ``None`` if the planner can choose."""

    def count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The exact number of matches, as a scalar subquery, or a sum or difference of two."""
        # To compute the number of each book would read them all. What its column alone says is
        # counted as ever; the few of which nothing is left are added, or taken off.
        asked = self._computed(conditions)
        if asked is None:
            return self._count(conditions, path)
        column, path, hidden = self._apart(conditions, path, asked)
        more = select(func.count()).select_from(self.books).where(*hidden).correlate(None)
        counted = self._count(column, path)
        return counted + more.scalar_subquery() * (1 if asked.operator == "=" else -1)

    def matches_up_to(self, most: int, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The number of matches where it is at most this, else some larger one."""
        asked = self._computed(conditions)
        if asked is not None and asked.operator == "=":  # each by its own index
            column, path, hidden = self._apart(conditions, path, asked)
            clauses = [self.where(column, path), hidden]
        else:
            clauses = [self.where(conditions, path)]
        found: Select[Any] = select(literal_column("1")).select_from(self.books).correlate(None)
        some = [found.where(*each).limit(literal_column(str(most + 1))) for each in clauses]
        return sum(map(number_of, some[1:]), number_of(some[0]))

    def _computed(self, conditions: Conditions) -> Comparison | None:
        """The comparison of a number that is no column, if there is one."""
        compared = conditions.comparisons
        return next((each for each in compared if each.column in self.computed), None)

    def _apart(
        self, conditions: Conditions, path: str, asked: Comparison
    ) -> tuple[Conditions, str, list[ColumnElement[bool]]]:
        """The conditions and the path with the column of a computed number in its place; and the
        conditions as clauses for what is 0 although the column is above it."""
        computed = self.computed[asked.column]
        others = tuple(each for each in conditions.comparisons if each != asked)
        empty = (Comparison(computed.column, "="),) if asked.operator == "=" else ()
        hidden = self.where(conditions._replace(comparisons=others), self.WALK)
        return (
            conditions._replace(comparisons=others + empty),
            computed.column if path == asked.column else path,
            [*hidden, *self.hidden(computed)],
        )

    def hidden(self, computed: Computed) -> Sequence[ColumnElement[bool]]:
        """`Computed.hidden` as clauses, by the index of the ids."""
        return (self.books.c.id.in_(computed.among), *computed.hidden)

    @abstractmethod
    def _count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The same, all of it in one subquery."""

    def look(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The number of matches up to `FEW`, and one more where there are more."""
        return self.matches_up_to(FEW, conditions, path)

    @abstractmethod
    def estimate(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The number of matches, at a limited cost: exact up to some thousands, above that from the
        share of matches in a sample of the books.

        With 60 matches in the sample the standard deviation is 13 %, with more it is smaller. It is
        always the same sample, so that an unchanged list keeps its total and its ETag.
        """

    @abstractmethod
    def contains(self, text: Any, piece: Any) -> ColumnElement[bool]:
        """Whether the text has the piece, by no index."""

    def texts(self, shape: TextShape) -> list[ColumnElement[bool]]:
        """The conditions on texts, as a book by itself is asked."""
        return [
            self.one_of(number, group, self.contains) for number, group in enumerate(shape.groups)
        ]

    def one_of(
        self, number: int, group: Sequence[Place], contains: Callable[[Any, Any], Any]
    ) -> ColumnElement[bool]:
        """Whether a book has an alternative of the group."""
        places = dict.fromkeys(group)
        return or_(*(self.alternative(number, group, place, contains) for place in places))

    def alternative(
        self,
        number: int,
        group: Sequence[Place],
        place: Place,
        contains: Callable[[Any, Any], Any] | None = None,
    ) -> ColumnElement[bool]:
        """Whether a book has one of the group's pieces of this place."""
        books: Any = self.books.c
        columns = {
            "text": self.text,
            "author": books.author_words,
            "isbn": literal_column("substr(bookstore_books.isbn, 4)", Text()),
        }
        found: list[ColumnElement[bool]] = []
        for alternative in (at for at, each in enumerate(group) if each == place):
            text = self.piece(number, alternative)
            if place == "whole isbn":
                found.append(books.isbn == text)
            elif place == "isbn prefix":
                end = bindparam(_end(number, alternative), type_=Text())
                found.append(and_(books.isbn >= text, books.isbn < end))
            else:
                found.append((contains or self.contains)(columns[place], text))
        return or_(*found)

    @staticmethod
    def piece(number: int, alternative: int = 0) -> Any:
        """The parameter with an alternative of a group."""
        return bindparam(_name(number, alternative), type_=Text())


def _end(number: int, alternative: int) -> str:
    return f"{_name(number, alternative)}_end"


def _name(number: int, alternative: int) -> str:
    return f"piece{number}_{alternative}"


def number_of(statement: Select[Any]) -> ColumnElement[int]:
    """How many rows a statement gives, as a scalar subquery."""
    return select(func.count()).select_from(statement.subquery()).scalar_subquery()
