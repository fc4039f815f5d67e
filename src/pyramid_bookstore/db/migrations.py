"""The schema's revisions: bring a database to one, and ask at which it is.

    upgrade(engine)                 # to the newest
    upgrade(engine, sql=True)       # print it instead
    is_current(connection)

The scripts are Alembic's own (``alembic/`` in the checkout, the package folder ``migrations`` once
installed) and take the same turns whoever runs them: this module, ``bookstore migrate`` or the
``alembic`` command.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TextIO, TypeVar

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.db import diagnosis
from pyramid_bookstore.db.autogenerate import include_object, own_objects
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.revision import (
    VERSION_TABLE,
    current,
    in_hosts_history,
    is_current,
    require_current,
)

__all__ = [
    "VERSION_TABLE",
    "ExtensionMissing",
    "current",
    "downgrade",
    "head",
    "include_object",
    "is_current",
    "locked",
    "own_objects",
    "patiently",
    "require_current",
    "script_location",
    "upgrade",
]

#: Seconds to wait while another process migrates: long enough to index a large catalogue.
PATIENCE = 600

Result = TypeVar("Result")


class ExtensionMissing(RuntimeError):
    """PostgreSQL needs an extension that we may not create; the message says how to go on."""


# Alembic keeps what it is at in module globals.
_one_at_a_time = threading.RLock()


def script_location() -> Path:
    """The folder with ``env.py`` and ``versions``: in the package, else in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if (installed / "env.py").exists() else package.parents[1] / "alembic"


def upgrade(
    engine: Engine, revision: str = "head", *, sql: bool = False, output: TextIO | None = None
) -> None:
    """Bring the database to ``revision``; already there, nothing happens.

    Any number of processes and threads may call this at once: one works, the others wait, up to
    `PATIENCE` seconds. All is one transaction. With ``sql`` nothing connects: the statements for
    an empty database (``revision`` as ``from:to`` for another) go to ``output``, stdout by default.

    Where a host keeps our revisions in one history with its own, they are its to run: then this
    does nothing, or raises `Unavailable` if the schema is behind the code.
    """
    _run(engine, command.upgrade, revision, sql=sql, output=output)


def downgrade(
    engine: Engine, revision: str, *, sql: bool = False, output: TextIO | None = None
) -> None:
    """Take the database back to ``revision``, ``base`` for one without a bookstore: the books go
    too. Otherwise as `upgrade`; ``sql`` needs ``from:to``."""
    _run(engine, command.downgrade, revision, sql=sql, output=output)


@cache
def head() -> str:
    """The revision that this code is written for."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError(f"There are no revisions in {script_location()}.")
    return revision


@contextmanager
def locked(engine: Engine) -> Iterator[Connection]:
    """A transaction on a connection of its own, while all other migrations are held off."""
    with engine.begin() as connection:
        dialect_named(engine.dialect.name).lock_migrations(connection)
        yield connection


def patiently(engine: Engine, work: Callable[[], Result]) -> Result:
    """Do the work, again and again while the database is locked, up to `PATIENCE` seconds.

    On SQLite a lock is not always waited for: processes that switch a new file to write-ahead
    logging at the same moment are refused at once, and a writer waits for some seconds only.
    """
    dialect = dialect_named(engine.dialect.name)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except DBAPIError as error:
            meaning = dialect.diagnose(error.orig) if error.orig else diagnosis.DEFECT
            if meaning != diagnosis.LOCKED or time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _config(output: TextIO | None = None) -> Config:
    config = Config(output_buffer=output)
    # The path goes through ConfigParser, to which a percent sign means something.
    config.set_main_option("script_location", str(script_location()).replace("%", "%%"))
    return config


def _run(
    engine: Engine,
    step: Callable[..., Any],
    revision: str,
    *,
    sql: bool,
    output: TextIO | None,
) -> None:
    config = _config(output or sys.stdout)
    if sql:
        config.attributes["dialect_name"] = engine.dialect.name
        with _one_at_a_time:
            step(config, revision, sql=True)
        return

    def work() -> None:
        with engine.connect() as connection:
            if step is command.upgrade and in_hosts_history(connection):
                require_current(connection)
                return
            connection.rollback()
            config.attributes["connection"] = connection
            step(config, revision)

    with _one_at_a_time:
        patiently(engine, work)
