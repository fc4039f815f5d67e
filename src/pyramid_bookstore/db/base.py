"""The declarative base of all our tables, and the bind arguments that find their database."""

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

#: A database that has this table has a bookstore.
BOOKS_TABLE = "bookstore_books"
#: All our tables. Models are imported only where they are needed, so the metadata may have fewer.
TABLES = (
    *(BOOKS_TABLE, "bookstore_totals", "bookstore_idempotency_keys", "bookstore_sources"),
    "bookstore_compatibility",
    *("bookstore_holds", "bookstore_hold_lines", "bookstore_movements"),
)


class Base(DeclarativeBase):
    """Has metadata of its own: a host's ``create_all`` creates none of our tables."""

    metadata = MetaData()


#: Bind arguments for `Session.connection` and others: a host's session may choose the database by
#: model, and all our tables are in one. The model of the books sets ``mapper`` here.
BIND: dict[str, Any] = {}
