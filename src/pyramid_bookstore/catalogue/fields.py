"""The declaration of the book's fields.

Everything about a field follows from its entry here: column, constraint and index (`models`), JSON
in (`schema`) and out (`BookData`), the list's parameters and their SQL (`query`, `listing`), the
columns of feeds (`feeds.staging`), and OpenAPI (`description.schemas`). CONTRIBUTING.md has the
steps to add a field.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import ChangedSince, Field, InStock, Range, TextSearch
from pyramid_bookstore.db.types import to_microseconds
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import (
    INTEGER_MAX,
    Identifier,
    Integer,
    Isbn,
    Moment,
    Price,
    Text,
)

_LINE = "Trimmed, and kept in Unicode's form NFC."


class BookData(msgspec.Struct, frozen=True):
    """A book as it is in the database at the moment of reading.

    ``price`` has exactly two decimals; ``isbn`` is 13 digits; times are UTC to the microsecond.
    """

    id: Annotated[
        UUID,
        Field(
            Identifier(),
            "Made by the server (UUID version 7).",
            "01935e3c-9d2f-7b40-8a3c-5d1f0e9b7a26",
            writable=False,
        ),
    ]
    title: Annotated[str, Field(Text(1, 255), _LINE, "Programming Rust", words=True, sort=True)]
    author: Annotated[
        str,
        Field(
            Text(1, 255),
            _LINE,
            "Jim Blandy, Jason Orendorff, Leonora F. S. Tindall",
            filters=(TextSearch(),),
            words=True,
            sort=True,
        ),
    ]
    isbn: Annotated[
        str,
        Field(
            Isbn(),
            "ISBN-13 or ISBN-10 with any hyphens or spaces; kept as 13 digits; unique.",
            "978-1-4920-5259-3",
        ),
    ]
    price: Annotated[
        Decimal,
        Field(
            Price(),
            "Exact to the cent; above 0 where there is stock: set it before copies are added.",
            49.99,
            filters=(Range(),),
            sort=True,
        ),
    ]
    stock: Annotated[
        int,
        Field(
            Integer(0, INTEGER_MAX),
            "Copies to be had.",
            12,
            default=0,
            filters=(InStock("in_stock"),),
            sort=True,
        ),
    ]
    description: Annotated[
        str | None,
        Field(
            Text(0, 10_000, trim=False, nullable=True),
            "For readers.",
            "Fast, safe systems development.",
            default=None,
        ),
    ]
    #: The JSON text of `extra`, as stored and as sent, without parsing.
    extra_json: Annotated[
        msgspec.Raw,
        Field(
            Extra(),
            "Fields of your own, at most 16 KiB as JSON; no NUL in texts, integers of 64 bits.",
            {},
            default={},
        ),
    ] = msgspec.field(name="extra")
    created_at: Annotated[
        datetime,
        Field(Moment(), "UTC.", "2026-03-01T09:30:00.000000Z", writable=False, sort=True),
    ]
    updated_at: Annotated[
        datetime,
        Field(
            Moment(),
            "UTC; moves with every change.",
            "2026-03-02T17:05:12.481516Z",
            writable=False,
            filters=(ChangedSince("updated_since"),),
            sort=True,
        ),
    ]
    #: Copies that no hold keeps, never below 0; only with `bookstore.holds`.
    available: int | msgspec.UnsetType = msgspec.UNSET

    @property
    def extra(self) -> dict[str, Any]:
        """The host's own fields; numbers with a fraction are exact decimals."""
        value: dict[str, Any] = jsontext.loads(bytes(self.extra_json))
        return value

    @property
    def version(self) -> int:
        """Grows with every change of this book: microseconds of ``updated_at`` since 1970."""
        return to_microseconds(self.updated_at)


#: All fields by name, in the order of JSON.
FIELDS: Mapping[str, Field] = {
    info.encode_name: replace(info.type.__metadata__[0], name=info.encode_name)
    for info in msgspec.structs.fields(BookData)
    if hasattr(info.type, "__metadata__")
}
#: The names that the server sets: a create refuses them, a change passes over all but `id`. That of
#: what holds leave is taken even where there are none.
READ_ONLY = frozenset(
    {"available", *(field.name for field in FIELDS.values() if not field.writable)}
)
#: The fields that clients may write.
WRITABLE = tuple(field for field in FIELDS.values() if field.writable)
