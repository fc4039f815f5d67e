"""The stacks that are measured: how each one's servers are started, on what it listens.

Fair terms for all: two server processes, eight database connections in each, no access log,
the database's default durability (synchronous_commit on), 127.0.0.1.
"""

from __future__ import annotations

import http.client
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.support.processes import GuardedProcess, free_port

PROCESSES = 2
POOL_SIZE = 8
HERE = Path(__file__).parent
_BIN = Path(sys.executable).parent

_INI = """\
[app:main]
use = egg:pyramid_bookstore
bookstore.auth = host
bookstore.sqlalchemy.url = {url}
bookstore.sqlalchemy.pool_size = {pool_size}
bookstore.sqlalchemy.max_overflow = 0

[server:main]
use = egg:waitress#main
listen = 127.0.0.1:%(http_port)s
threads = {pool_size}
"""


@dataclass(frozen=True)
class Stack:
    """A server program over one database. `{port}` in the command is filled in at start."""

    name: str
    label: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    prefix: str = ""
    ours: bool = False
    only: frozenset[str] = frozenset()  # works it takes part in; empty: all


class Server:
    """The running processes of one stack; a context manager."""

    def __init__(self, stack: Stack, log: Path, ready_path: str) -> None:
        self.stack = stack
        self.log = log
        self.port = free_port()
        self._ready_path = ready_path
        self.ready_seconds = 0.0
        self.idle_rss_mb: list[float] = []

    def __enter__(self) -> Server:
        begun = time.perf_counter()
        command = [part.format(port=self.port) for part in self.stack.command]
        env = {**os.environ, **self.stack.env}
        self._process = GuardedProcess(command, log=self.log, env=env)
        try:
            self._wait_until_ready(begun + 60)
        except BaseException:
            self.__exit__()
            raise
        self.ready_seconds = time.perf_counter() - begun
        time.sleep(0.5)  # the other worker may still be starting
        self.idle_rss_mb = self.rss_mb()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop(timeout=5)

    def _wait_until_ready(self, deadline: float) -> None:
        while True:
            if not self._process.running or time.perf_counter() > deadline:
                raise self._failure("did not start")
            try:
                status, _ = self.get(self._ready_path)
            except OSError:
                time.sleep(0.01)
                continue
            if status == 200:
                return
            raise self._failure(f"answers {status} to {self._ready_path}")

    def _failure(self, what: str) -> RuntimeError:
        return RuntimeError(f"{self.stack.name} {what}:\n{self._process.output()[-3000:]}")

    def get(self, path: str) -> tuple[int, bytes]:
        """One GET on a connection of its own: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    @property
    def group(self) -> int:
        """The process group of the server and its workers."""
        return self._process.pid

    def rss_mb(self) -> list[float]:
        """Resident memory of each process of the group in MB, largest first."""
        sizes = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
                if group == self.group:
                    pages = int((folder / "statm").read_text().split()[1])
                    sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
            except OSError:  # ended meanwhile, or no /proc on this system
                continue
        return sorted(sizes, reverse=True)


def _uvicorn(folder: str) -> tuple[str, ...]:
    options = ("--host", "127.0.0.1", "--port", "{port}", "--no-access-log")
    application = ("app:app", "--app-dir", str(HERE / "peers" / folder))
    return (str(_BIN / "uvicorn"), *application, "--workers", str(PROCESSES), *options)


def peers(url: str) -> list[Stack]:
    """The peers on the PostgreSQL database `url` (postgresql://…)."""
    env = {"DATABASE_URL": url, "POOL_SIZE": str(POOL_SIZE)}
    gunicorn = (str(_BIN / "gunicorn"), "--chdir", str(HERE / "peers" / "drf"))
    workers = ("--workers", str(PROCESSES), "--threads", str(POOL_SIZE))
    return [
        Stack(
            "fastapi_sqlalchemy",
            "FastAPI + SQLAlchemy async ORM, uvicorn",
            _uvicorn("fastapi_sqlalchemy"),
            env,
        ),
        Stack("fastapi_asyncpg", "FastAPI + asyncpg, uvicorn", _uvicorn("fastapi_asyncpg"), env),
        Stack(
            "drf",
            "Django REST framework, gunicorn",
            (*gunicorn, *workers, "--bind", "127.0.0.1:{port}", "config.wsgi:application"),
            env,
        ),
    ]


@dataclass(frozen=True)
class OurDatabase:
    """Our schema on one database, as an INI file that every server and command reads."""

    url: str
    folder: Path
    name: str = field(default="ours")

    def ini(self) -> Path:
        path = self.folder / f"{self.name}.ini"
        url = self.url.replace("postgresql://", "postgresql+psycopg://").replace("%", "%%")
        path.write_text(_INI.format(url=url, pool_size=POOL_SIZE), encoding="utf-8")
        return path

    def command(self, *arguments: str) -> list[str]:
        """The `bookstore` command on this database."""
        return [str(_BIN / "bookstore"), "-c", str(self.ini()), *arguments]

    def migrate(self) -> None:
        subprocess.run(self.command("migrate"), check=True, capture_output=True, text=True)


def available() -> bool:
    """Whether the package itself is installed beside the peers."""
    return importlib.util.find_spec("pyramid_bookstore") is not None


def ours(database: OurDatabase) -> Stack:
    """pyramid_bookstore as its documentation deploys it first: granian, two workers."""
    command = (str(_BIN / "granian"), "--interface", "wsgi", "--factory", "--no-ws")
    options = ("--workers", str(PROCESSES), "--blocking-threads", "4")
    options += ("--host", "127.0.0.1", "--port", "{port}")
    return Stack(
        database.name,
        f"pyramid_bookstore, granian{', SQLite' if database.url.startswith('sqlite') else ''}",
        (*command, *options, "--log-level", "warning", "pyramid_bookstore.wsgi:make_app"),
        {"BOOKSTORE_INI": str(database.ini())},
        "/api/v1",
        ours=True,
    )


def our_variants(database: OurDatabase) -> list[Stack]:
    """The same application behind the other servers, for the choice between them."""
    ini = str(database.ini())
    gunicorn = (str(_BIN / "gunicorn"), "--workers", str(PROCESSES), "--threads", str(POOL_SIZE))
    only = frozenset({"by-id", "page-1", "create"})
    return [
        Stack(
            f"{database.name}_gunicorn",
            "pyramid_bookstore, gunicorn",
            (*gunicorn, "--bind", "127.0.0.1:{port}", "pyramid_bookstore.wsgi:make_app()"),
            {"BOOKSTORE_INI": ini},
            "/api/v1",
            ours=True,
            only=only,
        ),
        Stack(
            f"{database.name}_waitress",
            "pyramid_bookstore, waitress (1 process)",
            (str(_BIN / "pserve"), ini, "http_port={port}"),
            {},
            "/api/v1",
            ours=True,
            only=only,
        ),
    ]
