"""Counts the statements of the request that the current thread serves."""

from contextvars import ContextVar

#: Statements sent so far; BEGIN, COMMIT and savepoints are not counted.
statements: ContextVar[int] = ContextVar("bookstore_statements", default=0)


def count_statement() -> None:
    """Count one statement more."""
    statements.set(statements.get() + 1)
