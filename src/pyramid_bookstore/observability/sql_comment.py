"""The request's id as a comment in each statement, to be found in the database's own log.

A comment and not ``application_name``: that is a statement of its own in every transaction. But a
statement that differs each time is parsed each time, so this is only done where it is asked for.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event

from pyramid_bookstore.web.request_id import current


def add_to(*engines: Engine) -> None:
    """Comment every statement that goes through these engines."""
    for engine in set(engines):
        event.listen(engine, "before_cursor_execute", _comment, retval=True)


def _comment(
    connection: Connection, cursor: Any, statement: str, parameters: Any, *more: Any
) -> tuple[str, Any]:
    # A sane id holds nothing that ends a comment or that a driver takes for a placeholder.
    return f"{statement} /* request {current.get()} */", parameters
