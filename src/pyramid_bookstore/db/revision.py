"""The revision of a database's schema, and the revision that this code needs.

Does not import Alembic, which a process that only serves requests does not need.
"""

from sqlalchemy import Column, Connection, String, Table, column, inspect, select, table

from pyramid_bookstore.db.autogenerate import PREFIX
from pyramid_bookstore.db.base import BOOKS_TABLE, TABLES, Base
from pyramid_bookstore.errors import Unavailable

#: The newest revision in ``alembic/versions``; a test compares the two.
HEAD = "bookstore_0009"

#: Our version table, beside the host's ``alembic_version``.
VERSION_TABLE = "bookstore_alembic_version"

#: Alembic's default, which a host with one joint history most likely uses.
HOSTS_VERSION_TABLE = "alembic_version"


#: The table with the oldest code that can work with the schema; the newest revisions say so there,
#: as old code does not have their files.
COMPATIBILITY_TABLE = "bookstore_compatibility"
_COMPATIBILITY = Table(
    COMPATIBILITY_TABLE, Base.metadata, Column("oldest", String(32), primary_key=True)
)

_NUMBER = column("version_num", String)
#: Which rows of a version table have revisions of ours.
IS_OURS = _NUMBER.startswith(PREFIX, autoescape=True)


#: For a deployment, and for a host without an INI.
MIGRATE = "bookstore -c INI migrate, or pyramid_bookstore.upgrade(engine)"


class MigrationRefused(RuntimeError):
    """The database does not let this role migrate; the message says what to do."""


def current(connection: Connection) -> str | None:
    """Our revision in our version table or, where there is none, in the host's; else ``None``."""
    inspector = inspect(connection)
    own = inspector.has_table(VERSION_TABLE)
    if not own and not inspector.has_table(HOSTS_VERSION_TABLE):
        return None
    found = select(_NUMBER).select_from(table(VERSION_TABLE if own else HOSTS_VERSION_TABLE))
    return connection.execute(found.where(IS_OURS)).scalar()


def is_current(connection: Connection) -> bool:
    """Whether the schema is at `HEAD`, or at a newer revision with which this code can work.

    A host that has our revisions in one history with its own has no version table of ours. Its own
    may have another name, or hold only a revision that depends on ours. Then the answer is whether
    every table and column exists.
    """
    found = current(connection)
    if found is not None:
        return found == HEAD or _serves(connection, found)
    inspector = inspect(connection)
    if inspector.has_table(VERSION_TABLE) or not all(map(inspector.has_table, TABLES)):
        return False
    return all(
        {column["name"] for column in inspector.get_columns(table.name)} >= {*table.c.keys()}
        for table in Base.metadata.tables.values()
    )


def is_newer(found: str | None) -> bool:
    """Whether a revision that `current` found is newer than this code: they count upwards."""
    return found is not None and found > HEAD


def _serves(connection: Connection, found: str) -> bool:
    """Whether this code, older than the schema, can work with it."""
    if not is_newer(found) or not inspect(connection).has_table(_COMPATIBILITY.name):
        return False
    oldest = connection.scalar(select(_COMPATIBILITY.c.oldest))
    return oldest is not None and oldest <= HEAD


def in_hosts_history(connection: Connection) -> bool:
    """Whether our tables exist and their revision is not in our version table."""
    books = inspect(connection).has_table(BOOKS_TABLE)
    # Asked second: a process that migrates at this moment commits both at once.
    return books and not inspect(connection).has_table(VERSION_TABLE)


def require_current(connection: Connection) -> str:
    """The revision of the schema, with which this code can work; else raises `Unavailable`."""
    found = current(connection)
    if not is_current(connection):
        if is_newer(found):
            raise Unavailable(
                f"The database is at revision {found}, too new for this code, whose own is {HEAD}:"
                " run the version that migrated it."
            )
        state = f"at revision {found}" if found else "not set up"
        # A joint history is run by the host's own command.
        how = "" if in_hosts_history(connection) else f" ({MIGRATE})"
        raise Unavailable(
            f"The database is {state}; this code needs {HEAD}: run the migrations{how}."
        )
    return found or HEAD
