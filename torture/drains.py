"""SIGTERM under load."""

from __future__ import annotations

import http.client
import importlib.util
import signal
import threading
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

from tests.support.server import program, running_server
from torture.stage import (
    BOOKS,
    POSTGRESQL,
    SQLITE,
    Client,
    Figure,
    Place,
    Scenario,
    Skipped,
    book,
    throughout,
    write_ini,
)

#: Seconds within which a process must be gone.
_GRACE = 20

SERVERS: dict[str, Sequence[str]] = {
    "pserve": [],
    "gunicorn": [
        "--bind=127.0.0.1:{port}", "--workers=2", "--worker-class=gthread", "--threads=4",
        f"--graceful-timeout={_GRACE}", "pyramid_bookstore.wsgi:make_app()",
    ],
    "granian": [
        "--interface=wsgi", "--factory", "--host=127.0.0.1", "--port={port}", "--workers=2",
        "--blocking-threads=4", f"--workers-kill-timeout={_GRACE}",
        "pyramid_bookstore.wsgi:make_app",
    ],
}  # fmt: skip


class _Load:
    """Clients that write until nobody takes their connections any more."""

    def __init__(self, port: int, numbers: Any) -> None:
        self.port = port
        self.numbers = numbers
        self.answered: list[tuple[int, str]] = []
        self.unanswered: list[str] = []
        self.refused = 0
        self.leaving = threading.Event()

    def __call__(self, stop: threading.Event) -> None:
        while not stop.is_set():
            # A connection each: what becomes of an idle kept one is a race that HTTP leaves to the
            # client (RFC 9112, 9.3.1).
            plain = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            sent = book(next(self.numbers))
            try:
                plain.connect()
            except OSError:
                self.refused += 1
                if self.leaving.is_set():
                    return
                continue
            client = Client(self.port, keep=False)
            client._http = plain
            try:
                status, _ = client.ask("POST", BOOKS, sent)
                self.answered.append((status, str(sent["isbn"])))
            except (OSError, http.client.HTTPException):
                self.unanswered.append(str(sent["isbn"]))


def _drain(place: Place, name: str, rounds: int) -> Figure:
    options = SERVERS[name]
    if options and importlib.util.find_spec(name) is None:
        raise Skipped(f"{name} is not installed")
    answered, slowest, statuses = 0, 0.0, set()
    unanswered: list[str] = []
    acknowledged: list[str] = []
    with place.database() as url:
        ini = write_ini(place.folder, url)
        command = [program(name), *options] if options else None
        with running_server(ini, command=command, env={"BOOKSTORE_INI": str(ini)}) as server:
            numbers = count(1)
            for round_ in range(rounds):
                if round_:
                    server.start()
                load = _Load(server.port, numbers)
                with throughout([load] * 8):
                    time.sleep(0.7)
                    load.leaving.set()
                    began = time.monotonic()
                    server.send(signal.SIGTERM)
                    server.process.wait(timeout=_GRACE + 10)
                    slowest = max(slowest, time.monotonic() - began)
                answered += len(load.answered)
                unanswered += load.unanswered
                statuses |= {status for status, _ in load.answered}
                acknowledged += [isbn for status, isbn in load.answered if status == 201]
            server.start()
            client = Client(server.port)

            def there(isbn: str) -> bool:
                return client.ask("GET", f"{BOOKS}/isbn/{isbn}")[0] == 200

            missing = sum(not there(isbn) for isbn in acknowledged)
            # What waited in the kernel's queue when the socket was closed was never taken on.
            dropped = sum(there(isbn) for isbn in unanswered)
            client.close()
    held = dropped == 0 and missing == 0 and slowest < _GRACE and statuses <= {201, 503}
    # The bookstore's own server takes everybody on who got a connection, but for whom the kernel
    # lets in between the last accept() and the close() of the socket.
    held = held and (bool(options) or len(unanswered) <= rounds)
    text = f"{rounds} times, {answered:,} answered, {dropped} dropped, {missing} missing"
    if len(unanswered) > dropped:
        text += f", {len(unanswered) - dropped} turned away unserved"
    return Figure(held, f"{text}, gone after {slowest:.1f} s at most")


def pserve(place: Place, full: bool) -> Figure:
    """The bookstore's own server."""
    return _drain(place, "pserve", 10 if full else 1)


def gunicorn(place: Place, full: bool) -> Figure:
    """gunicorn with threads."""
    return _drain(place, "gunicorn", 5 if full else 1)


def granian(place: Place, full: bool) -> Figure:
    """granian."""
    return _drain(place, "granian", 5 if full else 1)


SCENARIOS = [
    Scenario(
        "A process that is told to go answers what it took on",
        f"SIGTERM under load, {name}",
        run,
        (SQLITE, POSTGRESQL),
    )
    for name, run in (("`pserve`", pserve), ("gunicorn", gunicorn), ("granian", granian))
]
