"""Stock, holds and movements: their operations, and the schemas of these.

Changes of one book's stock are among the operations on a book.
"""

from pyramid_bookstore.description import examples
from pyramid_bookstore.description.described import Answer, Content, DescribedOperation
from pyramid_bookstore.description.own_types import Schema, stored_schema
from pyramid_bookstore.description.schema_parts import (
    AVAILABLE,
    COUNT,
    ID,
    STORED_ISBN,
    input_schema,
    object_schema,
    properties_of,
)
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.stock.schema import (
    MOVEMENTS,
    StockChange,
    StockChanges,
    hold_schema,
    prolong_schema,
)
from pyramid_bookstore.values.types import Moment
from pyramid_bookstore.web.body import JSON, MERGE_PATCH

#: The tag.
STOCK = "Stock"

_HOLD = {JSON: Content("Hold")}

STOCK_OPERATIONS = {
    ("GET", "/books/{id}/stock"): DescribedOperation(
        id="listMovements",
        tag=STOCK,
        summary="List the movements of a book's stock",
        text="The newest first. The deltas of all pages add up to the stock: what was there before"
        " the oldest movement is an `opening` balance, and what changed while nothing was written"
        " down is `unrecorded`.",
        query=lambda settings, declared: MOVEMENTS,
        headers=("Cache-Control",),
        answers={200: Answer("Some movements.", ("Link",), {JSON: Content("Movements")})},
        errors=("not_found", "unavailable"),
    ),
    ("POST", "/stock"): DescribedOperation(
        id="changeStocks",
        tag=STOCK,
        summary="Change the stock of several books",
        text="All lines or none. Lines of one book are added up first, and the order of the lines"
        " does not matter.",
        body={JSON: Content("StockChanges")},
        answers={
            200: Answer(
                "Each book's stock.", ("Idempotency-Replayed",), {JSON: Content("StockLevels")}
            )
        },
        errors=("insufficient_stock",),
    ),
    ("POST", "/holds"): DescribedOperation(
        id="placeHold",
        tag=STOCK,
        summary="Hold copies for a customer who pays",
        text="All lines or none. `available` sinks, `stock` does not, until the hold is committed,"
        " released, or has run out.",
        body={JSON: Content("NewHold")},
        answers={201: Answer("The hold.", ("Location", "Idempotency-Replayed"), _HOLD, ())},
        errors=("insufficient_stock",),
    ),
    ("GET", "/holds/{hold}"): DescribedOperation(
        id="getHold",
        tag=STOCK,
        summary="Get a hold",
        headers=("Cache-Control",),
        answers={200: Answer("The hold.", (), _HOLD)},
        errors=("not_found", "hold_over", "unavailable"),
    ),
    ("PATCH", "/holds/{hold}"): DescribedOperation(
        id="prolongHold",
        tag=STOCK,
        summary="Prolong a hold",
        text="For `ttl` seconds from now.",
        body={MERGE_PATCH: Content("HoldPatch"), JSON: Content("HoldPatch")},
        answers={200: Answer("The hold as it is now.", (), _HOLD)},
        errors=("not_found", "hold_over"),
    ),
    ("DELETE", "/holds/{hold}"): DescribedOperation(
        id="releaseHold",
        tag=STOCK,
        summary="Give the copies of a hold back",
        answers={204: Answer("They are given back.")},
        errors=("not_found", "hold_over"),
    ),
    ("POST", "/holds/{hold}/commit"): DescribedOperation(
        id="commitHold",
        tag=STOCK,
        summary="Take the copies of a hold out of stock",
        text="Once. Refused where the stock was set below what is held, or a book was deleted; the"
        " hold then stays as it is.",
        answers={
            200: Answer(
                "The hold that was: its copies are out of stock.",
                ("Idempotency-Replayed",),
                {JSON: Content("CommittedHold")},
            )
        },
        errors=("not_found", "hold_over", "insufficient_stock"),
    ),
}


def stock_schemas(settings: Settings) -> dict[str, Schema]:
    """The schemas by name."""
    holds, max_ttl = settings.holds, settings.holds_max_ttl
    return {
        "StockChange": input_schema(
            properties_of(StockChange()),
            "A change of the stock.",
            examples.STOCK_CHANGE,
            ["delta"],
        ),
        "StockChanges": input_schema(
            properties_of(StockChanges()),
            "A change of the stock of several books.",
            examples.STOCK_CHANGES,
            ["lines"],
        ),
        "StockLevels": object_schema(
            {
                "lines": {
                    "type": "array",
                    "items": object_schema(_level(holds), ["id", "isbn", "stock"]),
                }
            },
            ["lines"],
            description="What there is of each book, in the order of the lines.",
            examples=[examples.STOCK_LEVELS],
        ),
        "NewHold": input_schema(
            properties_of(hold_schema(max_ttl)),
            "A hold to place.",
            examples.NEW_HOLD,
            ["lines"],
        ),
        "HoldPatch": input_schema(
            properties_of(prolong_schema(max_ttl)),
            "What can be changed of a hold.",
            examples.HOLD_PATCH,
            ["ttl"],
        ),
        "Hold": _hold("Copies held."),
        "CommittedHold": _hold("A hold whose copies are out of stock.", committed={"const": True}),
        "Movements": _movements(),
    }


def _level(holds: bool) -> dict[str, Schema]:
    """What there is of a book."""
    level = {"id": ID, "isbn": STORED_ISBN, "stock": COUNT}
    return level | ({"available": AVAILABLE} if holds else {})


def _hold(description: str, **more: Schema) -> Schema:
    """A hold in an answer."""
    line = {"id": ID, "isbn": STORED_ISBN, "quantity": {"type": "integer", "minimum": 1}}
    properties: dict[str, Schema] = {
        "id": ID,
        "lines": {"type": "array", "items": object_schema(line, list(line))},
        "expires_at": stored_schema(Moment()),
        **more,
    }
    example = examples.HOLD | {name: schema["const"] for name, schema in more.items()}
    return object_schema(properties, list(properties), description=description, examples=[example])


def _movements() -> Schema:
    """Movements in an answer."""
    text: Schema = {"type": ["string", "null"]}
    movement: dict[str, Schema] = {
        "at": stored_schema(Moment()),
        "delta": {"type": "integer"},
        "stock": COUNT | {"description": "The stock then."},
        "reason": text,
        "reference": text,
        "by": text | {"description": "The id of the caller."},
        "request_id": text,
    }
    properties: dict[str, Schema] = {
        "data": {"type": "array", "items": object_schema(movement, list(movement))},
        "limit": {"type": "integer", "minimum": 1},
        "next_cursor": {
            "type": ["string", "null"],
            "description": "`cursor` for the movements before; null at the oldest.",
        },
    }
    return object_schema(properties, list(properties), examples=[examples.MOVEMENTS])
