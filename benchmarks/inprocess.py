"""Where a request's time goes: the whole application in one process, without a server around it.

    python benchmarks/inprocess.py                # both databases, 2,000 requests of each kind
    python benchmarks/inprocess.py --profile create

Told for each kind of request are microseconds of this process's processor time, of PostgreSQL's
(its backend's, by /proc), and of the clock, the client's own few included. With ``--profile`` the
functions of one kind follow, by their own time.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import os
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import databases
import psycopg
from console import say
from load import load_ours, load_ours_sqlite
from stacks import OurDatabase

API = "/api/v1/books"
BOOKS = 100_000
WARM = 200


class Application:
    """The WSGI application of one database, asked as a server would ask it."""

    def __init__(self, database: OurDatabase) -> None:
        from pyramid_bookstore.wsgi import make_app

        os.environ["BOOKSTORE_INI"] = str(database.ini())
        self._app = make_app()
        self.status = ""
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> bytes:
        """The answer's body; status and headers are kept."""
        content = b"" if body is None else json.dumps(body).encode()
        path, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1", "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(content)),
            "wsgi.input": io.BytesIO(content),
            "wsgi.errors": sys.stderr, "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
            "wsgi.multithread": True, "wsgi.multiprocess": True, "wsgi.run_once": False, **headers,
        }  # fmt: skip
        return b"".join(self._app(environ, self._started))

    def _started(self, status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        self.status, self.headers = status, dict(headers)


def isbns() -> Iterator[str]:
    """Numbers that no generated book has."""
    for number in count(999_000_000):
        body = f"979{number}"
        total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body))
        yield body + str(-total % 10)


def kinds(app: Application) -> dict[str, Callable[[], bytes]]:
    """What is asked, by name."""
    fresh = isbns()
    book = {"title": "Garden of Stone", "author": "Ann Example", "price": 12.5, "stock": 2_000_000}
    made = json.loads(app.ask("POST", API, book | {"isbn": next(fresh)}))
    one = f"{API}/{made['id']}"
    app.ask("GET", one)
    tag = app.headers["ETag"]
    return {
        "by id": lambda: app.ask("GET", one),
        "by id, 304": lambda: app.ask("GET", one, HTTP_IF_NONE_MATCH=tag),
        "first page of 20, exact total": lambda: app.ask("GET", API),
        "create": lambda: app.ask("POST", API, book | {"isbn": next(fresh)}),
        "change stock": lambda: app.ask("POST", f"{one}/stock", {"delta": -1}),
    }


def measure(run: Callable[[], bytes], rounds: int, backends: list[int]) -> tuple[float, ...]:
    """Microseconds a request: of this process, of the backends, of the clock."""
    for _ in range(WARM):
        run()
    there, own, clock = spent(backends), time.process_time(), time.perf_counter()
    for _ in range(rounds):
        run()
    taken = (time.process_time() - own, spent(backends) - there, time.perf_counter() - clock)
    return tuple(seconds / rounds * 1e6 for seconds in taken)


def spent(backends: list[int]) -> float:
    """Seconds that these processes ran."""
    files = (Path(f"/proc/{pid}/schedstat") for pid in backends)
    return sum(int(file.read_text(encoding="ascii").split()[0]) for file in files) / 1e9


def backends_of(url: str) -> list[int]:
    """The server processes of the connections to a PostgreSQL database."""
    query = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(query)]


def report(name: str, app: Application, url: str, options: argparse.Namespace) -> None:
    """One database: a table, or the profile of one kind."""
    asked = kinds(app)
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(lambda: [asked[options.profile]() for _ in range(options.rounds)])
        pstats.Stats(profile).sort_stats("tottime").print_stats(40)
        return
    say(f"\n{name}, {BOOKS:,} books\n\n| request | process, µs | PostgreSQL, µs | clock, µs |")
    say("|---|--:|--:|--:|")
    for kind, run in asked.items():
        run()
        backends = backends_of(url) if url.startswith("postgresql") else []
        own, there, clock = measure(run, options.rounds, backends)
        say(f"| {kind} | {own:.0f} | {f'{there:.0f}' if backends else '–'} | {clock:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=2_000, help="requests of each kind")
    parser.add_argument("--profile", help="one kind, by its name")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = stack.enter_context(databases.server(None))
        url = stack.enter_context(databases.database(running, "inprocess"))
        database = OurDatabase(url, folder, "postgresql")
        database.migrate()
        load_ours(url, BOOKS)
        report("PostgreSQL", Application(database), url, options)
        file = folder / "books.sqlite"
        database = OurDatabase(f"sqlite:///{file}", folder, "sqlite")
        database.migrate()
        load_ours_sqlite(file, BOOKS)
        report("SQLite", Application(database), database.url, options)


if __name__ == "__main__":
    main()
