"""The revision of a database's schema, and the revision that this code needs.

Does not import Alembic, which a process that only serves requests does not need.
"""

from sqlalchemy import Connection, String, column, inspect, select, table

from pyramid_bookstore.db.autogenerate import PREFIX
from pyramid_bookstore.db.base import BOOKS_TABLE, TABLES, Base
from pyramid_bookstore.errors import Unavailable

#: The newest revision in ``alembic/versions``; a test compares the two.
HEAD = "bookstore_0007"

#: Our version table, beside the host's ``alembic_version``.
VERSION_TABLE = "bookstore_alembic_version"

#: Alembic's default, which a host with one joint history most likely uses.
HOSTS_VERSION_TABLE = "alembic_version"


class MigrationRefused(RuntimeError):
    """The database does not let this role migrate; the message says what to do."""


def current(connection: Connection) -> str | None:
    """Our revision in our version table or, where there is none, in the host's; else ``None``."""
    inspector = inspect(connection)
    own = inspector.has_table(VERSION_TABLE)
    if not own and not inspector.has_table(HOSTS_VERSION_TABLE):
        return None
    number = column("version_num", String)
    found = select(number).select_from(table(VERSION_TABLE if own else HOSTS_VERSION_TABLE))
    return connection.execute(found.where(number.startswith(PREFIX, autoescape=True))).scalar()


def is_current(connection: Connection) -> bool:
    """Whether the schema is at `HEAD`.

    A host that has our revisions in one history with its own has no version table of ours. Its own
    may have another name, or hold only a revision that depends on ours. Then the answer is whether
    every table and column exists.
    """
    found = current(connection)
    if found is not None:
        return found == HEAD
    inspector = inspect(connection)
    if inspector.has_table(VERSION_TABLE) or not all(map(inspector.has_table, TABLES)):
        return False
    return all(
        {column["name"] for column in inspector.get_columns(table.name)} >= {*table.c.keys()}
        for table in Base.metadata.tables.values()
    )


def in_hosts_history(connection: Connection) -> bool:
    """Whether our tables exist and their revision is not in our version table."""
    books = inspect(connection).has_table(BOOKS_TABLE)
    # Asked second: a process that migrates at this moment commits both at once.
    return books and not inspect(connection).has_table(VERSION_TABLE)


def require_current(connection: Connection) -> str:
    """`HEAD`, if the schema is at it; else raises `Unavailable`."""
    if not is_current(connection):
        found = current(connection)
        state = f"at revision {found}" if found else "not set up"
        # A joint history is run by the host's own command.
        how = "" if in_hosts_history(connection) else " (bookstore -c INI migrate)"
        raise Unavailable(
            f"The database is {state}; this code needs {HEAD}: run the migrations{how}."
        )
    return HEAD
