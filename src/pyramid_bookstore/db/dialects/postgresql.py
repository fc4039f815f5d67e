"""PostgreSQL, the production database."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from select import POLLIN, poll
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from pyramid_bookstore.db import diagnosis
from pyramid_bookstore.db.base import BOOKS_TABLE
from pyramid_bookstore.db.diagnosis import Diagnosis
from pyramid_bookstore.db.dialects.base import Dialect, UnknownDriver
from pyramid_bookstore.db.dialects.postgresql_checks import (
    broken_indexes,
    check_extension,
    check_pools,
)
from pyramid_bookstore.db.dialects.postgresql_connect import (
    DRIVER,
    PinParameters,
    SetTimeout,
    faults_of_shared,
    never_prepare,
)
from pyramid_bookstore.db.findings import Finding

#: Key of the advisory lock of the migrations: "bookstor" as eight bytes.
MIGRATION_LOCK = int.from_bytes(b"bookstor", "big")

_TRY_LOCK = sa.text("SELECT pg_try_advisory_xact_lock(:key)")

#: The hosts' foreign keys to the books that may be deferred.
_DEFERRABLE = sa.text(f"""
    SELECT quote_ident(nspname) || '.' || quote_ident(conname)
    FROM pg_catalog.pg_constraint JOIN pg_catalog.pg_namespace ON pg_namespace.oid = connamespace
    WHERE contype = 'f' AND condeferrable AND confrelid = pg_catalog.to_regclass('{BOOKS_TABLE}')
""")

_REFERRING = sa.text(f"""
    SELECT conrelid::regclass::text FROM pg_catalog.pg_constraint
    WHERE contype = 'f' AND confrelid = pg_catalog.to_regclass('{BOOKS_TABLE}')
