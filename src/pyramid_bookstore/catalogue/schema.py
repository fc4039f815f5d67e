"""The book as clients send it, by the declaration of its fields."""

from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

import colander

from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS, WRITABLE
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.types import Fields
from pyramid_bookstore.values.types import field as field_node

SET_BY_SERVER = {
    field.name: "This field is set by the server, not by clients."
    for field in FIELDS.values()
    if not field.writable
}


def _whole(node: Any, values: dict[str, Any]) -> None:
    """What holds across fields; Colander asks only once every field is valid by itself."""
    if gives_away(values.get("price"), values.get("stock")):
        error = colander.Invalid(node)
        error["price"] = FREE_STOCK
        raise error


class BookSchemas(NamedTuple):
    """The book's schema in the three ways it is sent, all from the one declaration."""

    whole: Any
    changes: Any
    patch: Any


@lru_cache(maxsize=16)  # an application has one schema for extra, for as long as it lives
def book_schemas(extra_schema: colander.SchemaNode | None = None) -> BookSchemas:
    """The schemas of a book whose ``extra`` follows ``extra_schema`` (a mapping, bound).

    In ``changes`` and ``patch`` every field can be left out; ``patch`` holds a merge patch of
    ``extra`` instead of an ``extra``. Made once per schema, and not to be changed.
    """
    return BookSchemas(
        whole=_variant(Extra(extra_schema), optional=False),
        changes=_variant(Extra(extra_schema), optional=True),
        patch=_variant(Extra(patch=True), optional=True),
    )


def validate_book(data: Any, *, extra_schema: colander.SchemaNode | None = None) -> dict[str, Any]:
    """A whole book: every writable field by name, what was left out at its default.

    ``data`` is what `jsontext.loads` gives. ``price`` comes out with two decimals, ``isbn`` as 13
    digits. Raises :exc:`~pyramid_bookstore.errors.ValidationFailed` with every fault.
    """
    return deserialized(book_schemas(extra_schema).whole, data)


def validate_changes(
    data: Any, *, extra_schema: colander.SchemaNode | None = None
) -> dict[str, Any]:
    """Any subset of the writable fields; what was left out is absent from the result.

    Null is a value, and only ``description`` takes it. ``extra`` is replaced as a whole. What
    holds across fields is checked where both are given; :func:`check_price_and_stock` is for the
    book that results. Raises :exc:`~pyramid_bookstore.errors.ValidationFailed`.
    """
    return deserialized(book_schemas(extra_schema).changes, data)


def validate_merge_patch(
    data: Any, *, extra_schema: colander.SchemaNode | None = None
) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396) as changes, like :func:`validate_changes`.

    Null takes a field back to its default, and is a fault for a required one. An object for
    ``extra`` is a patch too: it comes back as ``extra_patch``, to be put through
    :func:`~pyramid_bookstore.catalogue.extra.apply_merge_patch` and :func:`validate_extra` with the
    stored one. Raises :exc:`~pyramid_bookstore.errors.ValidationFailed`.
    """
    schemas = book_schemas(extra_schema)
    if not isinstance(data, dict):
        return deserialized(schemas.changes, data)
    defaults = {node.name: node.missing for node in schemas.whole if not node.required}
    data = {name: defaults.get(name) if value is None else value for name, value in data.items()}
    if data.get("extra") is defaults["extra"]:  # removed: {} is all of it, and no patch
        return deserialized(schemas.changes, data)
    changes = deserialized(schemas.patch, data)
    if "extra" in changes:
        changes["extra_patch"] = changes.pop("extra")
    return changes


def validate_extra(value: Any, extra_schema: colander.SchemaNode | None = None) -> dict[str, Any]:
    """The whole ``extra`` as it is stored; faults are named as in the book (``extra.publisher``).

    Raises :exc:`~pyramid_bookstore.errors.ValidationFailed`.
    """
    extra: dict[str, Any] = deserialized(book_schemas(extra_schema).changes, {"extra": value})[
        "extra"
    ]
    return extra


def check_price_and_stock(price: Decimal, stock: int) -> None:
    """Refuse a book that is free and in stock, for changes that give only one of the two.

    Raises :exc:`~pyramid_bookstore.errors.ValidationFailed`, with the fault at ``price``.
    """
    if gives_away(price, stock):
        raise ValidationFailed([Fault("price", "/price", FREE_STOCK)])


def gives_away(price: Decimal | None, stock: int | None) -> bool:
    """Whether copies would be offered for nothing; None is what is not known."""
    return price is not None and stock is not None and price == 0 and stock > 0


def _variant(extra: Extra, *, optional: bool) -> Any:
    """The schema of the writable fields; each can be left out where they are ``optional``."""
    nodes = [
        field_node(
            extra if type(field.type) is Extra else field.type,
            name=field.name,
            description=field.text,
            missing=colander.drop if optional else field.default,
        )
        for field in WRITABLE
    ]
    messages = {**SET_BY_SERVER, "": "This is not a field of a book."}
    return colander.SchemaNode(Fields(messages), *nodes, validator=_whole)
