"""How one change is written: within a transaction, or in autocommit mode."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from sqlalchemy import Connection

from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.query import Query, Row, run_in_autocommit
from pyramid_bookstore.db.statement_count import count_statement


class Writer(ABC):
    """Reads and writes on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.dialect: Dialect = dialect_named(connection.dialect.name)
        self.connection = connection

    def read(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        """The first row of a reading statement."""
        count_statement()
        return self.connection.execute(query.statement, values).first()

    @abstractmethod
    def write(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        """The row that a writing statement returns; `None` if it wrote nothing."""

    @abstractmethod
    def savepoint(self) -> AbstractContextManager[Any, bool | None]:
        """Keeps the transaction usable after a violated constraint."""


class TransactionWriter(Writer):
    """On a connection whose transaction is committed later."""

    def __init__(self, connection: Connection, mark_changed: Callable[[], None]) -> None:
        """``mark_changed`` is called before each change."""
        super().__init__(connection)
        self._mark_changed = mark_changed

    def write(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        self._mark_changed()
        return self.read(query, values)

    def savepoint(self) -> AbstractContextManager[Any, bool | None]:
        return self.connection.begin_nested()


class AutocommitWriter(Writer):
    """On a connection in autocommit mode: each statement is a transaction."""

    def write(self, query: Query, values: Mapping[str, Any]) -> Row | None:
        count_statement()
        rows = run_in_autocommit(self.connection, query, values)
        return rows[0] if rows else None

    def savepoint(self) -> AbstractContextManager[Any, bool | None]:
        return nullcontext()
