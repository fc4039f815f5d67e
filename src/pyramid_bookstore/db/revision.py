"""At which revision a database is, and which one this code needs.

Without Alembic, for which a process that only serves has no other use.
"""

from __future__ import annotations

from sqlalchemy import Connection, column, inspect, select, table

from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.models import Base

#: The newest revision in ``alembic/versions``; a test holds the two together.
HEAD = "bookstore_0002"

#: Where Alembic keeps the revision; a name of our own, beside the host's ``alembic_version``.
VERSION_TABLE = "bookstore_alembic_version"


def current(connection: Connection) -> str | None:
    """The database's revision; ``None`` where there is none in a version table of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(
        select(column("version_num")).select_from(table(VERSION_TABLE))
    ).scalar()


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one this code is written for.

    A host that keeps our revisions in one history with its own has no version table of ours, and
    its own need not name our revision. Then it counts that every table and column is there.
    """
    inspector = inspect(connection)
    if inspector.has_table(VERSION_TABLE):
        return current(connection) == HEAD
    return all(
        inspector.has_table(table.name)
        and {column["name"] for column in inspector.get_columns(table.name)} >= {*table.c.keys()}
        for table in Base.metadata.tables.values()
    )


def require_current(connection: Connection) -> str:
    """The revision, where it is the code's own; raises `Unavailable` where it is not."""
    if not is_current(connection):
        found = current(connection)
        state = f"at revision {found}" if found else "not set up"
        raise Unavailable(f"The database is {state}; this code needs {HEAD}: run the migrations.")
    return HEAD
