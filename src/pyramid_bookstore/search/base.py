"""Which books a list is about, and how a database finds them without looking at every one.

`Conditions` is the *shape* of the filters: what is asked, without the values. A dialect's `Search`
turns a shape into SQL. The values go by fixed parameter names (``author``, ``term0`` ...,
``min_price``, ``max_price``), so that one shape is one statement.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import ScalarSelect, Select, Table, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement


class TextShape(NamedTuple):
    """How each term is looked up, in words of the dialect's own; ``""`` is no author filter.

    Several ``terms`` are writings of one search, of which one has to match.
    """

    author: str = ""
    terms: tuple[str, ...] = ()


class Conditions(NamedTuple):
    """The shape of the filters: which there are."""

    text: TextShape
    min_price: bool
    max_price: bool
    in_stock: bool | None

    @property
    def none(self) -> bool:
        """Whether all books are meant."""
        return self == _NO_CONDITIONS

    @property
    def price(self) -> bool:
        """Whether the price is restricted."""
        return self.min_price or self.max_price


_NO_CONDITIONS = Conditions(TextShape(), False, False, None)


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

    def __init__(self, books: Table, total: ScalarSelect[int]) -> None:
        """``total`` is the number of all ``books``, at the cost of reading a handful of rows."""
        self.books = books
        self.total = total

    @abstractmethod
    def read(self, author: str, terms: Sequence[str]) -> tuple[TextShape, dict[str, Any]]:
        """The shape of folded terms, and the values for its parameters; ``""`` is no author."""

    @abstractmethod
    def where(self, conditions: Conditions, path: str = "", order: str = "") -> list[Any]:
        """The conditions as clauses, written so that the path is taken by a list whose
        first key is the field ``order``."""

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


def by_price(conditions: Conditions, price: Any) -> list[Any]:
    """The conditions on the price, the same on every database."""
    clauses: list[Any] = []
    if conditions.min_price:
        clauses.append(price >= bindparam("min_price"))
    if conditions.max_price:
        clauses.append(price <= bindparam("max_price"))
    return clauses


def by_stock(conditions: Conditions, stock: Any) -> list[Any]:
    """The condition on the stock, the same on every database."""
    if conditions.in_stock is None:
        return []
    return [stock > 0 if conditions.in_stock else stock == 0]


def number_of(statement: Select[Any]) -> ColumnElement[int]:
    """How many rows a statement gives, as a scalar subquery."""
    return select(func.count()).select_from(statement.subquery()).scalar_subquery()
