"""The two databases that every test of the application runs on, one interface for both."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, MetaData
from sqlalchemy.engine import make_url

from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.db.migrations import upgrade
from pyramid_bookstore.db.revision import COMPATIBILITY_TABLE, VERSION_TABLE
from tests.support.postgres_databases import Databases


class Backend(Protocol):
    """Makes databases at the newest revision, cheaply: each is a copy of one migrated once."""

    name: str

    def create(self) -> str:
        """Make an empty database and return its URL."""
        ...

    def drop(self, url: str) -> None:
        """Remove a database that :meth:`create` made."""
        ...


def migrate(url: str) -> None:
    """Bring a database to the newest revision and leave no connection open."""
    engine = make_one_time_engine({"url": url})
    try:
        upgrade(engine)
    finally:
        engine.dispose()


class SQLiteBackend:
    """Files in ``folder``."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._template = folder / "template.sqlite"
        migrate(f"sqlite:///{self._template}")

    def create(self) -> str:
        path = self._folder / f"{next(self._numbers)}.sqlite"
        # The last connection to close has merged and removed the write-ahead log.
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        path = make_url(url).database
        assert path, url
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(path + suffix).unlink(missing_ok=True)


class PostgresBackend:
    """Databases on ``server``."""

    name = "postgresql"

    def __init__(self, server: Databases) -> None:
        self._server = server
        self._template_url = server.create_database()
        migrate(self._template_url)

    def create(self) -> str:
        return self._server.create_database(template=make_url(self._template_url).database)

    def drop(self, url: str) -> None:
        self._server.drop_database(url)

    def close(self) -> None:
        """Drop the template, so that nothing is left on a server that we did not start."""
        self.drop(self._template_url)


class Emptier:
    """Empties one database between tests, which costs less than a new one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        found = MetaData()
        found.reflect(engine)
        # Triggers empty SQLite's search index; a DELETE on its own tables would destroy it.
        kept = (VERSION_TABLE, COMPATIBILITY_TABLE, "bookstore_search")
        tables = [table for table in found.sorted_tables if not table.name.startswith(kept)]
        self._deletes = [table.delete() for table in reversed(tables)]

    def __call__(self) -> None:
        with self._engine.begin() as connection:
            for delete in self._deletes:
                connection.execute(delete)
