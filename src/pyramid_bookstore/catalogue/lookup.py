"""Many books at once, by their ISBNs and ids."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import colander
import msgspec
from sqlalchemy import select

from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.schema import is_id
from pyramid_bookstore.catalogue.statements import COLUMNS, book_from_row
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query, Reader
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.isbn import canonical
from pyramid_bookstore.values.types import Fields, Texts, field

#: Books that may be asked for at once.
MOST: Final = 1_000


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """The books that were found, in the order asked, each once; and what else was asked for:
    ``missing`` are ISBNs and ids that no book has, ``invalid`` what can be none."""

    books: Sequence[BookData]
    missing: Sequence[str]
    invalid: Sequence[str]


class LookupBody(colander.MappingSchema):  # type: ignore[misc]  # colander ships no types
    """What is asked for."""

    isbns = field(Texts(MOST), description="ISBNs in any writing.", missing=())
    ids = field(Texts(MOST), description="Ids of books.", missing=())

    @staticmethod
    def schema_type() -> Fields:
        return Fields({"": "This is not a member here; there are isbns and ids."})

    def validator(self, node: Any, values: dict[str, Any]) -> None:
        """Called by Colander when both lists are valid."""
        asked = sum(map(len, values.values()))
        if asked > MOST:
            message = f"At most {MOST:,} books may be asked for at once; these are {asked:,}."
            raise colander.Invalid(node, message)


_BODY = LookupBody()


def validate_lookup(data: Any) -> dict[str, Sequence[str]]:
    """The ``isbns`` and ``ids`` asked for; raises `ValidationFailed`."""
    return deserialized(_BODY, data)


def look_up(reader: Reader, isbns: Iterable[str], ids: Iterable[str]) -> Lookup:
    """The books, by one statement for ISBNs and one for ids."""
    asked: dict[Any, str] = {}
    invalid: dict[str, None] = {}
    for texts, read in ((isbns, canonical), (ids, _id)):
        for text in texts:
            try:
                asked.setdefault(read(text), text)
            except ValueError:
                invalid[text] = None
    found: dict[Any, BookData] = {}
    for name, kind in (("isbn", str), ("id", UUID)):
        keys = [key for key in asked if isinstance(key, kind)]
        if keys:
            values = {name: reader.dialect.many(keys)}
            rows = reader.rows(_query(reader.dialect, name), values)
            found |= {getattr(book, name): book for book in map(book_from_row, rows)}
    books = {book.id: book for key in asked if (book := found.get(key))}
    missing = [text for key, text in asked.items() if key not in found]
    return Lookup(books=[*books.values()], missing=missing, invalid=[*invalid])


def _id(text: str) -> UUID:
    found = UUID(text)
    if not is_id(text, found):
        raise ValueError(text)
    return found


@lru_cache(maxsize=8)
def _query(dialect: Dialect, name: str) -> Query:
    return Query(select(*COLUMNS).where(dialect.any_of(BOOKS.c[name], name)))
