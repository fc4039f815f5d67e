"""A real PgBouncer in transaction mode, in front of a PostgreSQL server.

with PgBouncer(server.admin_url, pool_size=4) as bouncer:
    url = bouncer.url(server.create_database())
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy.engine import URL, make_url

from tests.support.postgres_binaries import clean_environment, make_folder, server_user
from tests.support.processes import DidNotStart, GuardedProcess, free_port, wait_until

_INI = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
admin_users = {user}
"""


def pgbouncer_program() -> str | None:
    """The path of PgBouncer, where it is installed."""
    # Debian puts it where only root's PATH looks.
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class PgBouncer:
    """Listens on a free port of 127.0.0.1 and shares ``pool_size`` connections per database.

    PgBouncer refuses to run as root; it then runs as the user that PostgreSQL would run as.
    """

    def __init__(self, server: URL, *, pool_size: int = 4) -> None:
        program = pgbouncer_program()
        if program is None:
            raise DidNotStart("PgBouncer is not installed")
        self._server = server
        self._user = server_user()
        self.port = free_port()
        self.folder: Path = make_folder(self._user)
        values = {
            "host": server.host,
            "port": server.port or 5432,
            "own_port": self.port,
            "folder": self.folder,
            "pool_size": pool_size,
            "user": server.username,
        }
        self._write("pgbouncer.ini", _INI.format(**values))
        self._write("users.txt", f'"{server.username}" "{server.password}"\n')
        self._process = GuardedProcess(
            [program, self.folder / "pgbouncer.ini"],
            log=self.folder / "log",
            cwd=self.folder,
            env=clean_environment(self.folder),
            user=self._user,
            folder=self.folder,
        )

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.write_text(text)
        if self._user:
            os.chown(path, *self._user)

    def url(self, url: str, **query: str) -> str:
        """The URL of the same database through PgBouncer, with these parameters added."""
        through = make_url(url).set(host="127.0.0.1", port=self.port).update_query_dict(query)
        return through.render_as_string(hide_password=False)

    def _answers(self) -> bool:
        if not self._process.running:
            raise DidNotStart(self._process.output())
        console = self._server.set(drivername="postgresql", port=self.port, database="pgbouncer")
        try:
            psycopg.connect(console.render_as_string(hide_password=False), autocommit=True).close()
        except psycopg.OperationalError:
            return False
        return True

    def close(self) -> None:
        """End it and remove its folder."""
        self._process.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            wait_until(self._answers, timeout=30, what="PgBouncer")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
