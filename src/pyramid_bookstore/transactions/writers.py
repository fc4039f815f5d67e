"""How one change is written: inside a transaction, or as a statement that commits itself."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from sqlalchemy import Connection

from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.query import Query, Row, run_in_autocommit
from pyramid_bookstore.db.statement_count import count_statement


class Writer(Protocol):
    """What a change is written with."""

    dialect: Dialect

    def read(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        """The first row that a reading statement gives, as the change would see it."""

    def write(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        """The row that a writing statement returns; `None` where it wrote nothing."""

    def savepoint(self) -> AbstractContextManager[Any, bool | None]:
        """Keeps the transaction, where there is one, usable after a refusal by a constraint."""


class TransactionWriter:
    """On a connection whose transaction somebody ends later."""

    def __init__(self, connection: Connection, mark_changed: Callable[[], None]) -> None:
        """``mark_changed`` is called before each change, for whoever must know to commit."""
        self.dialect = dialect_named(connection.dialect.name)
        self._connection = connection
        self._mark_changed = mark_changed

    def read(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        count_statement()
        return self._connection.execute(query.statement, values).first()

    def write(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        self._mark_changed()
        return self.read(query, values)

    def savepoint(self) -> AbstractContextManager[Any, bool | None]:
        return self._connection.begin_nested()


class AutocommitWriter:
    """On a connection in autocommit mode: each statement is a transaction by itself."""

    def __init__(self, connection: Connection) -> None:
        self.dialect = dialect_named(connection.dialect.name)
        self._connection = connection

    def read(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        count_statement()
        return self._connection.execute(query.statement, values).first()

    def write(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        count_statement()
        rows = run_in_autocommit(self._connection, query, values)
        return rows[0] if rows else None

    def savepoint(self) -> AbstractContextManager[Any, bool | None]:
        return nullcontext()
