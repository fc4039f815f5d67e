"""What the scenarios share: databases, servers, clients, and the figure each comes back with."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy.engine import make_url

from benchmarks.databases import database
from tests.support.api import isbn
from tests.support.backends import migrate
from tests.support.postgres import PostgresServer
from tests.support.processes import GuardedProcess, free_port, wait_until
from tests.support.server import RunningServer, program, running_server

ROOT = Path(__file__).parents[1]
API = "/api/v1"
BOOKS = f"{API}/books"

#: Descriptors of an nginx worker; where that is more than it may have, nginx says so and goes on.
_FILES = 20_000

SQLITE, POSTGRESQL, PGBOUNCER = "SQLite", "PostgreSQL", "PgBouncer"

#: The server section of production.ini, which is what stands against slow and hostile clients.
_SERVER = """
[server:main]
use = egg:pyramid_bookstore#waitress
host = 127.0.0.1
port = 6543
threads = 8
connection_limit = 1000
channel_timeout = 75
max_request_body_size = 68157440
max_request_header_size = 32768
receive_timeout = 120
send_timeout = 30
max_uploads = 4
shutdown_grace = 20
ident =
"""


@dataclass(frozen=True)
class Figure:
    """What came out: whether the promise held, and the text for the table."""

    held: bool
    text: str


class Skipped(Exception):
    """What a scenario needs is not here; the message says what."""


@dataclass(frozen=True)
class Scenario:
    """One promise and how it is broken. ``run(place, full)`` does it, in full or in short."""

    promise: str
    how: str
    run: Callable[[Place, bool], Figure]
    places: tuple[str, ...] = (SQLITE, POSTGRESQL)


class Place:
    """A database system on which scenarios run; each gets a new database."""

    def __init__(self, name: str, folder: Path, server: PostgresServer | None) -> None:
        self.name = name
        self.folder = folder
        self.server = server

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database at the newest revision."""
        if self.server is None:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                url = f"sqlite:///{folder}/books.sqlite"
                migrate(url)
                yield url
            return
        self.server.start()
        with ExitStack() as stack:
            plain = stack.enter_context(database(self.server, f"torture_{token_hex(6)}"))
            stack.callback(self.server.start)
            url = plain.replace("postgresql://", "postgresql+psycopg://")
            migrate(url)
            yield stack.enter_context(_bouncer(url)) if self.name == PGBOUNCER else url


@contextmanager
def places(names: Sequence[str]) -> Iterator[dict[str, Place]]:
    """The places of these names, PostgreSQL with fsync as it is in production."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-")))
        server = None
        if set(names) - {SQLITE}:
            server = stack.enter_context(PostgresServer(config={"max_connections": 200}))
        yield {name: Place(name, folder, None if name == SQLITE else server) for name in names}


@contextmanager
def _bouncer(url: str) -> Iterator[str]:
    """PgBouncer in transaction mode before the server of ``url``."""
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        raise Skipped("pgbouncer is not installed")
    target, port = make_url(url), free_port()
    with tempfile.TemporaryDirectory(prefix="bouncer-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "users").write_text(f'"{target.username}" "{target.password}"\n')
        (folder / "bouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={target.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {folder}/users\npool_mode = transaction\n"
            "default_pool_size = 20\nmax_client_conn = 500\n"
        )
        (folder / "users").chmod(0o644)
        user = (65534, 65534) if os.getuid() == 0 else None
        process = GuardedProcess(
            [found, str(folder / "bouncer.ini")], log=folder / "log", user=user
        )
        try:
            wait_until(lambda: _listens(port), timeout=10, what=f"PgBouncer\n{process.output()}")
            through = target.set(port=port).update_query_dict({"prepare_threshold": "none"})
            yield through.render_as_string(hide_password=False)
        finally:
            process.end()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def write_ini(folder: Path, url: str, **settings: object) -> Path:
    """A production-like INI; ``__`` in a name stands for a dot."""
    lines = [f"bookstore.sqlalchemy.url = {url.replace('%', '%%')}"]
    if not url.startswith("sqlite"):
        lines.append("bookstore.sqlalchemy.pool_size = 8")
    lines += [f"bookstore.{name.replace('__', '.')} = {value}" for name, value in settings.items()]
    ini = folder / f"{free_port()}.ini"
    ini.write_text("[app:main]\nuse = egg:pyramid_bookstore\n" + "\n".join(lines) + "\n" + _SERVER)
    return ini


@contextmanager
def processes(place: Place, url: str, number: int, **settings: object) -> Iterator[list[int]]:
    """The ports of ``number`` processes that serve one database."""
    with ExitStack() as stack:
        ini = write_ini(place.folder, url, **settings)
        started: list[RunningServer] = [
            stack.enter_context(running_server(ini)) for _ in range(number)
        ]
        yield [server.port for server in started]


@contextmanager
def nginx(upstream: int) -> Iterator[tuple[int, Path]]:
    """nginx with ``deploy/nginx.conf`` before a port: its own port, and its access log."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        raise Skipped("nginx is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        text = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        for old, new in (
            (r"127\.0\.0\.1:6543", f"127.0.0.1:{upstream}"),
            (r"listen [^;\n]*80\b", f"listen 127.0.0.1:{port}"),
            (r"\n *listen \[::\][^\n]*", ""),
            (r"/var/(log|cache|run)(/nginx)?", str(folder)),
        ):
            text = re.sub(old, new, text)
        conf = folder / "nginx.conf"
        paths = "\n".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        # The file is for conf.d: what the distribution's nginx.conf has around it is here.
        conf.write_text(
            f"worker_processes auto; worker_rlimit_nofile {_FILES}; pid {folder}/pid;\n"
            f"events {{ worker_connections 16384; }}\n"
            f"http {{\n{paths}\naccess_log {folder}/access.log;\n{text}\n}}\n"
        )
        folder.chmod(0o777)
        command = [found, "-p", str(folder), "-c", str(conf), "-g", "daemon off;"]
        process = GuardedProcess(command, log=folder / "output")
        try:
            wait_until(lambda: _listens(port), timeout=10, what=f"nginx\n{process.output()}")
            yield port, folder / "access.log"
        finally:
            process.end()


