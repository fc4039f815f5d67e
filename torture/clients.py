"""Clients that are slow, or do nothing at all, direct and behind nginx (deploy/nginx.conf)."""

from __future__ import annotations

import http.client
import resource
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from torture.stage import (
    BOOKS,
    SQLITE,
    Client,
    Figure,
    Place,
    Scenario,
    book,
    nginx,
    processes,
)


@contextmanager
def _crowd(port: int, number: int, first: bytes) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent ``first``; those that the kernel still holds
    back count too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened: list[socket.socket] = []
    waiting = selectors.DefaultSelector()
    try:
        for start in range(0, number, 500):
            for _ in range(min(500, number - start)):
                plain = socket.socket()
                plain.setblocking(False)
                plain.connect_ex(("127.0.0.1", port))
                waiting.register(plain, selectors.EVENT_WRITE)
                opened.append(plain)
            deadline = time.monotonic() + 1
            while waiting.get_map() and time.monotonic() < deadline:
                for key, _ in waiting.select(0.1):
                    waiting.unregister(key.fileobj)
                    with suppress(OSError):
                        key.fileobj.send(first)  # type: ignore[union-attr]  # registered above
        yield opened
    finally:
        waiting.close()
        for plain in opened:
            plain.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _served(port: int, times: int = 20) -> tuple[int, float]:
    """Of so many requests by a decent client, how many were answered, and the slowest in ms."""
    answered, slowest = 0, 0.0
    for _ in range(times):
        began = time.monotonic()
        try:
            # From another address (Linux has all of 127/8): nginx limits each.
            client = Client(port, keep=False, timeout=3, host="127.0.0.2")
            status, _ = client.ask("GET", f"{BOOKS}?limit=1")
        except (OSError, http.client.HTTPException):
            if answered == 0:
                return 0, 0.0  # locked out; no need to wait as often
            continue
        answered += status == 200
        slowest = max(slowest, (time.monotonic() - began) * 1000)
    return answered, slowest


def _told(answered: int, slowest: float, times: int = 20) -> str:
    if not answered:
        return "others locked out until they are timed out"
    return f"others: {answered} of {times} answered, the slowest in {slowest:.0f} ms"


def _measure(place: Place, number: int, first: bytes, behind: bool) -> Figure:
    with ExitStack() as stack:
        url = stack.enter_context(place.database())
        (port,) = stack.enter_context(processes(place, url, 1))
        client = Client(port)
        for index in range(3):
            client.ask("POST", BOOKS, book(index))
        client.close()
        if behind:
            port, _ = stack.enter_context(nginx(port))
        crowd = stack.enter_context(_crowd(port, number, first))
        for _ in range(3):  # one more byte each, as a slow client does
            time.sleep(0.2)
            for plain in crowd if first and not first.endswith(b"\r\n\r\n") else []:
                with suppress(OSError):
                    plain.send(b"x")
        answered, slowest = _served(port)
    return Figure(answered == 20 or not behind, f"{number:,}: {_told(answered, slowest)}")


_SLOW = b"GET /api/v1/books HTTP/1.1\r\nHost: x\r\nX-Slow: "
_NEVER_READ = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".replace(b"/open", b"/api/v1/open")


def idle_direct(place: Place, full: bool) -> Figure:
    """Beyond connection_limit nobody gets in: that is what nginx is for."""
    return _measure(place, 10_000 if full else 300, b"", False)


def idle_behind(place: Place, full: bool) -> Figure:
    """nginx holds them."""
    return _measure(place, 10_000 if full else 300, b"", True)


def slow_direct(place: Place, full: bool) -> Figure:
    """Headers a byte at a time."""
    return _measure(place, 900 if full else 100, _SLOW, False)


def slow_behind(place: Place, full: bool) -> Figure:
    """The same, held by nginx."""
    return _measure(place, 5_000 if full else 100, _SLOW, True)


def readers_direct(place: Place, full: bool) -> Figure:
    """Long answers that nobody reads."""
    return _measure(place, 500 if full else 50, _NEVER_READ, False)


def readers_behind(place: Place, full: bool) -> Figure:
    """The same behind nginx."""
    return _measure(place, 500 if full else 50, _NEVER_READ, True)


_PROMISE = "Slow and idle clients keep nobody else out"
SCENARIOS = [
    Scenario(_PROMISE, "10,000 idle connections, direct (limit 1,000)", idle_direct, (SQLITE,)),
    Scenario(_PROMISE, "10,000 idle connections, behind nginx", idle_behind, (SQLITE,)),
    Scenario(_PROMISE, "900 slow senders of headers, direct", slow_direct, (SQLITE,)),
    Scenario(_PROMISE, "5,000 slow senders of headers, behind nginx", slow_behind, (SQLITE,)),
    Scenario(_PROMISE, "500 that do not read their answer, direct", readers_direct, (SQLITE,)),
    Scenario(_PROMISE, "500 that do not read, behind nginx", readers_behind, (SQLITE,)),
]
