"""The filters of a list as a *shape*: which there are, without the values.

The values have fixed parameter names (``piece0_0`` …, ``min_price`` …), so that one shape is one
statement.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Text, bindparam

from pyramid_bookstore.search.pieces import Place


class Comparison(NamedTuple):
    """A column compared with the value of a parameter, or with 0 or "" where it names none.

    What is compared ``by_time`` lies together in the order of age, at any end of it.
    """

    column: str
    operator: str
    parameter: str = ""
    by_time: bool = False

    def clause(self, column: Any) -> ColumnElement[bool]:
        """The comparison as a clause; ``column`` may be an expression."""
        value: Any = "" if isinstance(column.type, Text) else 0
        if self.parameter:
            value = bindparam(self.parameter, type_=column.type)
        clause: ColumnElement[bool] = _OPERATORS[self.operator](column, value)
        return clause


_OPERATORS = {
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


class TextShape(NamedTuple):
    """Where the alternatives of each group are looked for; their texts are parameters.

    ``indexed`` is how many of the groups the index of texts can find, if that makes a difference,
    and ``exact`` whether what it finds needs no second look.
    """

    groups: tuple[tuple[Place, ...], ...] = ()
    indexed: int = 0
    exact: bool = True


class Conditions(NamedTuple):
    """The shape of the filters.

    For each of the ``attributes`` a book has one of the tokens of a parameter (`attribute_name`);
    it says whether there may be several.
    """

    text: TextShape = TextShape()
    comparisons: tuple[Comparison, ...] = ()
    attributes: tuple[bool, ...] = ()

    @property
    def none(self) -> bool:
        """Whether there is no filter."""
        return self == Conditions()

    @property
    def probed(self) -> bool:
        """Whether there is a filter that the planner cannot judge."""
        return bool(self.text.groups or self.attributes)

    @property
    def by_time(self) -> str:
        """The column that is compared with a time, if one is."""
        return next((each.column for each in self.comparisons if each.by_time), "")

    @property
    def valued(self) -> bool:
        """Whether a comparison has a parameter."""
        return any(each.parameter for each in self.comparisons)


class Computed(NamedTuple):
    """A number that is no column, and at most that of a ``column``: its ``value`` in a row of the
    books' table or an alias. It is 0 where the column is, and where the clauses ``hidden`` hold,
    which they do only for books of the ids in ``among``.

    A filter by what is above 0 compares the column too.
    """

    value: Callable[[Any], Any]
    column: str
    hidden: Sequence[ColumnElement[bool]]
    among: Select[Any]


def attribute_name(number: int) -> str:
    """The parameter with the tokens of an attribute."""
    return f"attribute{number}"