class Client:
    """One caller with one kept connection; not for several threads."""

    def __init__(
        self, port: int, *, keep: bool = True, timeout: float = 30, host: str = "127.0.0.1"
    ) -> None:
        """``host`` is the caller's own address."""
        self._keep = keep
        self._http = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=timeout, source_address=(host, 0)
        )

    def ask(
        self, method: str, path: str, value: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON; ``__`` in a header's name stands for a hyphen. A value of bytes is sent
        as it is.

        Raises :class:`OSError` or :class:`http.client.HTTPException` where no whole answer came.
        """
        sent = {name.replace("__", "-"): text for name, text in headers.items()}
        body = value if isinstance(value, bytes) else None
        if value is not None and body is None:
            body = json.dumps(value).encode()
            sent["Content-Type"] = "application/json"
        if not self._keep:
            sent["Connection"] = "close"
        try:
            self._http.request(method, path, body, sent)
            answer = self._http.getresponse()
            got = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        if not self._keep:
            self.close()
        found = json.loads(got) if got.startswith(b"{") else {}
        return answer.status, {"etag": answer.headers.get("ETag"), **found}

    def insist(
        self, method: str, path: str, value: object, *, key: str, seconds: float = 60
    ) -> tuple[int, dict[str, Any], int]:
        """Ask under an idempotency key, again and again, until there is an answer that is no 503;
        the number of times it took is the third."""
        deadline, times = time.monotonic() + seconds, 0
        while time.monotonic() < deadline:
            times += 1
            try:
                status, document = self.ask(method, path, value, Idempotency__Key=key)
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
                continue
            if status != 503 and document.get("error") != "idempotency_in_progress":
                return status, document, times
            time.sleep(0.1)
        raise TimeoutError(f"{method} {path}: no answer in {seconds} s")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._http.close()

    def __del__(self) -> None:
        self.close()  # scenarios let go of callers by the thousand


def book(number: int, **changes: object) -> dict[str, object]:
    """A book to send, another for every number."""
    made = {"title": f"Book {number}", "author": "Anna Seghers", "isbn": isbn(number), "price": 10}
    return made | {"stock": 5} | changes


def all_at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """The results of calls that are let go at the same moment; raises the first error."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)
    errors: list[BaseException] = []

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = calls[index]()
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that asked
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


@contextmanager
def throughout(works: Sequence[Callable[[threading.Event], None]]) -> Iterator[threading.Event]:
    """Works in threads while the block runs; each looks at the event, which means the end."""
    stop = threading.Event()
    threads = [threading.Thread(target=work, args=(stop,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join()


__all__ = ["API", "BOOKS", "Client", "Figure", "Place", "Scenario", "Skipped", "program"]
