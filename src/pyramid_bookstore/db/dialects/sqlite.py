"""SQLite, the embedded default."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from pyramid_bookstore.db import diagnosis
from pyramid_bookstore.db.base import BOOKS_TABLE, Base
from pyramid_bookstore.db.diagnosis import Diagnosis
from pyramid_bookstore.db.dialects.base import Dialect
from pyramid_bookstore.db.dialects.sqlite_attributes import ATTRIBUTES, NO_ATTRIBUTES
from pyramid_bookstore.db.dialects.sqlite_checks import check_file, check_journal
from pyramid_bookstore.db.dialects.sqlite_deadline import LimitedConnection
from pyramid_bookstore.db.dialects.sqlite_url import file_of, in_memory, read_only
from pyramid_bookstore.db.findings import Finding
from pyramid_bookstore.db.types import UTCDateTime

#: Seconds that a write waits for other writers.
LOCK_TIMEOUT = 5

#: Execution option of a transaction that only reads: BEGIN without a write lock.
READ_ONLY_OPTION = "bookstore_read_only"

_SECOND = 1_000_000  # microseconds

#: A journal or a write-ahead log, which even a reader needs if the file has one.
_NO_FILES = Diagnosis(
    "unavailable",
    "The database needs a file beside it, and its folder takes none.",
    stale_connection=True,
)

_BY_CODE = {
    sqlite3.SQLITE_BUSY: diagnosis.LOCKED,
    sqlite3.SQLITE_BUSY_SNAPSHOT: diagnosis.CONFLICT,
    sqlite3.SQLITE_LOCKED: diagnosis.LOCKED,
    sqlite3.SQLITE_INTERRUPT: diagnosis.TOO_SLOW,
    sqlite3.SQLITE_READONLY: diagnosis.READ_ONLY,
    sqlite3.SQLITE_READONLY_DIRECTORY: _NO_FILES,
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


FOREIGN_KEYS_OFF = (
    "SQLite does not enforce foreign keys on the connections of the application's session: a book"
    " can be deleted although rows of the application refer to it. Send PRAGMA foreign_keys = ON"
    " from a listener to the engine's event connect."
)

_REFERENCES = sa.text(f"""
    SELECT tables.name, keys."from", keys."to"
    FROM sqlite_master AS tables, pragma_foreign_key_list(tables.name) AS keys
    WHERE tables.type = 'table' AND lower(keys."table") = '{BOOKS_TABLE}'
