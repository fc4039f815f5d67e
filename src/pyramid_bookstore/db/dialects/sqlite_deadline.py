"""A statement timeout for SQLite, which has none.

SQLite can call a function after every N steps of its virtual machine, and stops if it returns
true. The function does not know the statement or when it began, so each call of the driver sets a
deadline on the connection. Waiting for a lock is no step: it has a timeout of its own.
"""

import sqlite3
import time
from typing import Any, Self

#: Steps between two checks of the clock, about 0.1 ms.
STEPS = 10_000


class LimitedCursor(sqlite3.Cursor):
    """Sets the connection's deadline before SQLite starts to work."""

    def execute(self, *arguments: Any) -> Self:
        self._set_deadline()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Self:
        self._set_deadline()
        return super().executemany(*arguments)

    def fetchmany(self, *arguments: Any) -> list[Any]:
        # The time that the caller takes between two calls does not count.
        self._set_deadline()
        return super().fetchmany(*arguments)

    def _set_deadline(self) -> None:
        connection: Any = self.connection
        connection.deadline = time.monotonic() + connection.limit


class LimitedConnection(sqlite3.Connection):
    """A connection on which no statement runs longer than ``limit`` seconds."""

    limit = float("inf")
    deadline = float("inf")

    def cursor(self, factory: Any = LimitedCursor) -> Any:
        return super().cursor(factory)

    def limit_statements(self, milliseconds: int) -> None:
        """Make statements that take longer end with ``SQLITE_INTERRUPT``."""
        self.limit = milliseconds / 1000
        self.set_progress_handler(lambda: time.monotonic() > self.deadline, STEPS)
        ((busy_timeout,),) = self.execute("PRAGMA busy_timeout").fetchall()
        if busy_timeout > milliseconds:
            self.execute(f"PRAGMA busy_timeout = {milliseconds:d}")
