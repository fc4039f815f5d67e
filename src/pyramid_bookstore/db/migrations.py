"""Runs the migrations of the schema.

    upgrade(engine)                 # to the newest revision
    upgrade(engine, sql=True)       # print the SQL instead
    is_current(connection)

The scripts (``alembic/`` in the checkout, the package folder ``migrations`` once installed) take
the same lock whoever runs them: this module, ``bookstore migrate`` or the ``alembic`` command.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.db.autogenerate import include_object as include_object
from pyramid_bookstore.db.diagnosis import FORBIDDEN, LOCKED
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.revision import (
    MigrationRefused,
    current,
    in_hosts_history,
    is_newer,
    require_current,
)
from pyramid_bookstore.db.revision import is_current as is_current

#: Seconds to wait while another process migrates; indexing a large catalogue takes minutes.
LOCK_TIMEOUT = 600

Result = TypeVar("Result")


class ExtensionMissing(MigrationRefused):
    """PostgreSQL needs an extension that we may not create."""


# Alembic keeps its context in module globals.
_alembic_lock = threading.RLock()


def script_location() -> Path:
    """The folder with ``env.py`` and ``versions``: in the package, else in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if (installed / "env.py").exists() else package.parents[1] / "alembic"


def upgrade(
    engine: Engine, revision: str = "head", *, sql: bool = False, output: TextIO | None = None
) -> None:
    """Bring the database to ``revision``; does nothing if it is there already.

    Any number of processes and threads may call this at once: one works, the others wait up to
    `LOCK_TIMEOUT` seconds. It is one transaction. With ``sql`` nothing connects: the statements for
    an empty database (``revision`` as ``from:to`` for another) go to ``output``, stdout by default.

    Where a host has our revisions in one history with its own, the host runs them: then this does
    nothing, or raises `Unavailable` if the schema is behind the code. So it is with a schema that a
    newer version migrated, in which this code can work or not. Raises `MigrationRefused` if the
    role lacks a right.
    """
    _run(engine, command.upgrade, revision, sql=sql, output=output)


def downgrade(
    engine: Engine, revision: str, *, sql: bool = False, output: TextIO | None = None
) -> None:
    """Take the database back to ``revision``. ``base`` drops all our tables, the books included.

    Otherwise as `upgrade`; ``sql`` needs ``from:to``.
    """
    _run(engine, command.downgrade, revision, sql=sql, output=output)


def stamp(engine: Engine) -> None:
    """Write down that the database is at the newest revision, in our version table."""
    _run(engine, command.stamp, "head", sql=False, output=None)


@contextmanager
def migration_lock(engine: Engine) -> Iterator[Connection]:
    """A transaction on a connection of its own, during which no migration runs."""
    with engine.begin() as connection:
        dialect_named(engine.dialect.name).lock_migrations(connection)
        yield connection


def retry_while_locked(work: Callable[[], Result]) -> Result:
    """The result of ``work``, repeated while the database is locked, up to `LOCK_TIMEOUT` seconds.

    SQLite does not always wait for a lock: processes that switch a new file to write-ahead logging
    at the same moment fail at once, and a writer waits for a few seconds only.
    """
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            return work()
        except DBAPIError as error:
            if diagnose(error) != LOCKED or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


@contextmanager
def refusal_explained(engine: Engine) -> Iterator[None]:
    """Raise `MigrationRefused` with what to do where the role lacks a right."""
    try:
        yield
    except DBAPIError as error:
        if diagnose(error) != FORBIDDEN:
            raise
        raise MigrationRefused(_what_to_grant(engine, error)) from error


# The schema is that of the tables, or the one in which they would be made.
_OWNER = text("""
    SELECT current_user, coalesce(
        (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('bookstore_books'))
            ::regnamespace::text,
        quote_ident(current_schema()),
        'public'
    ), (SELECT relowner FROM pg_class WHERE oid = to_regclass('bookstore_books'))::regrole::text
""")


def _what_to_grant(engine: Engine, error: DBAPIError) -> str:
    with engine.connect() as connection:
        role, schema, owner = connection.execute(_OWNER).one()
        role = connection.dialect.identifier_preparer.quote(role)
    said = str(error.orig).partition("\n")[0]
    if owner not in (None, role):
        return (
            f"The database says: {said}. The bookstore's tables belong to the role {owner}: migrate"
            f" as this role, or as a superuser GRANT {owner} TO {role}, and then migrate again."
        )
    return (
        f"The database says: {said}. As the owner of the schema or a superuser"
        f" GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}, and then migrate again."
    )


def _config(output: TextIO | None = None) -> Config:
    config = Config(output_buffer=output)
    # ConfigParser interpolates percent signs.
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    return config


def _run(
    engine: Engine, step: Callable[..., Any], revision: str, *, sql: bool, output: TextIO | None
) -> None:
    config = _config(output or sys.stdout)
    if sql:
        config.attributes["dialect_name"] = engine.dialect.name
        with _alembic_lock:
            step(config, revision, sql=True)
        return

    def work() -> None:
        with engine.connect() as connection:
            theirs = in_hosts_history(connection) or is_newer(current(connection))
            if step is command.upgrade and theirs:
                require_current(connection)
                return
            connection.rollback()
            config.attributes["connection"] = connection
            step(config, revision)

    with _alembic_lock, refusal_explained(engine):
        retry_while_locked(work)
