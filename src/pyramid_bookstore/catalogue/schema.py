"""Validation of books that clients send, by the declaration of the fields."""

from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

import colander

from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.catalogue.extra import NO_RULES, Extra, ExtraRules
from pyramid_bookstore.catalogue.fields import READ_ONLY, WRITABLE
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.types import Fields
from pyramid_bookstore.values.types import field as field_node

SET_BY_SERVER = dict.fromkeys(READ_ONLY, "This field is set by the server, not by clients.")
OTHER_ID = Fault("id", "/id", "This is not the id of the book that is changed.")


def _check_fields_together(node: Any, values: dict[str, Any]) -> None:
    """Called by Colander when each field is valid by itself."""
    if is_free_in_stock(values.get("price"), values.get("stock")):
        error = colander.Invalid(node)
        error["price"] = FREE_STOCK
        raise error


class BookSchemas(NamedTuple):
    """The schemas of a whole book, of a subset of its fields, and of a merge patch."""

    whole: Any
    changes: Any
    patch: Any


@lru_cache(maxsize=16)  # an application has one set of rules
def book_schemas(rules: ExtraRules = NO_RULES) -> BookSchemas:
    """The schemas of a book whose ``extra`` follows the rules.

    In ``changes`` and ``patch`` every field is optional; ``patch`` has a merge patch of ``extra``
    instead of an ``extra``. Shared, so do not change them.
    """
    return BookSchemas(
        whole=_variant(Extra(rules), optional=False),
        changes=_variant(Extra(rules), optional=True),
        patch=_variant(Extra(patch=True), optional=True),
    )


def validate_book(data: Any, *, rules: ExtraRules = NO_RULES) -> dict[str, Any]:
    """A new book: every writable field by name, with defaults for those left out.

    ``data`` is a value from `jsontext.loads`. ``price`` is returned with two decimals, ``isbn`` as
    13 digits. Raises `ValidationFailed` with every fault.
    """
    return deserialized(book_schemas(rules).whole, data)


def validate_upsert(data: Any, *, rules: ExtraRules = NO_RULES) -> tuple[dict[str, Any], list[Any]]:
    """As `validate_book`, for a book that may be there already: what the server sets is passed
    over. Also returns the ``id`` that was given, if there was one: the book's, see `is_id`."""
    data, ids = without_read_only(data)
    return deserialized(book_schemas(rules).whole, data), ids


def validate_changes(
    data: Any, *, rules: ExtraRules = NO_RULES, book_id: UUID | None = None
) -> dict[str, Any]:
    """Any subset of the writable fields; those left out are not in the result.

    What the server sets is passed over, so that a book may come as it was read; an ``id`` must be
    that of the book, ``book_id``. ``extra`` is replaced as a whole. Rules about several fields are
    checked only if these are given; `check_price_and_stock` checks the book that results. Raises
    `ValidationFailed`.
    """
    data, ids = without_read_only(data)
    return _change(book_schemas(rules).changes, data, ids, book_id)


def validate_merge_patch(
    data: Any, *, rules: ExtraRules = NO_RULES, book_id: UUID | None = None
) -> dict[str, Any]:
    """A JSON merge patch (RFC 7396) as changes, like `validate_changes`.

    Null resets a field to its default, and is a fault for a required one. An object for ``extra``
    is a patch too, and is returned as ``extra_patch``: the caller applies it to the stored
    ``extra`` (`apply_merge_patch`), and validates that (`validate_extra`). Raises
    `ValidationFailed`.
    """
    schemas = book_schemas(rules)
    data, ids = without_read_only(data)
    if not isinstance(data, dict):
        return deserialized(schemas.changes, data)
    defaults = {node.name: node.missing for node in schemas.whole if not node.required}
    data = {name: defaults.get(name) if value is None else value for name, value in data.items()}
    if data.get("extra") is defaults["extra"]:  # null: extra becomes {}, nothing to merge
        return _change(schemas.changes, data, ids, book_id)
    changes = _change(schemas.patch, data, ids, book_id)
    if "extra" in changes:
        changes["extra_patch"] = changes.pop("extra")
    return changes


def without_read_only(data: Any) -> tuple[Any, list[Any]]:
    """A change without what the server sets, and the ``id`` that was in it, if there was one."""
    if not isinstance(data, dict) or READ_ONLY.isdisjoint(data):
        return data, []
    kept = {name: value for name, value in data.items() if name not in READ_ONLY}
    return kept, [data["id"]] if "id" in data else []


def is_id(given: Any, book_id: UUID | None) -> bool:
    """Whether this is the id of a book, as it is in JSON or in Python."""
    return isinstance(given, (str, UUID)) and str(given).lower() == str(book_id)


def _change(schema: Any, data: Any, ids: list[Any], book_id: UUID | None) -> dict[str, Any]:
    faults = [OTHER_ID for each in ids if not is_id(each, book_id)]
    try:
        values = deserialized(schema, data)
    except ValidationFailed as error:
        raise ValidationFailed([*faults, *error.faults]) from None
    if faults:
        raise ValidationFailed(faults)
    return values


def validate_extra(value: Any, rules: ExtraRules = NO_RULES) -> dict[str, Any]:
    """The whole ``extra`` in its stored form; raises `ValidationFailed`."""
    changes = deserialized(book_schemas(rules).changes, {"extra": value})
    extra: dict[str, Any] = changes["extra"]
    return extra


def check_price_and_stock(price: Decimal, stock: int) -> None:
    """Raises `ValidationFailed` at ``price`` for a book that is free and in stock."""
    if is_free_in_stock(price, stock):
        raise ValidationFailed([Fault("price", "/price", FREE_STOCK)])


def is_free_in_stock(price: Decimal | None, stock: int | None) -> bool:
    """Whether a book is free and in stock; None is an unknown value."""
    return price is not None and stock is not None and price == 0 and stock > 0


def _variant(extra: Extra, *, optional: bool) -> Any:
    """The schema of the writable fields; all of them are optional with ``optional``."""
    nodes = [
        field_node(
            extra if type(field.type) is Extra else field.type,
            name=field.name,
            description=field.text,
            missing=colander.drop if optional else field.default,
        )
        for field in WRITABLE
    ]
    in_extra = dict.fromkeys(extra.rules.declared.fields, "This field is a member of extra.")
    messages = {**in_extra, **SET_BY_SERVER, "": "This is not a field of a book."}
    return colander.SchemaNode(Fields(messages), *nodes, validator=_check_fields_together)
