"""The filters of a list, and how a database finds the matches without reading every book.

`Conditions` is the *shape* of the filters: which there are, without the values. A dialect's
`Search` turns a shape into SQL. The values have fixed parameter names (``author``, ``term0`` …,
``min_price`` …), so that one shape is one statement.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import ScalarSelect, Select, Table, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement


class TextShape(NamedTuple):
    """How each term is found, as names of the dialect; ``""`` is no author filter.

    Several ``terms`` are spellings of one search; one of them has to match.
    """

    author: str = ""
    terms: tuple[str, ...] = ()


class Comparison(NamedTuple):
    """A column compared with the value of a parameter, or with 0 where it names none."""

    column: str
    operator: str
    parameter: str = ""

    def clause(self, column: Any) -> ColumnElement[bool]:
        """The comparison as a clause; ``column`` may be an expression."""
        value = bindparam(self.parameter, type_=column.type) if self.parameter else 0
        clause: ColumnElement[bool] = _OPERATORS[self.operator](column, value)
        return clause


_OPERATORS = {">=": operator.ge, "<=": operator.le, "=": operator.eq, ">": operator.gt}


class Conditions(NamedTuple):
    """The shape of the filters."""

    text: TextShape = TextShape()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def none(self) -> bool:
        """Whether there is no filter."""
        return self == Conditions()

    @property
    def valued(self) -> bool:
        """Whether a comparison has a parameter."""
        return any(each.parameter for each in self.comparisons)


class Choice(NamedTuple):
    """The path to take, and the values of its parameters."""

    path: str
    values: dict[str, Any]


class Probe(NamedTuple):
    """A cheap ``statement`` that returns one row. ``choose`` takes this row and the number of
    wanted books (``OFFSET`` included)."""

    statement: Select[Any]
    choose: Callable[[Sequence[Any], int], Choice]


class Search(ABC):
    """Text search on one kind of database.

    ``indexes`` are those that it needs besides the models'; the migrations make them. A *path* is
    the plan that a statement is written for; with ``""`` the planner chooses.
    """

    indexes: ClassVar[tuple[str, ...]]

    def __init__(
        self, books: Table, total: ScalarSelect[int], indexed: Collection[str] = ()
    ) -> None:
        """``total`` is the number of all ``books``; ``indexed`` are the columns with an index."""
        self.books = books
        self.total = total
        self.indexed = indexed

    @abstractmethod
    def read(self, author: str, terms: Sequence[str]) -> tuple[TextShape, dict[str, Any]]:
        """The shape of folded terms, and the values for its parameters; ``""`` is no author."""

    @abstractmethod
    def where(self, conditions: Conditions, path: str = "", order: str = "") -> list[Any]:
        """The conditions as clauses, written for the path and a list whose first sort key is the
        column ``order``."""

    @abstractmethod
    def sorts(self, path: str) -> bool:
        """Whether this path collects and sorts all matches; then no index of the order is used, and
        their number costs nothing."""

    @abstractmethod
    def probe(self, conditions: Conditions) -> Probe | None:
        """How to choose the path; ``None`` if the planner can choose."""

    @abstractmethod
    def count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The exact number of matches, as a scalar subquery."""

    @abstractmethod
    def estimate(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The number of matches, at a limited cost: exact up to some thousands, above that from the
        share of matches in a sample of the books.

        With 200 matches in the sample the standard deviation is 7 %, with more it is smaller. The
        sample has 200 if 1 % of the books match (SQLite), or 0.4 % (PostgreSQL). It is always the
        same, so that an unchanged list keeps its total and its ETag.
        """


def compared(conditions: Conditions, columns: Any) -> list[Any]:
    """The comparisons as clauses, the same on every database."""
    return [each.clause(columns[each.column]) for each in conditions.comparisons]


def number_of(statement: Select[Any]) -> ColumnElement[int]:
    """How many rows a statement gives, as a scalar subquery."""
    return select(func.count()).select_from(statement.subquery()).scalar_subquery()