""")


class SQLite(Dialect):
    """One file, many readers, one writer at a time."""

    name = "sqlite"
    explain = "EXPLAIN QUERY PLAN"

    def engine_options(self, url: sa.URL) -> dict[str, Any]:
        # An argument in the URL would be overridden by ours.
        arguments: dict[str, Any] = {} if "timeout" in url.query else {"timeout": LOCK_TIMEOUT}
        if not in_memory(url):
            return {"connect_args": arguments}
        # Every connection would be a database of its own, so all threads share one.
        arguments["check_same_thread"] = False
        one = {"poolclass": sa.QueuePool, "pool_size": 1, "max_overflow": 0}
        return {"connect_args": arguments, **one}

    def add_listeners(self, engine: sa.Engine, *, statement_timeout: int, autocommit: bool) -> None:
        @sa.event.listens_for(engine, "connect")
        def connect(connection: sqlite3.Connection, _record: Any) -> None:
            # The driver begins its transactions too late, so updates get lost: we send BEGIN.
            connection.isolation_level = None
            cursor = connection.cursor()
            if not in_memory(engine.url):
                # With WAL, readers and the writer do not wait for each other. With FULL, what was
                # committed survives a power failure.
                try:
                    cursor.execute("PRAGMA journal_mode = WAL")
                    cursor.execute("PRAGMA synchronous = FULL")
                except sqlite3.OperationalError as error:
                    # A file that is only read stays as it is.
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                        raise
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.close()
            if isinstance(connection, LimitedConnection):
                connection.limit_statements(statement_timeout)

        @sa.event.listens_for(engine, "reset")
        def reset(connection: sqlite3.Connection, _record: Any, _state: Any) -> None:
            # A COMMIT that fails, by a deferred foreign key or a full disk, leaves the transaction
            # open, and SQLAlchemy takes it for ended: its lock would block all writers.
            if connection.in_transaction:
                connection.rollback()

        if statement_timeout:

            @sa.event.listens_for(engine, "do_connect")
            def do_connect(_dialect: Any, _record: Any, _args: Any, arguments: Any) -> None:
                arguments["factory"] = LimitedConnection

        if autocommit:
            # Nothing would end a BEGIN there, and its lock would block all writers.
            return

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            # A transaction that reads first and writes later fails at once if another wrote in
            # between, whatever the timeout. A write lock taken at BEGIN is waited for.
            read_only = connection.get_execution_options().get(READ_ONLY_OPTION, False)
            connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    def in_memory(self, url: sa.URL) -> bool:
        return in_memory(url)

    def is_at_hand(self, url: sa.URL) -> bool:
        return in_memory(url) or file_of(url).exists()

    def unchanging(self, url: sa.URL) -> sa.URL:
        return url if in_memory(url) else read_only(url)

    def check_place(self, url: sa.URL) -> Iterable[Finding]:
        return check_file(url)

    def check_database(
        self, connection: sa.Connection, url: sa.URL, options: Mapping[str, Any], prefix: str
    ) -> Iterable[Finding]:
        return check_journal(url)

    def insert(self, entity: Any) -> Any:
        return sqlite.insert(entity)

    def any_of(self, column: Any, name: str) -> sa.ColumnElement[bool]:
        values = sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value")
        clause: sa.ColumnElement[bool] = column.in_(sa.select(values.c.value))
        return clause

    def many(self, values: Sequence[Any]) -> str:
        # As the columns hold them.
        return json.dumps([each.hex if isinstance(each, UUID) else each for each in values])

    def numbers_by_id(self, parameter: str) -> sa.Subquery:
        line = sa.func.json_each(sa.bindparam(parameter, type_=sa.Text())).table_valued("value")
        key = sa.func.json_extract(line.c.value, "$[0]", type_=sa.Uuid())
        number = sa.func.json_extract(line.c.value, "$[1]", type_=sa.Integer())
        return sa.select(key.label("id"), number.label("number")).subquery("line")

    def next_timestamp(
        self, column: sa.SQLColumnExpression[datetime], now: sa.ColumnElement[datetime]
    ) -> sa.ColumnElement[datetime]:
        old, new = sa.type_coerce(column, sa.BigInteger), sa.cast(now, sa.BigInteger)
        following = (sa.func.max(old, new, type_=sa.BigInteger) + 1).bitwise_or(1)
        later_second = new // _SECOND > old // _SECOND
        return sa.type_coerce(sa.case((later_second, new), else_=following), UTCDateTime())

    def is_first_of_second(
        self, column: sa.SQLColumnExpression[datetime]
    ) -> sa.ColumnElement[bool]:
        return sa.type_coerce(column, sa.BigInteger) % 2 == 0

    def begin_writing(self, connection: sa.Connection) -> None:
        # By default, which a host's engine most likely uses, the driver begins a transaction only
        # before the first INSERT, UPDATE or DELETE. An earlier savepoint would be the transaction
        # itself, and its release would commit.
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    def lock_migrations(self, connection: sa.Connection) -> None:
        # BEGIN IMMEDIATE blocks every other writer.
        self.begin_writing(connection)

    def try_lock(self, connection: sa.Connection, name: str) -> bool:
        """Always `True`: this transaction is the only writer."""
        return True

    def check_shared(self, connection: sa.Connection) -> Iterable[Finding]:
        if tables := self.referring_tables(connection):
            message = (
                f"Foreign keys of {', '.join(tables)} refer to the books, and SQLite enforces them"
                " only on connections that ask for it: whether the application's do is not seen"
                " here, its log says so at start."
            )
            advice = "Send PRAGMA foreign_keys = ON from a listener to its engine's event connect."
            yield Finding("warning", "keys", message, advice)

    def warnings_of_shared(self, connection: sa.Connection) -> Iterable[str]:
        if not connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
            yield FOREIGN_KEYS_OFF

    def is_referenced(self, connection: sa.Connection, books: Mapping[str, Any]) -> bool:
        if not connection.exec_driver_sql("PRAGMA foreign_keys").scalar():
            return False
        columns = Base.metadata.tables[BOOKS_TABLE].c
        for table, name, to in connection.execute(_REFERENCES).all():
            if to not in books:
                continue
            target, there = columns[to], sa.column(name, columns[to].type)
            gone = sa.not_(sa.exists().where(target == there))
            among = sa.true() if books[to] is None else there.in_(books[to])
            found = sa.select(sa.literal(1)).select_from(sa.table(table, there))
            if connection.scalar(found.where(there.is_not(None), among, gone).limit(1)):
                return True
        return False

    def referring_tables(self, connection: sa.Connection) -> list[str]:
        return sorted({table for table, *_ in connection.execute(_REFERENCES)})

    def index_names(self, table: str, *, complete: bool = True) -> sa.Select[Any]:
        master = sa.table("sqlite_master", *map(sa.column, ("type", "name", "tbl_name")))
        return sa.select(master.c.name).where(master.c.type == "index", master.c.tbl_name == table)

    def make_attributes(self, connection: sa.Connection, *, wanted: bool) -> None:
        if wanted and self.has_attributes(connection):
            return
        for statement in (*NO_ATTRIBUTES, *(ATTRIBUTES if wanted else ())):
            connection.exec_driver_sql(statement)

    def has_attributes(self, connection: sa.Connection) -> bool:
        columns = connection.exec_driver_sql("PRAGMA table_info(bookstore_attributes)").all()
        return "created_at" in {column[1] for column in columns}

    def is_disconnected(self, connection: Any) -> bool:
        """Always `False`: there is no server."""
        return False

    def is_driver_error(self, error: BaseException) -> bool:
        return isinstance(error, sqlite3.Error)

    def diagnose(self, error: BaseException) -> Diagnosis:
        text = str(error)
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, sqlite3.IntegrityError):
            _kind, _, subject = text.partition(" constraint failed: ")
            return Diagnosis(
                "constraint",
                constraint=_UNIQUE.get(subject, subject),
                foreign_key=code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
            )
        if text.startswith(("no such table", "no such column")) or "has no column named" in text:
            return diagnosis.NOT_READY
        if code is None:
            return diagnosis.DEFECT
        # The low byte is the primary result code.
        return _BY_CODE.get(code) or _BY_CODE.get(code & 0xFF, diagnosis.DEFECT)
