"""The base of all our tables, and where a session finds their database."""

from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

#: The table whose being there says that a database has a bookstore.
BOOKS_TABLE = "bookstore_books"


class Base(DeclarativeBase):
    """Own metadata: the host's models and the bookstore's never meet in one ``create_all``."""

    metadata = MetaData()


#: For `Session.connection` and the like: a host's session may have several databases, by model, and
#: all our tables are in one. The books' model enters itself here.
BIND: dict[str, Any] = {}
