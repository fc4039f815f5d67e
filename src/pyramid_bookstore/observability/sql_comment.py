"""Adds the request's id as a comment to each statement, for the database's own log.

Setting ``application_name`` instead would be one more statement in every transaction. A statement
that differs each time is parsed each time, so this is off by default.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event

from pyramid_bookstore.web.request_id import current


def add_to(*engines: Engine) -> None:
    """Add the comment to every statement of these engines."""
    for engine in set(engines):
        event.listen(engine, "before_cursor_execute", _comment, retval=True)


def _comment(
    connection: Connection, cursor: Any, statement: str, parameters: Any, *more: Any
) -> tuple[str, Any]:
    # `request_id` allows no character that ends a comment or starts a placeholder.
    return f"{statement} /* request {current.get()} */", parameters
