"""Whether the database answers and is at the revision this code was written for."""

from __future__ import annotations

from pyramid.request import Request
from sqlalchemy import Connection

from pyramid_bookstore.db import migrations
from pyramid_bookstore.mount import Mount
from pyramid_bookstore.sessions import session_of


def revision_in_place(request: Request) -> tuple[str | None, str]:
    """The schema's revision in the database, `None` where there is none, and the one wanted."""
    return _current(request), migrations.head()


def _current(request: Request) -> str | None:
    database = Mount.of(request.registry).database
    if database is None:
        connection: Connection = session_of(request).connection()
        return migrations.current(connection)
    with database.reading.connect() as connection:
        return migrations.current(connection)
