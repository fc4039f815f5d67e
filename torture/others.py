"""One client does what it likes; how long the others wait meanwhile."""

from __future__ import annotations

import http.client
import importlib.util
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TypeVar

from tests.support.server import program, running_server
from torture.drains import SERVERS
from torture.stage import (
    API,
    BOOKS,
    SQLITE,
    Client,
    Figure,
    Place,
    Scenario,
    Skipped,
    book,
    nginx,
    throughout,
    write_ini,
)

Item = TypeVar("Item")

#: Milliseconds that others may wait.
_ALLOWED = 1000

#: Clients of the one who attacks, all from one address.
_CLIENTS = 8


def _head(line: str, *fields: str) -> bytes:
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def blanks(port: int, stop: threading.Event) -> None:
    """Heads with 30,000 blanks, tabs, and a request line that matches nothing, again and again."""
    for data in _until(
        stop,
        _head(f"GET {API}/health", "X-A: " + " " * 30_000 + "x"),
        _head(f"GET {API}/health", "X-A: " + "\t" * 30_000 + "x"),
        b"GET a://" + b"1" * 30_000 + b" X\r\n\r\n",
    ):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as plain:
            plain.sendall(data)
            plain.recv(100)


def unread_exports(port: int, stop: threading.Event) -> None:
    """An export that is not read; another one where it was refused or cut off."""
    while not stop.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as plain:
            plain.sendall(_head(f"GET {BOOKS}/export"))
            if plain.recv(12).endswith(b"200"):
                stop.wait(60)


def exports(port: int, stop: threading.Event) -> None:
    """Exports read at full speed, one after the other."""
    while not stop.is_set():
        with suppress(OSError, http.client.HTTPException):
            Client(port, keep=False).ask("GET", f"{BOOKS}/export?format=csv")


def uploads(port: int, stop: threading.Event) -> None:
    """60 MB announced, half of it sent, and then a byte now and then."""
    for line in _until(stop, f"POST {BOOKS}", f"POST {BOOKS}/import"):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as plain:
            kind = "text/csv" if line.endswith("import") else "application/json"
            plain.sendall(_head(line, f"Content-Type: {kind}", "Content-Length: 60000000"))
            for _ in range(300):
                plain.sendall(b"x" * 100_000)
            while not stop.wait(0.5):
                plain.sendall(b"x")


def _until(stop: threading.Event, *items: Item) -> Iterator[Item]:
    while not stop.is_set():
        yield from items


@contextmanager
def _server(place: Place, name: str, books: int) -> Iterator[int]:
    """The port of a server of this name with so many books."""
    options: Sequence[str] = SERVERS[name]
    if options and importlib.util.find_spec(name) is None:
        raise Skipped(f"{name} is not installed")
    with place.database() as url:
        ini = write_ini(place.folder, url)
        command = [program(name), *options] if options else None
        with running_server(ini, command=command, env={"BOOKSTORE_INI": str(ini)}) as server:
            rows = (
                f"{each['title']},{each['author']},{each['isbn']},10,5,{'x' * 300}\n"
                for each in map(book, range(books))
            )
            body = "title,author,isbn,price,stock,description\n" + "".join(rows)
            plain = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
            plain.request("POST", f"{BOOKS}/import", body, {"Content-Type": "text/csv"})
            if plain.getresponse().status != 200:
                raise RuntimeError("the books could not be imported")
            plain.close()
            yield server.port


def _others(port: int, seconds: float) -> tuple[int, int, float]:
    """Requests by a decent client from another address: how many were answered, how many not
    within five seconds, and the slowest in ms."""
    ends, answered, failed, slowest = time.monotonic() + seconds, 0, 0, 0.0
    paths = [f"{API}/health", f"{BOOKS}/isbn/{book(1)['isbn']}", f"{API}/ready"]
    while time.monotonic() < ends:
        for path in paths:
            began = time.monotonic()
            try:
                client = Client(port, keep=False, timeout=5, host="127.0.0.2")
                status, _ = client.ask("GET", path)
                good = status == 200
            except (OSError, http.client.HTTPException):
                good = False
            answered, failed = answered + good, failed + (not good)
            slowest = max(slowest, (time.monotonic() - began) * 1000)
        time.sleep(0.05)
    return answered, failed, slowest


def _attack(
    name: str,
    behind: bool,
    work: Callable[[int, threading.Event], None],
    place: Place,
    full: bool,
) -> Figure:
    with ExitStack() as stack:
        port = stack.enter_context(_server(place, name, 100_000 if full else 20_000))
        if behind:
            port, _ = stack.enter_context(nginx(port))
        with throughout([partial(work, port)] * _CLIENTS):
            time.sleep(0.5)
            answered, failed, slowest = _others(port, 20 if full else 2)
    text = f"others: {answered} of {answered + failed} answered, the slowest in {slowest:,.0f} ms"
    return Figure(failed == 0 and slowest <= _ALLOWED, text)


_ATTACKS = {
    "8 clients with heads of 30,000 blanks": blanks,
    "8 exports that nobody reads": unread_exports,
    "8 clients that export at full speed": exports,
    "8 uploads of 60 MB that never end": uploads,
}


def _scenario(how: str, name: str, behind: bool) -> Scenario:
    def others(place: Place, full: bool) -> Figure:
        return _attack(name, behind, _ATTACKS[how], place, full)

    way = "behind nginx" if behind else "direct"
    return Scenario("One client keeps no others out", f"{how}, {name}, {way}", others, (SQLITE,))


SCENARIOS = [
    _scenario(how, name, behind) for how in _ATTACKS for name in SERVERS for behind in (False, True)
]
