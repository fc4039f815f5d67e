"""The filters beside a list: publishers, languages and prices, each with its number of books.

Publisher and language are declared fields of the bookstore (`bookstore.trade` in the INI), whose
facets count the books. All are plain links, so that they work without JavaScript.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from pyramid_bookstore import Page
from pyramid_bookstore.errors import Unavailable
from storefront.formats import field_text, search_words

#: The declared fields, with what their values are called.
FIELDS = {"publisher": "Publisher", "language": "Language"}
#: Values of one field that can be chosen at once.
MOST = 10
#: Values that are shown at once; the others are behind "more".
SHOWN = 8
#: Up to so many books an estimated total is exact.
COUNTED = 3_000


class Price(NamedTuple):
    """A range of prices."""

    label: str
    low: Decimal | None
    high: Decimal | None


PRICES = {
    "-10": Price("Under €10", None, Decimal("9.99")),
    "10-20": Price("€10 to €20", Decimal(10), Decimal("19.99")),
    "20-50": Price("€20 to €50", Decimal(20), Decimal("49.99")),
    "50-": Price("€50 and more", Decimal(50), None),
}


class Choice(NamedTuple):
    """A link to the list with this value, or without it where it is chosen."""

    label: str
    books: str
    href: str
    chosen: bool


class Group(NamedTuple):
    """The choices of one kind; ``more`` are those that are not shown at once."""

    heading: str
    choices: Sequence[Choice]
    more: Sequence[Choice]


#: The values that are chosen, by parameter of the page.
Chosen = Mapping[str, Sequence[str]]
#: The address of the list with other values.
Here = Callable[..., str]


def chosen_in(query: Any) -> dict[str, list[str]]:
    """What an address asks for."""
    chosen: dict[str, list[str]] = {}
    for name in FIELDS:
        values = dict.fromkeys(search_words(value) for value in query.getall(name))
        chosen[name] = [value for value in values if any(map(str.isprintable, value))][:MOST]
    chosen["price"] = [query.get("price")] if query.get("price") in PRICES else []
    return chosen


def listed(bookstore: Any, chosen: Chosen, **given: Any) -> Page:
    """The page of the list, with its facets; `None` for these where the fields have no index yet.

    The list is then filtered by price alone, which needs none.
    """
    prices = _bounds(chosen["price"])
    fields = {name: chosen[name] for name in FIELDS}
    try:
        found: Page = bookstore.list(fields=fields, facets=tuple(FIELDS), **prices, **given)
    except Unavailable:
        found = bookstore.list(**prices, **given)
    return found


def groups(bookstore: Any, page: Page, chosen: Chosen, here: Here, **filters: Any) -> list[Group]:
    """The groups of choices beside the list; ``filters`` are its others."""
    found = []
    for name, values in (page.facets or {}).items():
        choices = [
            _choice(here, chosen, name, each.value, each.books, each.estimated) for each in values
        ]
        found.append(Group(FIELDS[name], choices[:SHOWN], choices[SHOWN:]))
    fields = {name: chosen[name] for name in FIELDS} if page.facets is not None else {}
    prices = []
    # Of a list that is empty at any price, none has a book.
    for price in PRICES if page.total or chosen["price"] else ():
        counted = bookstore.list(
            fields=fields, limit=1, count="estimated", **_bounds([price]), **filters
        )
        if counted.total or price in chosen["price"]:
            estimated = counted.total > COUNTED
            prices.append(_choice(here, chosen, "price", price, counted.total, estimated))
    return [group for group in (*found, Group("Price", prices, ())) if group.choices]


def removable(chosen: Chosen, here: Here) -> list[Choice]:
    """All that is chosen, each with the address of the list without it."""
    return [
        _choice(here, chosen, name, value, 0, False) for name in chosen for value in chosen[name]
    ]


def _choice(
    here: Here, chosen: Chosen, name: str, value: str, books: int, estimated: bool
) -> Choice:
    values = chosen[name]
    # As the bookstore compares them, but for accents.
    others = [each for each in values if each.casefold() != value.casefold()]
    is_chosen = len(others) < len(values)
    after = others if is_chosen else [value] if name == "price" else [*others, value]
    label = PRICES[value].label if name == "price" else field_text(name, value)
    return Choice(label, number(books, estimated), here(**{name: after}), is_chosen)


def _bounds(price: Iterable[str]) -> dict[str, Decimal | None]:
    for each in price:
        return {"min_price": PRICES[each].low, "max_price": PRICES[each].high}
    return {}


def number(books: int, estimated: bool) -> str:
    """``1,234``, or ``about 1,200`` where a sample was counted."""
    return f"about {round(books, 2 - len(str(books))):,}" if estimated else f"{books:,}"
