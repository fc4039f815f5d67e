"""PostgreSQL, the production database."""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from select import POLLIN, poll
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Float,
    Select,
    SQLColumnExpression,
    case,
    cast,
    event,
    exists,
    extract,
    func,
    literal,
    select,
    table,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.db import diagnosis
from pyramid_bookstore.db.diagnosis import Diagnosis
from pyramid_bookstore.db.dialects.base import Dialect

log = logging.getLogger(__name__)

#: Key of the advisory lock under which migrations run: "bookstor" as eight bytes.
MIGRATION_LOCK = int.from_bytes(b"bookstor", "big")

_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")

#: Seconds to wait for the server when a connection is made.
CONNECT_TIMEOUT = 5

_DRIVERS = ("psycopg", "psycopg2", "pg8000", "asyncpg")

# SQLSTATE, appendix A of the PostgreSQL manual; the longest match wins.
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
    "25006": diagnosis.READ_ONLY,
    "25P03": diagnosis.TOO_SLOW,
    "42P01": diagnosis.NOT_READY,
    "42703": diagnosis.NOT_READY,
    "42883": diagnosis.NOT_READY,
    "42501": diagnosis.NOT_READY,
    "3F000": diagnosis.NOT_READY,
    # Not 40003: there the outcome is unknown, and a second try might do the work twice.
    "40001": Diagnosis("retry", diagnosis.LOCKED.reason),
    "40P01": Diagnosis("retry", diagnosis.LOCKED.reason),
    "40003": diagnosis.UNREACHABLE,
}


class PostgreSQL(Dialect):
    """A server that many processes share."""

    name = "postgresql"

    def engine_options(self, url: URL, options: Mapping[str, Any]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        if "connect_timeout" not in url.query:
            arguments["connect_timeout"] = CONNECT_TIMEOUT
        # From a URL everything is text, which psycopg would compare with a number.
        threshold = url.query.get("prepare_threshold")
        if isinstance(threshold, str):
            arguments["prepare_threshold"] = int(threshold) if threshold.isdigit() else None
        return {"connect_args": arguments}

    def prepare(self, engine: Engine, *, statement_timeout: int, autocommit: bool) -> None:
        if not statement_timeout:
            return
        limit = f"statement_timeout = {statement_timeout:d}"
        if autocommit:
            # Nothing LOCAL there: each statement is a transaction of its own.
            event.listen(engine, "connect", _SetOnce(limit))
            return

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # SET LOCAL ends with the transaction, so it holds behind PgBouncer too.
            connection.exec_driver_sql(f"SET LOCAL {limit}")

    def replica_check(self) -> Select[bool, float | None]:
        # The time of the last transaction alone would take a primary at rest for a lagging
        # replica; what was received alone would not see one that was cut off.
        streaming = exists(select(literal(1)).select_from(table("pg_stat_wal_receiver")))
        replayed = func.pg_last_wal_receive_lsn() == func.pg_last_wal_replay_lsn()
        since = func.clock_timestamp() - func.pg_last_xact_replay_timestamp()
        lag = case((streaming & replayed, 0.0), else_=cast(extract("epoch", since), Float))
        return select(func.pg_is_in_recovery().label("replays"), lag.label("lag"))

    def custom_plan(self, driver: str) -> dict[str, Any]:
        # psycopg prepares what it has sent five times, and PostgreSQL may then settle on one plan
        # for rare terms and common ones alike. Other drivers prepare nothing of their own accord.
        return {"prepare": False} if driver == "psycopg" else {}

    def insert(self, entity: Any) -> Any:
        return postgresql.insert(entity)

    def moved_on(
        self, column: SQLColumnExpression[datetime], now: ColumnElement[datetime]
    ) -> ColumnElement[datetime]:
        return func.greatest(now, column + literal(timedelta(microseconds=1)))

    def lock_migrations(self, connection: Connection) -> None:
        # Under a stricter level the snapshot would be from before the wait, and show a database
        # that the one who held the lock has changed since.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        # The wait, and an index over a large catalogue, take longer than a request may.
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        # Bound to the transaction: a session's lock would get lost behind PgBouncer.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})

    def try_lock(self, connection: Connection, name: str) -> bool:
        number = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), signed=True)
        return bool(connection.scalar(_TRY_LOCK, {"key": number}))

    def is_disconnected(self, connection: Any) -> bool:
        # Nothing is due on an idle connection but the server's farewell, or the end of the stream.
        waiting = poll()
        waiting.register(connection.fileno(), POLLIN)
        return bool(waiting.poll(0))

    def raised(self, error: BaseException) -> bool:
        # By name: which of the drivers there are is not known here.
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
            return Diagnosis("constraint", constraint=named)
        for length in (5, 3, 2):
            if state[:length] in _BY_STATE:
                return _BY_STATE[state[:length]]
        return diagnosis.DEFECT


class _SetOnce:
    """Gives each new connection its statement timeout for as long as it lives.

    Behind PgBouncer in transaction mode that would reach one server connection, and everybody who
    uses it after us; there the role must have the timeout (``ALTER ROLE … SET``).
    """

    def __init__(self, limit: str) -> None:
        self._limit = limit
        self._said = False

    def __call__(self, connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), current_setting('statement_timeout')")
            ((served_by, timeout),) = cursor.fetchall()
            # A pooler makes up the process id with which it greets its clients.
            greeted_by = getattr(getattr(connection, "info", None), "backend_pid", served_by)
            if greeted_by == served_by:
                cursor.execute(f"SET {self._limit}")
            elif timeout == "0" and not self._said:
                self._said = True
                log.warning(
                    "There is a connection pooler before the database: bookstore.statement_timeout"
                    " holds in transactions only. For statements alone, reads above all, the role"
                    " must have it too: ALTER ROLE … SET %s",
                    self._limit,
                )
