"""The plug-in's own engines, when the host offers no session."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.dialects.sqlite import in_memory
from pyramid_bookstore.db.engines import make_engine, make_reading_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.forks import tell_after_fork
from pyramid_bookstore.db.replica import Replica


class Database:
    """The engines of one application: one for writing, one for reading, with pools of their own."""

    #: Where safe requests read, if one is set; it has a pool of its own too.
    replica: Replica | None = None

    def __init__(self, options: Mapping[str, Any], *, statement_timeout: int = 0) -> None:
        self.options = options
        self.writing = make_engine(options, statement_timeout=statement_timeout)
        self.dialect: Dialect = dialect_named(self.writing.dialect.name)
        # A database in memory is one connection, which both share.
        self.in_memory = self.dialect.name == "sqlite" and in_memory(self.writing.url)
        self.reading = (
            self.writing
            if self.in_memory
            else make_reading_engine(options, statement_timeout=statement_timeout)
        )
        if not self.in_memory:
            for engine in (self.writing, self.reading):
                event.listen(engine, "handle_error", self._leave_what_is_spent)
            tell_after_fork(self)

    @property
    def engines(self) -> dict[str, Engine]:
        """Every engine by what it is for: ``writing``, ``reading``, ``replica`` if there is one."""
        engines = {"writing": self.writing, "reading": self.reading}
        return engines if self.replica is None else engines | {"replica": self.replica.engine}

    def forked(self) -> None:
        """In a child: leave the connections to the parent, which goes on using them."""
        self.writing.dispose(close=False)
        self.reading.dispose(close=False)
        if self.replica is not None:
            self.replica.dispose(close=False)

    def _leave_what_is_spent(self, context: ExceptionContext) -> None:
        """A server that was demoted, or a file that was opened while it could not be written,
        keeps its connections open and useless. New ones reach the primary that took over."""
        if diagnose(context.original_exception).spent:
            context.is_disconnect = True
            self.writing.dispose()
            self.reading.dispose()

    def dispose(self) -> None:
        """Close every idle connection; the pools fill again on demand."""
        self.writing.dispose()
        self.reading.dispose()
        if self.replica is not None:
            self.replica.dispose()
