"""The mark by which pyramid_retry, where a host has it, knows what to try again."""

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from pyramid_bookstore.db.errors import diagnose

try:
    from pyramid_retry import mark_error_retryable
except ImportError:

    def mark_error_retryable(error: BaseException) -> None:
        """Nobody is there to try anything again."""


def mark_retryable_errors(engine: Engine) -> None:
    """Mark the errors of lost races on this engine when they are raised, so that the request is
    tried again whatever exception views and commit vetoes the host has."""

    @event.listens_for(engine, "handle_error")
    def mark(context: ExceptionContext) -> None:
        if diagnose(context.original_exception).kind == "retry" and context.sqlalchemy_exception:
            mark_error_retryable(context.sqlalchemy_exception)


__all__ = ["mark_error_retryable", "mark_retryable_errors"]
