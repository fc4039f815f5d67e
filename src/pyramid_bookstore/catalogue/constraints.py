"""The CHECK constraints of the books' table, and the error that each stands for.

The services check every rule before they write. A constraint is violated only when two writers
race, or when other code writes to the table.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pyramid_bookstore.catalogue.field import Field
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.errors import BookstoreError, Fault, IsbnTaken, ValidationFailed
from pyramid_bookstore.values.types import Integer, Isbn, Price, Text

FREE_STOCK = "A book with copies in stock must have a price above 0."


class Check(NamedTuple):
    """A constraint, and the fault that its violation means."""

    name: str
    sql: str
    fault: Fault


def _text(name: str, typ: Text) -> tuple[str, str]:
    if not typ.min_length:
        return (
            f"length({name}) <= {typ.max_length}",
            f"Must have at most {typ.max_length} characters.",
        )
    return (
        f"length({name}) >= {typ.min_length} AND length({name}) <= {typ.max_length}",
        f"Must have {typ.min_length} to {typ.max_length} characters.",
    )


def _integer(name: str, typ: Integer) -> tuple[str, str]:
    sql = f"{name} >= {typ.minimum} AND {name} <= {typ.maximum}"
    return sql, f"Must be {typ.minimum} to {typ.maximum}."


_BY_TYPE: Mapping[type, Callable[[str, Any], tuple[str, str]]] = {
    Text: _text,
    Integer: _integer,
    Isbn: lambda name, typ: (f"length({name}) = 13", "Must be an ISBN."),
    Price: lambda name, typ: (f"{name} >= 0", f"Must be 0 to {typ.maximum}."),
}


def _check(field: Field) -> Check:
    sql, message = _BY_TYPE[type(field.type)](field.name, field.type)
    fault = Fault(field.name, f"/{field.name}", message)
    return Check(f"bookstore_books_{field.name}_check", sql, fault)


CHECKS = (
    *(_check(field) for field in FIELDS.values() if type(field.type) in _BY_TYPE),
    Check(
        "bookstore_books_free_stock_check",
        "price > 0 OR stock = 0",
        Fault("price", "/price", FREE_STOCK),
    ),
)
ISBN_KEY = "bookstore_books_isbn_key"

_FAULTS = {check.name: check.fault for check in CHECKS}


def error_of_constraint(constraint: str) -> BookstoreError | None:
    """The error that the violation of this constraint means; `None` for the host's constraints.

    The naming convention of a host with one history may have put something before our name.
    """
    if constraint.endswith(ISBN_KEY):
        return IsbnTaken()
    faults = [fault for name, fault in _FAULTS.items() if constraint.endswith(name)]
    return ValidationFailed(faults) if faults else None
