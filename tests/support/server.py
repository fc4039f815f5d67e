"""The bookstore in a separate process: a real ``pserve`` (or any other command) on a free port.

with running_server({"bookstore.sqlalchemy.url": url, "bookstore.migrate": "true"}) as server:
    answer = server.request("GET", "/api/v1/books")
"""

from __future__ import annotations

import http.client
import json as jsonlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import DidNotStart, GuardedProcess, free_port, wait_until

HEALTH = "/api/v1/health"
_INI = """\
[app:main]
use = egg:pyramid_bookstore
{settings}

[server:main]
use = egg:pyramid_bookstore#waitress
host = 127.0.0.1
port = 6543
"""


@dataclass(frozen=True)
class Answer:
    """A response: status, headers (names in lower case), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return jsonlib.loads(self.body)


def program(name: str) -> str:
    """Return the path of a console script beside this interpreter, or else on PATH."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"no {name} beside {sys.executable} or on PATH")
    return found


def write_ini(folder: Path, settings: Mapping[str, object]) -> Path:
    """Write an INI for the standalone application with ``settings`` and return its path."""
    # PasteDeploy interpolates: a percent sign of a URL is written twice.
    lines = (f"{key} = {str(value).replace('%', '%%')}" for key, value in settings.items())
    ini = folder / "test.ini"
    ini.write_text(_INI.format(settings="\n".join(lines)), encoding="utf-8")
    return ini


class RunningServer:
    """A server process that gets requests and signals, and can be started again on its port."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path,
        port: int,
        env: Mapping[str, str],
        ready: str,
        timeout: float,
    ) -> None:
        self.command = list(command)
        self.folder = folder
        self.port = port
        self._env = env
        self._ready = ready
        self._timeout = timeout
        self._process: GuardedProcess | None = None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT``, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> GuardedProcess:
        """The process: its ``pid``, ``running``, ``returncode``, ``send(signal)``, ``wait()``."""
        assert self._process is not None, "not started"
        return self._process

    @property
    def output(self) -> str:
        """Everything the command has printed and logged, over all its starts."""
        return self.process.output()

    def start(self) -> None:
        """Start the command and wait for an answer; raise :class:`DidNotStart` with its output."""
        self._process = GuardedProcess(
            self.command, log=self.folder / "server.log", cwd=self.folder, env=self._env
        )
        with suppress(TimeoutError):
            wait_until(self._settled, timeout=self._timeout, what=self.command[0])
            if self.process.running:
                return
        self.process.end()
        raise DidNotStart(f"{' '.join(self.command)}\n{self.output}")

    def _settled(self) -> bool:
        """Whether the wait is over: the server answers, or it has ended."""
        if not self.process.running:
            return True
        try:
            return self.request("GET", self._ready, timeout=2).status < 500
        except (OSError, http.client.HTTPException):
            return False

    def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30,
    ) -> Answer:
        """Send one request on a new connection; ``json`` is encoded, with its content type.

        ``path`` is sent as it is, valid or not. Raises :class:`OSError` or
        :class:`http.client.HTTPException` when there is no whole answer.
        """
        sent = {"Connection": "close", **(headers or {})}
        if json is not None:
            body = jsonlib.dumps(json).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            got = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, got, response.read())
        finally:
            connection.close()

    def connect(self, timeout: float = 30) -> socket.socket:
        """Open a plain socket, for requests that :mod:`http.client` would not send."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def send(self, number: int) -> None:
        """Send a signal to the process."""
        self.process.send(number)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30) -> int:
        """Signal, wait for the end, kill after ``timeout``; return the exit status."""
        return self.process.stop(number, timeout)

    def kill(self) -> int:
        """``kill -9``."""
        return self.stop(signal.SIGKILL)


@contextmanager
def running_server(
    ini_or_settings: Path | Mapping[str, object],
    *,
    port: int | None = None,
    command: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
    ready: str = HEALTH,
    timeout: float = 60,
) -> Iterator[RunningServer]:
    """Start a server, wait until ``GET ready`` answers below 500, and always end it.

    ``ini_or_settings``: the path of an INI that takes ``http_port``, or settings from which one is
    written. ``command``: default ``pserve INI http_port=PORT``; in any other, ``{ini}`` and
    ``{port}`` are filled in. ``env`` comes on top of this process's environment without its
    ``BOOKSTORE_*`` variables. The working directory is a temporary folder.
    """
    port = port or free_port()
    surroundings = {k: v for k, v in os.environ.items() if not k.startswith("BOOKSTORE_")}
    surroundings |= {"PYTHONUNBUFFERED": "1", **(env or {})}
    with tempfile.TemporaryDirectory(prefix="bookstore-") as name:
        folder = Path(name)
        if isinstance(ini_or_settings, Path):
            ini = ini_or_settings.resolve()
        else:
            ini = write_ini(folder, ini_or_settings)
        words = command or [program("pserve"), "{ini}", "http_port={port}"]
        words = [word.replace("{ini}", str(ini)).replace("{port}", str(port)) for word in words]
        server = RunningServer(
            words, folder=folder, port=port, env=surroundings, ready=ready, timeout=timeout
        )
        try:
            server.start()
            yield server
        finally:
            server.process.end()
