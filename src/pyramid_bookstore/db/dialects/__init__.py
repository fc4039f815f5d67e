"""What differs between SQLite and PostgreSQL, behind one interface."""

from collections.abc import Iterable

from pyramid_bookstore.db.dialects.base import Dialect as Dialect
from pyramid_bookstore.db.dialects.base import UnknownDriver as UnknownDriver
from pyramid_bookstore.db.dialects.postgresql import PostgreSQL
from pyramid_bookstore.db.dialects.sqlite import SQLite

_DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in (SQLite(), PostgreSQL())}


class UnknownDialect(LookupError):
    """The database is neither SQLite nor PostgreSQL."""


def dialect_named(name: str) -> Dialect:
    """The dialect by SQLAlchemy's name for it; raises `UnknownDialect`."""
    if name == "postgres":
        raise UnknownDialect("SQLAlchemy has no postgres:// any more: write postgresql+psycopg://")
    if name not in _DIALECTS:
        known = " and ".join(sorted(_DIALECTS))
        raise UnknownDialect(f"The bookstore runs on {known}, not on {name}.")
    return _DIALECTS[name]


def all_dialects() -> Iterable[Dialect]:
    """All dialects."""
    return _DIALECTS.values()
