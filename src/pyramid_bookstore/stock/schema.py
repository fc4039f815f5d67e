"""Validation of changes of the stock, and of holds."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import colander

from pyramid_bookstore.catalogue.field import parameter
from pyramid_bookstore.catalogue.movements import LONGEST_REASON, LONGEST_REFERENCE, Reason
from pyramid_bookstore.stock.lines import Line, Lines
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import Parameters, Token, WholeNumber
from pyramid_bookstore.values.types import INTEGER_MAX, Fields, Integer, Text, field

#: Seconds of a hold that does not say, or as many as there may be.
USUAL_TTL = 900

_DELTA = Integer(-INTEGER_MAX, INTEGER_MAX)
_DELTA_TEXT = (
    "Copies to add; below 0, copies to remove. Of a book with the price 0 none can be added."
)


def _reason() -> Any:
    return field(
        Text(1, LONGEST_REASON, nullable=True),
        missing=None,
        description="Why, such as sale, return or damage; for the log.",
    )


def _reference() -> Any:
    return field(
        Text(1, LONGEST_REFERENCE, nullable=True),
        name="reference",
        missing=None,
        description="What it belongs to, such as the number of an order; for the log.",
    )


class StockChange(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """A change of the stock."""

    delta = field(_DELTA, description=_DELTA_TEXT)
    reason = _reason()
    reference = _reference()

    @staticmethod
    def schema_type() -> Fields:
        return Fields(
            {"": "This is not a field of a stock change; there are delta, reason, reference."}
        )


class StockChanges(colander.MappingSchema):  # type: ignore[misc]  # as above
    """A change of the stock of several books."""

    lines = field(
        Lines("delta", _DELTA, _DELTA_TEXT),
        description="The books, some of them perhaps twice: they are added up first.",
    )
    reason = _reason()
    reference = _reference()

    @staticmethod
    def schema_type() -> Fields:
        return Fields(
            {"": "This is not a field of a stock change; there are lines, reason, reference."}
        )


class MovementParameters(colander.MappingSchema):  # type: ignore[misc]  # as above
    """The parameters of a list of movements."""

    schema_type = Parameters

    limit = parameter(WholeNumber(1, 100), "Movements, at most.", missing=20)
    cursor = parameter(Token(100), "From `next_cursor` or `Link`: the movements before.")


MOVEMENTS: Any = MovementParameters()


def _ttl(longest: int, missing: Any) -> Any:
    text = "Seconds from now for which the copies are held."
    return field(Integer(1, longest), name="ttl", missing=missing, description=text)


@lru_cache(maxsize=16)  # an application has one limit
def hold_schema(max_ttl: int) -> Any:
    """The schema of a hold of at most so many seconds; shared, so do not change it."""
    quantity = Integer(1, INTEGER_MAX)
    return colander.SchemaNode(
        Fields({"": "This is not a field of a hold; there are lines, ttl, reference."}),
        field(
            Lines("quantity", quantity, "Copies to hold."),
            name="lines",
            description="The books, some of them perhaps twice: they are added up first.",
        ),
        _ttl(max_ttl, min(USUAL_TTL, max_ttl)),
        _reference(),
    )


@lru_cache(maxsize=16)  # as above
def prolong_schema(max_ttl: int) -> Any:
    """The schema of a hold's change; shared, so do not change it."""
    return colander.SchemaNode(
        Fields({"": "Of a hold only the ttl can be changed."}), _ttl(max_ttl, colander.required)
    )


class SeveralChanges(NamedTuple):
    """A validated change of several books."""

    lines: Sequence[Line]
    reason: Reason


class HoldRequest(NamedTuple):
    """A validated hold; ``ttl`` in seconds."""

    lines: Sequence[Line]
    ttl: int
    reference: str | None


def validate_stock_change(data: Any) -> tuple[int, Reason]:
    """The ``delta`` of a stock change, -2147483647 to 2147483647, and its reason; raises
    `ValidationFailed`."""
    values = deserialized(_STOCK_CHANGE, data)
    return values["delta"], Reason(values["reason"], values["reference"])


def validate_stock_changes(data: Any) -> SeveralChanges:
    """A change of several books; raises `ValidationFailed` with every fault of its lines."""
    values = deserialized(_STOCK_CHANGES, data)
    return SeveralChanges(values["lines"], Reason(values["reason"], values["reference"]))


def validate_hold(data: Any, max_ttl: int) -> HoldRequest:
    """A hold of at most ``max_ttl`` seconds; raises `ValidationFailed`."""
    return HoldRequest(**deserialized(hold_schema(max_ttl), data))


def validate_prolonging(data: Any, max_ttl: int) -> int:
    """The seconds for which a hold is prolonged; raises `ValidationFailed`."""
    ttl: int = deserialized(prolong_schema(max_ttl), data)["ttl"]
    return ttl


_STOCK_CHANGE = StockChange()
_STOCK_CHANGES = StockChanges()
