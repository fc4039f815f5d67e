"""Alembic's environment for the bookstore's tables, and for no others.

It works on the connection that `pyramid_bookstore.db.migrations` hands over. Run by the ``alembic``
command from an INI it makes its own: ``sqlalchemy.url`` of the ``[alembic]`` section, else the
database of the application in the same file, the environment's settings put over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alembic import context
from pyramid.paster import setup_logging
from sqlalchemy import Connection, make_url

from pyramid_bookstore.db.autogenerate import own_objects
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.db.inifile import app_settings, database_options
from pyramid_bookstore.db.revision import VERSION_TABLE
from pyramid_bookstore.plugin.tables import Base

config = context.config

OPTIONS: dict[str, Any] = {
    "target_metadata": Base.metadata,
    "version_table": VERSION_TABLE,
    "include_object": own_objects,
    # All or nothing, on SQLite too: Alembic takes it for unable, for the sake of old drivers.
    "transactional_ddl": True,
}


def engine_options() -> Mapping[str, Any]:
    """Engine settings from the INI that the ``alembic`` command was given."""
    url = config.get_main_option("sqlalchemy.url")
    if url:
        return {"url": url}
    if config.config_file_name is None:
        raise LookupError("no connection, and no INI that names a database")
    return database_options(app_settings(config.config_file_name))


def migrate(connection: Connection) -> None:
    """Run the revisions in one transaction, while no other process does."""
    context.configure(connection=connection, **OPTIONS)
    with context.begin_transaction():
        dialect_named(connection.dialect.name).lock_migrations(connection)
        context.run_migrations()


def online() -> None:
    """On the connection we were given, or one of our own."""
    given = config.attributes.get("connection")
    if given is not None:
        migrate(given)
        return
    with make_one_time_engine(engine_options()).connect() as connection:
        migrate(connection)


def offline() -> None:
    """Write the statements out, without a database."""
    name = config.attributes.get("dialect_name")
    if name is None:
        name = make_url(engine_options()["url"]).get_backend_name()
    # Named parameters: with the drivers' own, every percent sign would be written twice.
    context.configure(
        dialect_name=name, literal_binds=True, dialect_opts={"paramstyle": "named"}, **OPTIONS
    )
    with context.begin_transaction():
        context.run_migrations()


# Only the alembic command sets this: in a host's process logging is the host's.
if config.cmd_opts is not None and config.config_file_name is not None:
    setup_logging(config.config_file_name)

if context.is_offline_mode():
    offline()
else:
    online()