""")

#: Seconds to wait for the server when connecting.
CONNECT_TIMEOUT = 5

_ONE, _TWO = (sa.literal_column(f"interval '{n} microseconds'", sa.Interval) for n in (1, 2))

_DRIVERS = (DRIVER, "psycopg2", "pg8000", "asyncpg")

# By SQLSTATE or a prefix of it (PostgreSQL manual, appendix A); the longest match counts.
_BY_STATE = {
    "08": diagnosis.UNREACHABLE,
    "28": diagnosis.UNREACHABLE,
    "3D": diagnosis.UNREACHABLE,
    "53": diagnosis.UNREACHABLE,
    "57P": diagnosis.ENDED,
    "58": diagnosis.UNREACHABLE,
    "53100": diagnosis.FULL,
    "57014": diagnosis.TOO_SLOW,
    "55P03": diagnosis.LOCKED,
    "22P05": diagnosis.UNFIT,  # the text has no place in the encoding of database or connection
    "25006": diagnosis.READ_ONLY,
    "25P03": diagnosis.TOO_SLOW,
    "42P01": diagnosis.NOT_READY,
    "42703": diagnosis.NOT_READY,
    "42883": diagnosis.NOT_READY,
    "42501": diagnosis.FORBIDDEN,
    "3F000": diagnosis.NOT_READY,
    "42P05": diagnosis.POOLED,
    "26000": diagnosis.POOLED,
    "40001": diagnosis.CONFLICT,
    "40P01": diagnosis.CONFLICT,
    # Statement completion unknown: running it again might do the work twice.
    "40003": diagnosis.UNREACHABLE,
}


def _in_utc(moment: sa.SQLColumnExpression[datetime]) -> sa.ColumnElement[datetime]:
    """A timestamptz as timestamp in UTC, and back. What is done with a timestamp is immutable, with
    a timestamptz mostly stable; Citus accepts only immutable functions of columns in an UPDATE."""
    return sa.func.timezone(sa.literal_column("'UTC'"), moment, type_=sa.DateTime())


def _is_odd(timestamp: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
    """Whether its microseconds are an odd number."""
    return sa.cast(sa.extract("microseconds", timestamp), sa.Integer) % 2 == 1


class PostgreSQL(Dialect):
    """A server that many processes share."""

    name = "postgresql"
    has_rights = True
    explain = "EXPLAIN (ANALYZE, BUFFERS)"

    def engine_options(self, url: sa.URL) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = CONNECT_TIMEOUT
        # psycopg needs a number, and the values in a URL are text.
        threshold = url.query.get("prepare_threshold")
        if isinstance(threshold, str):
            arguments["prepare_threshold"] = int(threshold) if threshold.isdigit() else None
        return {"connect_args": arguments}

    def own_url(self, url: sa.URL) -> sa.URL:
        if url.drivername not in (self.name, f"{self.name}+{DRIVER}"):
            written = f"postgresql+{DRIVER}://user:password@host/name"
            raise UnknownDriver(
                f"the bookstore's own connections use the driver {DRIVER}, not"
                f" {url.drivername}: write {written}"
                " (pip install 'pyramid_bookstore[postgres]'). An application with another driver"
                " keeps its own sqlalchemy.url, and gives this one in bookstore.sqlalchemy.url."
            )
        # What the bare name means depends on SQLAlchemy's version.
        return url.set(drivername=f"{self.name}+{DRIVER}")

    def add_listeners(self, engine: sa.Engine, *, statement_timeout: int, autocommit: bool) -> None:
        # First of all: SQLAlchemy sends statements itself, whose answers come in the encoding.
        sa.event.listen(engine, "connect", PinParameters(engine.url), insert=True)
        if not statement_timeout:
            return
        setting = f"statement_timeout = {statement_timeout:d}"
        if autocommit:
            # SET LOCAL has no effect there: each statement is a transaction of its own.
            sa.event.listen(engine, "connect", SetTimeout(setting))
            return

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            # SET LOCAL ends with the transaction, so it works behind PgBouncer too.
            connection.exec_driver_sql(f"SET LOCAL {setting}")

    def faults_of_shared(self, connection: sa.Connection) -> Iterable[str]:
        return faults_of_shared(connection.connection.dbapi_connection)

    def heal(self, engine: sa.Engine, error: BaseException) -> None:
        if self.diagnose(error) is diagnosis.POOLED:
            never_prepare(engine.url)
        super().heal(engine, error)

    def broken_indexes(self, connection: sa.Connection) -> list[str]:
        return broken_indexes(connection)

    def check_database(
        self, connection: sa.Connection, url: sa.URL, options: Mapping[str, Any], prefix: str
    ) -> Iterable[Finding]:
        yield check_extension(connection)
        yield check_pools(connection, options, prefix)

    def replica_check(self) -> sa.Select[bool, float | None]:
        # The age of the last transaction would show lag on an idle primary's replica. Whether all
        # that was received is replayed would not show that the replica was cut off.
        receiver = sa.table("pg_stat_wal_receiver")
        streaming = sa.exists(sa.select(sa.literal(1)).select_from(receiver))
        replayed = sa.func.pg_last_wal_receive_lsn() == sa.func.pg_last_wal_replay_lsn()
        age = sa.func.clock_timestamp() - sa.func.pg_last_xact_replay_timestamp()
        seconds = sa.cast(sa.extract("epoch", age), sa.Float)
        lag = sa.case((streaming & replayed, 0.0), else_=seconds)
        return sa.select(sa.func.pg_is_in_recovery().label("is_replica"), lag.label("lag"))

    def custom_plan(self, driver: str) -> dict[str, Any]:
        # psycopg prepares a statement after five uses, and PostgreSQL may then use one generic
        # plan for rare and common terms. Other drivers prepare nothing unless told to.
        return {"prepare": False} if driver == DRIVER else {}

    @contextmanager
    def by_value(self, connection: sa.Connection) -> Iterator[None]:
        driver: Any = connection.connection.driver_connection
        threshold = getattr(driver, "prepare_threshold", None)
        if threshold is None:  # another driver, or none is prepared
            yield
            return
        driver.prepare_threshold = None
        try:
            yield
        finally:
            driver.prepare_threshold = threshold

    def insert(self, entity: Any) -> Any:
        return postgresql.insert(entity)

    def any_of(self, column: Any, name: str) -> sa.ColumnElement[bool]:
        values = sa.bindparam(name, type_=postgresql.ARRAY(column.type))
        clause: sa.ColumnElement[bool] = column == sa.any_(values)
        return clause

    def numbers_by_id(self, parameter: str) -> sa.Subquery:
        lines = sa.cast(sa.bindparam(parameter, type_=sa.Text()), postgresql.JSONB)
        line = sa.func.jsonb_array_elements(lines).column_valued("line")
        key, number = (sa.type_coerce(line, postgresql.JSONB)[at].astext for at in (0, 1))
        columns = sa.cast(key, sa.Uuid).label("id"), sa.cast(number, sa.Integer).label("number")
        return sa.select(*columns).subquery("line")

    def next_timestamp(
        self, column: sa.SQLColumnExpression[datetime], now: sa.ColumnElement[datetime]
    ) -> sa.ColumnElement[datetime]:
        old, new = _in_utc(column), _in_utc(now)
        later = sa.func.greatest(old, new, type_=sa.DateTime())
        following = later + sa.case((_is_odd(later), _TWO), else_=_ONE)
        later_second = sa.func.date_trunc("second", new) > sa.func.date_trunc("second", old)
        return sa.case((later_second, now), else_=_in_utc(following))

    def is_first_of_second(
        self, column: sa.SQLColumnExpression[datetime]
    ) -> sa.ColumnElement[bool]:
        return sa.not_(_is_odd(_in_utc(column)))

    def lock_migrations(self, connection: sa.Connection) -> None:
        # A stricter level would show the database as it was before the wait for the lock, without
        # what its holder changed.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        # The wait, and an index on a large catalogue, take longer than a request may.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        # A lock of the transaction: one of the session would get lost behind PgBouncer.
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})

    def try_lock(self, connection: sa.Connection, name: str) -> bool:
        number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
        return bool(connection.scalar(_TRY_LOCK, {"key": number}))

    def is_referenced(self, connection: sa.Connection, books: Mapping[str, Any]) -> bool:
        names = ", ".join(connection.scalars(_DEFERRABLE))
        if not names:
            return False
        # The rollback gives the host back what it deferred.
        savepoint = connection.begin_nested()
        try:
            connection.exec_driver_sql(f"SET CONSTRAINTS {names} IMMEDIATE")
        except IntegrityError:
            return True
        finally:
            savepoint.rollback()
        return False

    def referring_tables(self, connection: sa.Connection) -> list[str]:
        return sorted({*connection.scalars(_REFERRING)})

    def index_names(self, table: str, *, complete: bool = True) -> sa.Select[Any]:
        valid = " AND indisvalid" if complete else ""
        names = (
            "SELECT relname AS name FROM pg_catalog.pg_index JOIN pg_catalog.pg_class"
            " ON pg_class.oid = indexrelid"
            f" WHERE indrelid = pg_catalog.to_regclass('{table}'){valid}"
        )
        found: Any = sa.text(names).columns(sa.column("name", sa.Text))
        return found  # type: ignore[no-any-return]  # is executed as a SELECT is

    def make_index(self, engine: sa.Engine, name: str, table: str, definition: str) -> None:
        statement = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {definition}"
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(statement)

    def drop_index(self, engine: sa.Engine, name: str) -> None:
        statement = f"DROP INDEX CONCURRENTLY IF EXISTS {name}"
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(statement)

    def is_disconnected(self, connection: Any) -> bool:
        # All that can arrive on an idle connection is its end: a last message, or end of file.
        poller = poll()
        poller.register(connection.fileno(), POLLIN)
        return bool(poller.poll(0))

    def is_driver_error(self, error: BaseException) -> bool:
        # By name: any of the drivers may be the installed one.
        return any(
            cls.__name__ == "Error" and cls.__module__.partition(".")[0] in _DRIVERS
            for cls in type(error).__mro__
        )

    def diagnose(self, error: BaseException) -> Diagnosis:
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if state is None:
            kind = type(error).__name__
            lost = kind in ("OperationalError", "InterfaceError", "ConnectionTimeout")
            return diagnosis.UNREACHABLE if lost else diagnosis.DEFECT
        if state.startswith("23"):
            named = getattr(getattr(error, "diag", None), "constraint_name", None) or ""
            return Diagnosis("constraint", constraint=named, foreign_key=state == "23503")
        for length in (5, 3, 2):
            if state[:length] in _BY_STATE:
                return _BY_STATE[state[:length]]
        return diagnosis.DEFECT
