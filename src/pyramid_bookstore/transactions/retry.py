"""Marks for pyramid_retry, if the host has it: which errors to retry."""

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from pyramid_bookstore.db.errors import diagnose

try:
    from pyramid_retry import mark_error_retryable
except ImportError:

    def mark_error_retryable(error: BaseException) -> None:
        """Without pyramid_retry there is nothing to mark."""


def mark_retryable_errors(engine: Engine) -> None:
    """Mark serialization failures and deadlocks on this engine when they are raised, so that the
    host's exception views and commit vetoes do not prevent the retry."""

    @event.listens_for(engine, "handle_error")
    def mark(context: ExceptionContext) -> None:
        if diagnose(context.original_exception).kind == "retry" and context.sqlalchemy_exception:
            mark_error_retryable(context.sqlalchemy_exception)


__all__ = ["mark_error_retryable", "mark_retryable_errors"]
