"""Takes all that the migrations made out of a database again."""

from sqlalchemy import Connection, Engine, delete, func, inspect, select, table, text

from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.base import BOOKS_TABLE
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.revision import (
    HOSTS_VERSION_TABLE,
    IS_OURS,
    VERSION_TABLE,
    in_hosts_history,
)


class NotRemovable(RuntimeError):
    """Something of the host's stands on our tables; the message says what to do."""


def books(connection: Connection) -> int | None:
    """The number of books; `None` where there is no bookstore."""
    if not inspect(connection).has_table(BOOKS_TABLE):
        return None
    return connection.scalar(select(func.count()).select_from(table(BOOKS_TABLE)))


def check(connection: Connection) -> None:
    """Raises `NotRemovable`."""
    if in_hosts_history(connection):
        raise NotRemovable(
            "The bookstore's revisions are in one history with the application's, which this"
            " command cannot undo: run the application's own alembic downgrade bookstore@base,"
            " after those of its revisions that depend on ours."
        )
    if referring := dialect_named(connection.dialect.name).referring_tables(connection):
        raise NotRemovable(
            f"Foreign keys of {', '.join(referring)} refer to the books: drop these keys first, or"
            " the tables. Nothing was removed."
        )


def remove(engine: Engine) -> None:
    """Remove tables, indexes, triggers, functions and the version table, with all books.

    PostgreSQL's extension pg_trgm goes only if the migrations made it and nothing else needs it.
    Raises what the database does.
    """
    migrations.downgrade(engine, "base")
    with migrations.migration_lock(engine) as connection:
        connection.execute(text(f"DROP TABLE IF EXISTS {VERSION_TABLE}"))


def remove_from_any_history(engine: Engine) -> None:
    """`remove`, also where the tables are in a host's history, or in none any more."""
    tables = {*inspect(engine).get_table_names()}
    if BOOKS_TABLE in tables:
        if VERSION_TABLE not in tables:
            migrations.stamp(engine)
        remove(engine)
    if HOSTS_VERSION_TABLE in tables:
        with engine.begin() as connection:
            connection.execute(delete(table(HOSTS_VERSION_TABLE)).where(IS_OURS))
