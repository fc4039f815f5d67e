"""Databases on a PostgreSQL server, whether the tests started it or not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url


class Databases:
    """Databases on a server that answers at ``admin_url`` (a superuser's)."""

    admin_url: URL

    def url(self, dbname: str | None = None) -> str:
        """Return ``postgresql+psycopg://…`` for a database, the server's first one by default."""
        url = self.admin_url if dbname is None else self.admin_url.set(database=dbname)
        return url.render_as_string(hide_password=False)

    @contextmanager
    def connect(self, dbname: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """A psycopg connection in autocommit mode, closed at the end."""
        url = self.admin_url.set(drivername="postgresql")
        if dbname is not None:
            url = url.set(database=dbname)
        conninfo = url.render_as_string(hide_password=False)
        connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=5)
        try:
            yield connection
        finally:
            connection.close()

    def query(self, statement: str, dbname: str | None = None) -> list[tuple[Any, ...]]:
        """Run one SELECT as superuser and return its rows."""
        with self.connect(dbname) as connection:
            # As bytes: psycopg's types allow only literal strings, and tests build theirs.
            return connection.execute(statement.encode()).fetchall()

    def create_database(self, name: str | None = None, *, template: str | None = None) -> str:
        """Create a database, a copy of ``template`` if given, and return its URL."""
        name = name or f"bookstore_test_{secrets.token_hex(6)}"
        command = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template is not None:
            command += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        with self.connect() as connection:
            if template is not None and connection.info.server_version >= 150_000:
                # Files are copied in a third of the time that it takes to log each page.
                command += sql.SQL(" STRATEGY file_copy")
            connection.execute(command)
        return self.url(name)

    def drop_database(self, name_or_url: str) -> None:
        """Drop a database if it exists, even while clients are connected to it."""
        name = make_url(name_or_url).database if "://" in name_or_url else name_or_url
        assert name, name_or_url
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def close(self) -> None:
        """Release the server; here there is nothing to do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class RunningPostgres(Databases):
    """A server that the tests did not start; it can be used, but not stopped."""

    def __init__(self, url: str) -> None:
        self.admin_url = make_url(url).set(drivername="postgresql+psycopg")
