"""Processes and databases that end in the middle of a write."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from tests.support.processes import GuardedProcess, wait_until
from torture.stage import (
    API,
    BOOKS,
    POSTGRESQL,
    ROOT,
    Client,
    Figure,
    Place,
    Scenario,
    book,
    processes,
    throughout,
    write_ini,
)

_WRITERS = 4


@contextmanager
def victim(place: Place, url: str, **settings: object) -> Iterator[tuple[int, Callable[[], None]]]:
    """A port, and what kills the process that serves it and waits until the next one does."""
    with tempfile.TemporaryDirectory(dir=place.folder) as name, socket.socket() as held:
        # Bound here for good, so that no client's connection takes the port between two processes.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        pid_file = Path(name) / "pid"
        ini = write_ini(Path(name), url, **settings)
        command = [sys.executable, "-m", "torture.victim", str(ini), str(port), str(pid_file)]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
        process = GuardedProcess(command, log=Path(name) / "log", cwd=ROOT, env=environment)

        def there() -> bool:
            if not process.running:
                raise RuntimeError(process.output())
            with suppress(OSError, http.client.HTTPException):
                return Client(port, keep=False, timeout=2).ask("GET", f"{API}/health")[0] == 200
            return False

        def kill() -> None:
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
            wait_until(there, timeout=60, what="the next process")

        try:
            wait_until(there, timeout=60, what="the first process")
            yield port, kill
        finally:
            process.end()


def kills(place: Place, full: bool) -> Figure:
    """SIGKILL while several clients write; every acknowledged book must be there."""
    times = 100 if full else 5
    numbers, acknowledged = count(1), []
    with place.database() as url:
        with victim(place, url) as (port, kill):

            def write(stop: threading.Event) -> None:
                client = Client(port)
                while not stop.is_set():
                    sent = book(next(numbers))
                    try:
                        if client.ask("POST", BOOKS, sent)[0] == 201:
                            acknowledged.append(str(sent["isbn"]))
                    except (OSError, http.client.HTTPException):
                        time.sleep(0.02)

            with throughout([write] * _WRITERS):
                for _ in range(times):
                    time.sleep(random.uniform(0.02, 0.2))
                    kill()
        faults, found = _look_into(url)
    missing = set(acknowledged) - found
    held = not missing and not faults and len(acknowledged) >= times
    what = f"{times} kills, {len(acknowledged)} acknowledged, {len(missing)} missing"
    return Figure(held, f"{what}, integrity {', '.join(faults) or 'ok'}")


def _look_into(url: str) -> tuple[list[str], set[str]]:
    """What is wrong inside the database, and the ISBNs that are in it."""
    faults: list[str] = []
    engine = create_engine(url)
    with engine.begin() as connection:
        found = set(connection.scalars(text("SELECT isbn FROM bookstore_books")))
        totals = connection.scalar(text("SELECT sum(books) FROM bookstore_totals")) or 0
        if totals != len(found):
            faults.append(f"the total says {totals}, there are {len(found)}")
        if engine.dialect.name == "sqlite":
            said = connection.scalars(text("PRAGMA integrity_check")).all()
            faults += [] if said == ["ok"] else said
        else:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS amcheck"))
            connection.execute(
                text(
                    "SELECT bt_index_check(index => c.oid, heapallindexed => true) FROM pg_class c"
                    " JOIN pg_am a ON a.oid = c.relam"
                    " WHERE a.amname = 'btree' AND c.relname LIKE 'bookstore%' AND c.relkind = 'i'"
                )
            )
    engine.dispose()
    return faults, found


def once_each(place: Place, full: bool) -> Figure:
    """Sales under idempotency keys, each repeated until it is answered, while processes die."""
    times = 50 if full else 4
    stock, numbers, done = 1_000_000, count(1), []
    with place.database() as url, victim(place, url) as (port, kill):
        _, made = Client(port).ask("POST", BOOKS, book(1, stock=stock))
        path = f"{BOOKS}/{made['id']}"

        def sell(stop: threading.Event) -> None:
            client = Client(port)
            while not stop.is_set():
                key = str(next(numbers))
                status, _, tries = client.insist("POST", f"{path}/stock", {"delta": -1}, key=key)
                done.append((status, tries))

        with throughout([sell] * _WRITERS):
            for _ in range(times):
                time.sleep(random.uniform(0.02, 0.2))
                kill()
        _, after = Client(port).ask("GET", path)
    sold = stock - int(after["stock"])
    repeated = sum(tries > 1 for _, tries in done)
    held = {status for status, _ in done} == {200} and sold == len(done) and repeated > 0
    return Figure(held, f"{times} kills, {len(done)} sales, {repeated} repeated, {sold} booked")


def restarts(place: Place, full: bool) -> Figure:
    """The database server restarts and crashes under load."""
    assert place.server is not None, "PostgreSQL only"
    times = 10 if full else 2
    numbers, acknowledged, statuses = count(1), [], set()
    slowest = 0.0
    with place.database() as url:
        with processes(place, url, 2) as ports:

            def write(stop: threading.Event) -> None:
                client = Client(ports[next(numbers) % 2])
                while not stop.is_set():
                    sent = book(next(numbers))
                    status, _ = client.ask("POST", BOOKS, sent)
                    statuses.add(status)
                    if status == 201:
                        acknowledged.append(str(sent["isbn"]))
                    else:
                        time.sleep(0.02)

            with throughout([write] * _WRITERS):
                for number in range(times):
                    time.sleep(0.4)
                    if number % 2:
                        place.server.kill()
                        place.server.start()
                    else:
                        place.server.restart()
                    back, before = time.monotonic(), len(acknowledged)
                    wait_until(
                        lambda before=before: len(acknowledged) > before,  # type: ignore[misc]  # mypy does not infer a lambda's default
                        timeout=30,
                        what="recovery",
                    )
                    slowest = max(slowest, time.monotonic() - back)
        name = make_url(url).database
        leaked = place.server.query(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        )[0][0]
        faults, found = _look_into(url)
    missing = set(acknowledged) - found
    held = not missing and not faults and not leaked and statuses <= {201, 503} and slowest < 5
    return Figure(
        held,
        f"{times} restarts and crashes, {len(acknowledged)} acknowledged, {len(missing)} missing,"
        f" answers {sorted(statuses)}, back after {slowest:.2f} s at most, {leaked} leaked",
    )


SCENARIOS = [
    Scenario(
        "What was acknowledged is there",
        "SIGKILL 100 times while four clients write",
        kills,
    ),
    Scenario(
        "What is asked again is done once",
        "SIGKILL 50 times; every sale has an `Idempotency-Key` and is repeated until answered",
        once_each,
    ),
    Scenario(
        "A database that comes back is used again, within 5 s and without a restart",
        "PostgreSQL restarted and crashed in turn, 10 times, under load on two processes",
        restarts,
        (POSTGRESQL,),
    ),
]
