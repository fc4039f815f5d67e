"""SQLite, the embedded default."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    Connection,
    Engine,
    QueuePool,
    SQLColumnExpression,
    event,
    func,
    type_coerce,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.db import diagnosis
from pyramid_bookstore.db.diagnosis import Diagnosis
from pyramid_bookstore.db.dialects.base import Dialect
from pyramid_bookstore.db.dialects.sqlite_deadline import LimitedConnection
from pyramid_bookstore.db.types import UTCDateTime

#: Seconds a write waits for the other writers before it gives up.
LOCK_TIMEOUT = 5

#: Execution option of a transaction that only reads: a plain BEGIN takes no write lock.
READ_ONLY_OPTION = "bookstore_read_only"

_BY_CODE = {
    sqlite3.SQLITE_BUSY: diagnosis.LOCKED,
    sqlite3.SQLITE_LOCKED: diagnosis.LOCKED,
    sqlite3.SQLITE_INTERRUPT: diagnosis.TOO_SLOW,
    sqlite3.SQLITE_READONLY: diagnosis.READ_ONLY,
    sqlite3.SQLITE_FULL: diagnosis.FULL,
    sqlite3.SQLITE_CANTOPEN: diagnosis.UNREACHABLE,
    sqlite3.SQLITE_IOERR: diagnosis.UNREACHABLE,
    sqlite3.SQLITE_CORRUPT: diagnosis.UNREACHABLE,
    sqlite3.SQLITE_NOTADB: diagnosis.UNREACHABLE,
    sqlite3.SQLITE_PERM: diagnosis.UNREACHABLE,
}
_UNIQUE = {
    "bookstore_books.isbn": "bookstore_books_isbn_key",
    "bookstore_books.id": "bookstore_books_pkey",
}


def in_memory(url: URL) -> bool:
    """Whether the database lives in one connection only."""
    return url.database in (None, "", ":memory:") or "mode=memory" in (url.database or "")


class SQLite(Dialect):
    """One file, many readers, one writer at a time."""

    name = "sqlite"

    def engine_options(self, url: URL, options: Mapping[str, Any]) -> dict[str, Any]:
        # What the URL says is an argument of the driver too, and goes before.
        waiting = {} if "timeout" in url.query else {"timeout": LOCK_TIMEOUT}
        chosen: dict[str, Any] = {"connect_args": waiting}
        if in_memory(url):
            # Every connection would be a database of its own: one is handed around.
            chosen |= {"poolclass": QueuePool, "pool_size": 1, "max_overflow": 0}
            chosen["connect_args"]["check_same_thread"] = False
        return chosen

    def prepare(self, engine: Engine, *, statement_timeout: int, autocommit: bool) -> None:
        @event.listens_for(engine, "connect")
        def connect(connection: sqlite3.Connection, _record: Any) -> None:
            # The driver's own transactions begin late and lose updates: we begin ours.
            connection.isolation_level = None
            cursor = connection.cursor()
            if not in_memory(engine.url):
                # Readers and the writer do not wait for each other. FULL: a commit that was
                # acknowledged is on the disk, also when the power goes.
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()
            if isinstance(connection, LimitedConnection):
                connection.limit_statements(statement_timeout)

        if statement_timeout:

            @event.listens_for(engine, "do_connect")
            def do_connect(_dialect: Any, _record: Any, _args: Any, arguments: Any) -> None:
                arguments["factory"] = LimitedConnection

        if autocommit:
            # A BEGIN would stay open there, and with its lock keep all writers off.
            return

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # A read that turns into a write later fails at once when another wrote meanwhile,
            # whatever the timeout; a write lock taken at BEGIN waits its turn.
            options = connection.get_execution_options()
            plain = options.get(READ_ONLY_OPTION, False)
            connection.exec_driver_sql("BEGIN" if plain else "BEGIN IMMEDIATE")

    def insert(self, entity: Any) -> Any:
        return sqlite.insert(entity)

    def moved_on(
        self, column: SQLColumnExpression[datetime], now: ColumnElement[datetime]
    ) -> ColumnElement[datetime]:
        following = type_coerce(column, BigInteger) + 1
        return type_coerce(func.max(now, following), UTCDateTime())

    def begin_writing(self, connection: Connection) -> None:
        # The driver's own way, which a host's engine most likely has, begins a transaction before
        # the first INSERT, UPDATE or DELETE only. A savepoint before that would be the transaction,
        # and its release would commit.
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def lock_migrations(self, connection: Connection) -> None:
        # BEGIN IMMEDIATE holds every other writer off.
        self.begin_writing(connection)

    def try_lock(self, connection: Connection, name: str) -> bool:
        """Always: there is one writer at a time, and this transaction is it."""
        return True

    def is_disconnected(self, connection: Any) -> bool:
        """Never: there is no server that could go away."""
        return False

    def raised(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.Error)

    def diagnose(self, error: BaseException) -> Diagnosis:
        text = str(error)
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, sqlite3.IntegrityError):
            _kind, _, subject = text.partition(" constraint failed: ")
            return Diagnosis("constraint", constraint=_UNIQUE.get(subject, subject))
        if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
            return Diagnosis("retry", diagnosis.LOCKED.reason)
        if text.startswith(("no such table", "no such column")) or "has no column named" in text:
            return diagnosis.NOT_READY
        # The low byte is the primary code; the rest says more than is needed here.
        return _BY_CODE.get(code & 0xFF, diagnosis.DEFECT) if code else diagnosis.DEFECT
