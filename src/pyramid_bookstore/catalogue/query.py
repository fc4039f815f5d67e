"""The query parameters of the list, the export and the import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import colander

from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.parameters import (
    Amount,
    Choice,
    Flag,
    Names,
    Parameters,
    SortOrder,
    Term,
    Token,
    WholeNumber,
)
from pyramid_bookstore.values.types import INTEGER_MAX

FIELDS = (
    "id", "title", "author", "isbn", "price", "stock", "description", "extra",
    "created_at", "updated_at",
)  # fmt: skip
"""The book's fields, in the order in which they are written."""
SORT_FIELDS = ("title", "author", "price", "stock", "created_at", "updated_at")
NEWEST_FIRST = (("created_at", True),)
MAX_CURSOR = 2048
LARGEST_PAGE = 1000
"""Books on a page that Python code asks for; over HTTP the settings say how many."""
Count = Literal["exact", "estimated", "none"]


def parameter(typ: Any, description: str, missing: Any = None) -> Any:
    """A node for a parameter, which can always be left out."""
    return colander.SchemaNode(typ, missing=missing, description=description)


class Filters(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """The parameters that choose books."""

    schema_type = Parameters

    author = parameter(Term(), "Part of the author, whatever the case or accents.")
    search = parameter(
        Term(),
        "Part of the title, the author or the ISBN, whatever the case or accents; an ISBN with or"
        " without hyphens.",
    )
    min_price = parameter(Amount(), "Lowest price; not above `max_price`.")
    max_price = parameter(Amount(), "Highest price.")
    in_stock = parameter(Flag(), "`true`: with copies in stock; `false`: without.")

    def validator(self, node: Any, values: dict[str, Any]) -> None:
        """What holds across parameters; asked only once each is valid by itself."""
        error = colander.Invalid(node)
        self.check(values, error)
        if error.children:
            raise error

    def check(self, values: dict[str, Any], error: colander.Invalid) -> None:
        """Add what is wrong across parameters to ``error``."""
        low, high = values["min_price"], values["max_price"]
        if low is not None and high is not None and low > high:
            error["min_price"] = "The lowest price must not be above max_price."


class ListParameters(Filters):
    """The parameters of the list."""

    page = parameter(
        WholeNumber(1, INTEGER_MAX), "Page of the list, 1 by default; not together with `cursor`."
    )
    limit = parameter(WholeNumber(1, 100), "Books on a page.", missing=20)
    sort = parameter(
        SortOrder(SORT_FIELDS),
        "Fields to sort by, each once, `-` for descending; ties are broken by `id`.",
        missing=NEWEST_FIRST,
    )
    fields = parameter(Names(FIELDS), "Fields to show of each book; all by default.")
    cursor = parameter(
        Token(MAX_CURSOR),
        "From `next_cursor` or `Link` of the same list; costs the same at any depth. `page`,"
        " `total` and `total_pages` are then left out unless `count` asks for them.",
    )
    count = parameter(
        Choice("exact", "estimated", "none"),
        "How `total` is counted: `exact` by default, `none` by default with `cursor`.",
    )

    def check(self, values: dict[str, Any], error: colander.Invalid) -> None:
        super().check(values, error)
        if values["page"] is not None and values["cursor"] is not None:
            error["page"] = "A page cannot be asked for together with a cursor."


@dataclass(frozen=True, slots=True)
class BookFilter:
    """Which books; None is no restriction. Terms are as typed, only trimmed and in NFC."""

    author: str | None = None
    search: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool | None = None


@dataclass(frozen=True, slots=True)
class ListQuery(BookFilter):
    """Which books, which part of them, in which order and how much of each.

    ``sort`` holds pairs of field and whether it is descending, without the ``id`` that breaks
    ties. ``fields`` is in the book's own order, None is all. ``count`` is None if not given.
    """

    page: int = 1
    page_given: bool = False
    limit: int = 20
    sort: tuple[tuple[str, bool], ...] = NEWEST_FIRST
    fields: tuple[str, ...] | None = None
    cursor: str | None = None
    count: Literal["exact", "estimated", "none"] | None = None


@lru_cache(maxsize=16)  # an application has one pair of limits
def list_schema(default_limit: int = 20, max_limit: int = 100) -> Any:
    """The schema of the list's parameters with these limits for ``limit``; not to be changed."""
    schema = ListParameters().clone()
    schema["limit"].typ = WholeNumber(1, max_limit)
    schema["limit"].missing = default_limit
    return schema


def parse_listing(
    pairs: Iterable[tuple[str, str]], *, default_limit: int = 20, max_limit: int = 100
) -> ListQuery:
    """The query of a list from its decoded parameters, in the order sent.

    Raises :exc:`~pyramid_bookstore.errors.ValidationFailed` with every fault, each with the
    parameter as its ``field``: unknown and repeated parameters, wrong values, and ``page``
    together with ``cursor``.
    """
    values = deserialized(list_schema(default_limit, max_limit), pairs, pointers=False)
    given = values["page"] is not None
    return ListQuery(**{**values, "page": values["page"] or 1}, page_given=given)


def listing_of(
    *,
    author: str | None = None,
    search: str | None = None,
    min_price: Decimal | int | None = None,
    max_price: Decimal | int | None = None,
    in_stock: bool | None = None,
    sort: str | Sequence[str | tuple[str, bool]] = NEWEST_FIRST,
    limit: int = 20,
    page: int = 1,
    cursor: str | None = None,
    count: Count | None = None,
) -> ListQuery:
    """The same checks as `parse_listing`'s for values from Python; up to `LARGEST_PAGE` books.

    ``sort`` may be written as the parameter is, as a whole or key by key. Raises
    `ValidationFailed`.
    """
    if not isinstance(sort, str):
        sort = ",".join(key if isinstance(key, str) else "-" * key[1] + key[0] for key in sort)
    values: dict[str, object] = {
        "author": author,
        "search": search,
        "min_price": f"{min_price:f}" if isinstance(min_price, Decimal) else min_price,
        "max_price": f"{max_price:f}" if isinstance(max_price, Decimal) else max_price,
        "in_stock": None if in_stock is None else str(in_stock).lower(),
        "sort": sort,
        "limit": limit,
        "page": None if cursor and page == 1 else page,
        "cursor": cursor,
        "count": count,
    }
    pairs = ((name, str(value)) for name, value in values.items() if value is not None)
    return parse_listing(pairs, max_limit=LARGEST_PAGE)
