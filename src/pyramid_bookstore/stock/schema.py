"""Validation of a change of the stock."""

from typing import Any

import colander

from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.types import INTEGER_MAX, Fields, Integer, field


class StockChange(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """A change of the stock."""

    delta = field(
        Integer(-INTEGER_MAX, INTEGER_MAX),
        description="Copies to add; below 0, copies to remove.",
    )

    @staticmethod
    def schema_type() -> Fields:
        return Fields({"": "This is not a field of a stock change; there is only delta."})


def validate_stock_change(data: Any) -> int:
    """The ``delta`` of a stock change, -2147483647 to 2147483647; raises `ValidationFailed`."""
    delta: int = deserialized(_STOCK_CHANGE, data)["delta"]
    return delta


_STOCK_CHANGE = StockChange()
