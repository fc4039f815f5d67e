"""The request that this thread is serving, for log records and for counting its SQL."""

from __future__ import annotations

from contextvars import ContextVar

#: Id of the request, as in `X-Request-ID`; "-" outside of the bookstore's requests.
request_id: ContextVar[str] = ContextVar("bookstore_request_id", default="-")

_statements: ContextVar[int] = ContextVar("bookstore_statements", default=0)


def count_statement() -> None:
    """One more statement was sent to the database (BEGIN, COMMIT and savepoints not counted)."""
    _statements.set(_statements.get() + 1)


def statements() -> int:
    """How many statements this request sent so far."""
    return _statements.get()


def begin(name: str) -> None:
    """This thread serves a request of ours from now on."""
    request_id.set(name)
    _statements.set(0)


def end() -> None:
    """And not any more."""
    request_id.set("-")
