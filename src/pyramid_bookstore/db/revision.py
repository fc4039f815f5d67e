"""At which revision a database is, and which one this code needs.

Without Alembic, for which a process that only serves has no other use.
"""

from sqlalchemy import Connection, String, column, inspect, select, table

from pyramid_bookstore.db.autogenerate import PREFIX
from pyramid_bookstore.db.base import BOOKS_TABLE, Base
from pyramid_bookstore.errors import Unavailable

#: The newest revision in ``alembic/versions``; a test holds the two together.
HEAD = "bookstore_0002"

#: Where Alembic keeps the revision; a name of our own, beside the host's ``alembic_version``.
VERSION_TABLE = "bookstore_alembic_version"

#: Alembic's own name for it, which a host with one joint history most likely keeps.
HOSTS_VERSION_TABLE = "alembic_version"


def current(connection: Connection) -> str | None:
    """The database's revision, as our version table has it or, where there is none, the host's;
    ``None`` where neither names one of ours."""
    inspector = inspect(connection)
    own = inspector.has_table(VERSION_TABLE)
    if not own and not inspector.has_table(HOSTS_VERSION_TABLE):
        return None
    number = column("version_num", String)
    found = select(number).select_from(table(VERSION_TABLE if own else HOSTS_VERSION_TABLE))
    return connection.execute(found.where(number.startswith(PREFIX, autoescape=True))).scalar()


def is_current(connection: Connection) -> bool:
    """Whether the schema is the one this code is written for.

    A host that keeps our revisions in one history with its own has no version table of ours, and
    its own has another name perhaps, or names only a revision that depends on ours. Then it counts
    that every table and column is there.
    """
    found = current(connection)
    if found is not None:
        return found == HEAD
    inspector = inspect(connection)
    return not inspector.has_table(VERSION_TABLE) and all(
        inspector.has_table(table.name)
        and {column["name"] for column in inspector.get_columns(table.name)} >= {*table.c.keys()}
        for table in Base.metadata.tables.values()
    )


def in_hosts_history(connection: Connection) -> bool:
    """Whether our tables are there and their revision is kept elsewhere than in our table."""
    books = inspect(connection).has_table(BOOKS_TABLE)
    # Asked for second: a process that migrates right now commits both at once.
    return books and not inspect(connection).has_table(VERSION_TABLE)


def require_current(connection: Connection) -> str:
    """The revision, where it is the code's own; raises `Unavailable` where it is not."""
    if not is_current(connection):
        found = current(connection)
        state = f"at revision {found}" if found else "not set up"
        # In a joint history they are the host's, and are run as it runs its own.
        how = "" if in_hosts_history(connection) else " (bookstore -c INI migrate)"
        raise Unavailable(
            f"The database is {state}; this code needs {HEAD}: run the migrations{how}."
        )
    return HEAD
