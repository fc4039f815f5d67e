"""The fields of the book trade, which `bookstore.trade = true` declares."""

from collections.abc import Iterator
from typing import Final

from pyramid_bookstore.catalogue.declared import DeclaredField, declare
from pyramid_bookstore.catalogue.kinds import TextKind
from pyramid_bookstore.catalogue.list_kinds import ContributorsKind


def _trade() -> Iterator[DeclaredField]:
    yield declare("subtitle", "text", ["search"], text="Printed below the title.")
    yield declare(
        "contributors",
        ContributorsKind(),
        ["filter"],
        text="Everybody who made the book; the role is a code of ONIX's list 17 (A01 author, B06"
        " translator). `author` stays the line to print.",
        parameter="contributor",
    )
    for name in ("publisher", "imprint", "series"):
        yield declare(name, "text", ["filter", "facet", "search"])
    yield declare("series_number", "text", (), text="The number within the series.")
    yield declare("published", "date", ["filter", "sort"], text="When the book came out.")
    yield declare(
        "language", "texts", ["filter", "facet"], text="Of the text, ISO 639-2/B, as in ONIX."
    )
    yield declare(
        "form",
        "text",
        ["filter", "facet"],
        text="A code of ONIX's list 150: BB hardback, BC paperback, ED digital.",
    )
    yield declare("pages", "integer", ["filter", "sort"], text="The number of pages.")
    yield declare(
        "subjects",
        "texts",
        ["filter", "facet"],
        text="What it is about, as `SCHEME:CODE`: thema:FBA, bisac:FIC000000, keyword:travel.",
    )
    yield declare("edition", "text", ["filter"])
    yield declare("availability", "text", ["filter"], text="A code of ONIX's list 65.")
    yield declare("cover", TextKind(2000), (), text="The URL of a picture of the cover.")


#: The trade's fields.
TRADE: Final = tuple(_trade())
