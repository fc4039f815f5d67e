"""The tables of the catalogue, made from the declaration of the fields.

The migrations in ``alembic/`` build the same tables; a test compares them.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy import Integer as SQLInteger
from sqlalchemy import Text as SQLText
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import conv

from pyramid_bookstore.catalogue.constraints import CHECKS, ISBN_KEY
from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.db.base import BIND, BOOKS_TABLE, Base
from pyramid_bookstore.db.types import FOLDED, JSONText, Money, SortKeys, Tokens, UTCDateTime
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import Identifier, Integer, Isbn, Moment, Price, Text

#: Longer texts have a type without a length.
_VARCHAR = 255

#: The column type of each type of field.
_COLUMN_TYPES: Mapping[type, Callable[[Any], Any]] = {
    Identifier: lambda typ: Uuid(),
    Text: lambda typ: String(typ.max_length) if typ.max_length <= _VARCHAR else SQLText(),
    Isbn: lambda typ: String(13),
    Price: lambda typ: Money(),
    Integer: lambda typ: SQLInteger(),
    Extra: lambda typ: JSONText(),
    Moment: lambda typ: UTCDateTime(),
}

#: The books. The indexes for text search differ by database and are only in the migrations (0003).
BOOKS = Table(
    BOOKS_TABLE,
    Base.metadata,
    *(
        Column(
            field.name,
            _COLUMN_TYPES[type(field.type)](field.type),
            primary_key=type(field.type) is Identifier,
            nullable=field.type.nullable,
        )
        for field in FIELDS.values()
    ),
    *(Column(field.key, FOLDED, nullable=False) for field in FIELDS.values() if field.derive),
    # What declared fields are found by, see `Keys`; `declared_index` makes the indexes.
    Column("attributes", Tokens()),
    Column("sort_keys", SortKeys()),
    Column("declared", String(12)),
    Column("extra_words", FOLDED, nullable=False, server_default=""),
    # Copies that holds keep, those included that have run out and were not cleaned up yet.
    Column("held", SQLInteger, nullable=False, server_default="0"),
    # Final names, whatever convention is in force.
    UniqueConstraint("isbn", name=conv(ISBN_KEY)),
    CheckConstraint("held >= 0", name=conv("bookstore_books_held_check")),
    *(CheckConstraint(check.sql, name=conv(check.name)) for check in CHECKS),
    # One index for each sort, with the id that breaks ties, so that a page reads only its own rows.
    *(
        Index(f"bookstore_books_{field.name}_idx", field.key, "id")
        for field in FIELDS.values()
        if field.sort
    ),
)


class Book(Base):
    """A book as stored. A host's tables refer to it by ``ForeignKey(Book.id)``."""

    __table__ = BOOKS

    if TYPE_CHECKING:
        id: Mapped[UUID]


class Total(Base):
    """The number of books, as the sum of all rows; triggers keep it.

    On PostgreSQL each server process adds to its own slot, so that writers do not wait for each
    other. SQLite has one writer at a time, and one slot.
    """

    __tablename__ = "bookstore_totals"

    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    books: Mapped[int] = mapped_column(BigInteger)


BIND["mapper"] = Book


def columns_of(fields: Mapping[str, Any], declared: Declared = NOTHING_DECLARED) -> dict[str, Any]:
    """The columns that hold the given fields of a book."""
    columns = dict(fields)
    for name in fields:
        field = FIELDS[name]
        if field.derive:
            columns[field.key] = field.derive(fields[name] or "")
        elif type(field.type) is Extra:
            columns[name] = msgspec.Raw(jsontext.dumps(fields[name]))
            columns |= declared.keys_of(fields[name])._asdict()
    return columns
