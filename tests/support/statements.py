"""Counts SQL statements in two independent ways.

`observed` listens to SQLAlchemy's engines, as tracers do. `sent` records what the drivers receive,
without a listener on any engine, so that reads take their fast path as in production.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.pool import Pool

#: Statements that begin and end transactions; they are not counted.
_FRAME = ("BEGIN", "COMMIT", "ROLLBACK")


class Statements(list[str]):
    """The recorded statements, in order."""

    @property
    def work(self) -> list[str]:
        """Without BEGIN, COMMIT and ROLLBACK."""
        return [text for text in self if not text.upper().startswith(_FRAME)]

    @property
    def frame(self) -> list[str]:
        """Only BEGIN, COMMIT and ROLLBACK."""
        return [text for text in self if text.upper().startswith(_FRAME)]


@contextmanager
def observed() -> Iterator[Statements]:
    """Record the statements that SQLAlchemy executes on any engine."""
    statements = Statements()

    def execute(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", execute)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", execute)


@contextmanager
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    """Record the statements that the drivers receive.

    Connections already in a pool are seen too: on PostgreSQL because the cursor's method is
    replaced, on SQLite because a checkout turns the library's own trace on.
    """
    statements = Statements()
    execute = psycopg.Cursor.execute

    def tracing_execute(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        statements.append(query if isinstance(query, str) else str(query))
        return execute(self, query, *args, **options)

    def trace(text: str) -> None:
        # With triggers a statement is traced again, values included; a full-text index adds
        # statements on its own tables.
        own = text.startswith("--") or "'main'.'bookstore_search_" in text
        if not own and text not in statements:
            statements.append(text)

    def checkout(connection: Any, *_more: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(trace)

    def checkin(connection: Any, *_more: Any) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_trace_callback(None)

    event.listen(Pool, "checkout", checkout)
    event.listen(Pool, "checkin", checkin)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Cursor, "execute", tracing_execute)
            yield statements
    finally:
        event.remove(Pool, "checkout", checkout)
        event.remove(Pool, "checkin", checkin)
