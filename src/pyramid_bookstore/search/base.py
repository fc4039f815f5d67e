"""Which books a list is about, and how a database finds them without looking at every one.

`Conditions` is the *shape* of the filters: what is asked, without the values. A dialect's `Search`
turns a shape into SQL. The values go by fixed parameter names (``author``, ``term0`` ...,
``min_price`` …), so that one shape is one statement.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import ScalarSelect, Select, Table, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement


class TextShape(NamedTuple):
    """How each term is looked up, in words of the dialect's own; ``""`` is no author filter.

    Several ``terms`` are writings of one search, of which one has to match.
    """

    author: str = ""
    terms: tuple[str, ...] = ()


class Comparison(NamedTuple):
    """A column compared with the value of a parameter, or with 0 where it names none."""

    column: str
    operator: str
    parameter: str = ""

    def clause(self, column: Any) -> ColumnElement[bool]:
        """The comparison, of the column in whatever form."""
        value = bindparam(self.parameter, type_=column.type) if self.parameter else 0
        clause: ColumnElement[bool] = _OPERATORS[self.operator](column, value)
        return clause


_OPERATORS = {">=": operator.ge, "<=": operator.le, "=": operator.eq, ">": operator.gt}


class Conditions(NamedTuple):
    """The shape of the filters: which there are."""

    text: TextShape = TextShape()
    comparisons: tuple[Comparison, ...] = ()

    @property
    def none(self) -> bool:
        """Whether all books are meant."""
        return self == Conditions()

    @property
    def valued(self) -> bool:
        """Whether it depends on values of parameters how many books pass a comparison."""
        return any(each.parameter for each in self.comparisons)


class Choice(NamedTuple):
    """The path to take, and values for parameters of its own."""

    path: str
    values: dict[str, Any]


class Probe(NamedTuple):
    """A cheap ``statement`` of one row, from which, and from how many books are wanted (those that
    are passed over included), ``choose`` makes the choice."""

    statement: Select[Any]
    choose: Callable[[Sequence[Any], int], Choice]


class Search(ABC):
    """Finding books on one database system.

    ``indexes`` are what it needs besides the models' own, all made by the migrations. A *path* is
    the way a statement is made to take: ``""`` leaves it to the planner.
    """

    indexes: ClassVar[tuple[str, ...]]

    def __init__(
        self, books: Table, total: ScalarSelect[int], indexed: Collection[str] = ()
    ) -> None:
        """``total`` is the number of all ``books``, at the cost of reading a handful of rows;
        ``indexed`` are the columns that have an index."""
        self.books = books
        self.total = total
        self.indexed = indexed

    @abstractmethod
    def read(self, author: str, terms: Sequence[str]) -> tuple[TextShape, dict[str, Any]]:
        """The shape of folded terms, and the values for its parameters; ``""`` is no author."""

    @abstractmethod
    def where(self, conditions: Conditions, path: str = "", order: str = "") -> list[Any]:
        """The conditions as clauses, written so that the path is taken by a list whose
        first key is the column ``order``."""

    @abstractmethod
    def sorts(self, path: str) -> bool:
        """Whether on this path all matches are collected and sorted, so that an index of the order
        is of no use, and the number of matches is known at no extra cost."""

    @abstractmethod
    def probe(self, conditions: Conditions) -> Probe | None:
        """How to find out which path to take; ``None`` where the planner knows enough."""

    @abstractmethod
    def count(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """The exact number of matches, as a scalar subquery."""

    @abstractmethod
    def estimate(self, conditions: Conditions, path: str) -> ColumnElement[int]:
        """Roughly the number of matches, at a cost that does not grow with it: exact up to some
        thousands, beyond them by the share of matches in a sample of the books.

        A sample with 200 matches is off by 7 % (one standard deviation), one with more by less; so
        many there are where 1 % of the books match (SQLite), or 0.4 % (PostgreSQL). The sample is
        the same each time, so that an unchanged list keeps its total, and its ETag.
        """


def compared(conditions: Conditions, columns: Any) -> list[Any]:
    """The comparisons as clauses, the same on every database."""
    return [each.clause(columns[each.column]) for each in conditions.comparisons]


def number_of(statement: Select[Any]) -> ColumnElement[int]:
    """How many rows a statement gives, as a scalar subquery."""
    return select(func.count()).select_from(statement.subquery()).scalar_subquery()
