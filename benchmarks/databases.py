"""The PostgreSQL server of a run: one given by URL, or one of our own, durable as by default."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.support.postgres import PostgresServer
from tests.support.postgres_databases import RunningPostgres

# What a small server of its own would be given; the same for every stack.
CONFIG = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "max_connections": 300,
    "max_wal_size": "4GB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": 1.1,
}
_REPORTED = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "work_mem",
    "random_page_cost",
    "jit",
)

Server = PostgresServer | RunningPostgres


@contextmanager
def server(url: str | None) -> Iterator[Server]:
    """The server at `url`, or one that is started here and ended with the block."""
    with RunningPostgres(url) if url else PostgresServer(config=CONFIG, durable=True) as running:
        yield running


@contextmanager
def database(running: Server, name: str) -> Iterator[str]:
    """A new database (dropped at the end); yields its `postgresql://` URL.

    The collation is C.UTF-8 where there is one: ILIKE, which is the peers' search, is faster with
    it than with a language's, and still knows letters beyond ASCII.
    """
    running.drop_database(name)
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    libc = " TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C.UTF-8'"
    with running.connect() as connection:
        try:
            connection.execute(create + sql.SQL(libc))
        except psycopg.Error:  # another libc, or an older server
            connection.execute(create)
    try:
        yield running.url(name).replace("postgresql+psycopg://", "postgresql://")
    finally:
        running.drop_database(name)


def settings(running: Server) -> dict[str, str]:
    """The server's settings that a reader of the figures wants to know."""
    names = ", ".join(f"'{name}'" for name in _REPORTED)
    rows = running.query(
        f"SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({names})"
    )
    found = {str(name): str(value) for name, value in rows}
    return {name: found[name] for name in _REPORTED if name in found}


def is_durable(found: dict[str, str]) -> bool:
    """Whether a commit is on disk when it is answered."""
    return found["fsync"] == "on" and found["synchronous_commit"] not in ("off", "local")
