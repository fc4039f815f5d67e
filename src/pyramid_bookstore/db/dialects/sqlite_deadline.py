"""A statement timeout for SQLite, which has none of its own.

SQLite calls back every so many steps of its virtual machine and stops when told to. Python's own
hook knows neither which statement runs nor since when, so the connection keeps a deadline that
each call of the driver sets anew. Waiting for a lock is no step: that has a timeout of its own.
"""

import sqlite3
import time
from typing import Any, Self

#: Steps between two looks at the clock: some 0.1 ms of work.
STEPS = 10_000


class LimitedCursor(sqlite3.Cursor):
    """Sets the connection's deadline before SQLite gets to work."""

    def execute(self, *arguments: Any) -> Self:
        self._begin()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Self:
        self._begin()
        return super().executemany(*arguments)

    def fetchmany(self, *arguments: Any) -> list[Any]:
        # Who reads in portions may take their time between two of them.
        self._begin()
        return super().fetchmany(*arguments)

    def _begin(self) -> None:
        connection: Any = self.connection
        connection.deadline = time.monotonic() + connection.limit


class LimitedConnection(sqlite3.Connection):
    """A connection on which no statement runs longer than ``limit`` seconds."""

    limit = float("inf")
    deadline = float("inf")

    def cursor(self, factory: Any = LimitedCursor) -> Any:
        return super().cursor(factory)

    def limit_statements(self, milliseconds: int) -> None:
        """From now on, statements that take longer end with ``SQLITE_INTERRUPT``."""
        self.limit = milliseconds / 1000
        self.set_progress_handler(self._overdue, STEPS)
        ((waits,),) = self.execute("PRAGMA busy_timeout").fetchall()
        if waits > milliseconds:
            self.execute(f"PRAGMA busy_timeout = {milliseconds:d}")

    def _overdue(self) -> bool:
        return time.monotonic() > self.deadline
