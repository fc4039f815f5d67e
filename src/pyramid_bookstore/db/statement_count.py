"""How many statements the request that this thread serves has sent."""

from contextvars import ContextVar

_statements: ContextVar[int] = ContextVar("bookstore_statements", default=0)


def count_statement() -> None:
    """One more statement was sent to the database (BEGIN, COMMIT and savepoints not counted)."""
    _statements.set(_statements.get() + 1)


def statements() -> int:
    """How many statements were sent since `reset`."""
    return _statements.get()


def reset() -> None:
    """Count from 0 again."""
    _statements.set(0)
