"""The plug-in's own engines, for a host that offers no session."""

import os
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.engines import make_engine, make_reading_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.replica import Replica


class Database:
    """The engines of one application, each with its own pool: one to write, one to read."""

    #: Where safe requests read, if the settings name one.
    replica: Replica | None = None

    def __init__(self, options: Mapping[str, Any], *, statement_timeout: int = 0) -> None:
        """``statement_timeout`` in milliseconds, 0 for none. Nothing connects yet."""
        self.writing = make_engine(options, statement_timeout=statement_timeout)
        self.dialect: Dialect = dialect_named(self.writing.dialect.name)
        self.in_memory = self.dialect.in_memory(self.writing.url)
        if self.in_memory:  # one connection, used for both
            self.reading = self.writing
            return
        self.reading = make_reading_engine(options, statement_timeout=statement_timeout)
        for engine in (self.writing, self.reading):
            event.listen(engine, "handle_error", self._dispose_stale_connections)
        _databases.add(self)

    @property
    def engines(self) -> dict[str, Engine]:
        """Every engine by its use: ``writing``, ``reading``, ``replica`` if there is one."""
        engines = {"writing": self.writing, "reading": self.reading}
        return engines if self.replica is None else engines | {"replica": self.replica.engine}

    def dispose(self, *, close: bool = True) -> None:
        """Empty the pools, which fill again on demand.

        ``close=False`` in a forked child: the parent still uses the connections.
        """
        self.writing.dispose(close=close)
        self.reading.dispose(close=close)
        if self.replica is not None:
            self.replica.dispose(close=close)

    def _dispose_stale_connections(self, context: ExceptionContext) -> None:
        """A demoted server, or a file that was read-only when it was opened, keeps its connections
        open and useless. New ones reach the primary that took over."""
        error = context.original_exception
        if diagnose(error).stale_connection:
            context.is_disconnect = True
            for engine in (self.writing, self.reading):
                self.dialect.heal(engine, error)


_databases: WeakSet[Database] = WeakSet()


def _after_fork_in_child() -> None:
    for database in list(_databases):
        database.dispose(close=False)


# Servers that load the application before they fork (gunicorn --preload, uWSGI) need no hook.
os.register_at_fork(after_in_child=_after_fork_in_child)
