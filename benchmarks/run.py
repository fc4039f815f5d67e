"""`make bench`: every stack side by side in one run, on one machine, over the same books.

python benchmarks/run.py                     the full run (an hour and a half)
python benchmarks/run.py --quick             small and short: does everything work?
python benchmarks/run.py --url postgresql://…  on a running server (a role with CREATEDB)
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import databases
import imports
import load
import machine
import psycopg
import report
import stacks
import titles
import works
import writes
from console import say
from loadgen import CONNECTIONS, Measurement, expect, measure
from options import arguments
from summary import Entry, summary
from usage import Meter, Usage, is_quiet


class Bench:
    """One run: its options, its databases (kept to the end) and its results."""

    def __init__(
        self, options: argparse.Namespace, running: databases.Server, folder: Path
    ) -> None:
        self.options = options
        self.running = running
        self.folder = folder
        self.cleanup = ExitStack()
        self.samples: dict[int, works.Sample] = {}
        self.urls: dict[int, str] = {}
        self.meter = Meter(running)
        settings = databases.settings(running)
        self.results: dict[str, Any] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": machine.describe(),
            "postgresql": {f"PostgreSQL {name}": value for name, value in settings.items()},
            "durable": databases.is_durable(settings),
            "options": {
                "runs": options.runs,
                "seconds": options.seconds,
                "connections": CONNECTIONS,
                "sizes": options.sizes,
                "works": options.works,
                "quick": options.quick,
            },
            "stacks": {},
            "processes": {},
            "sizes": {},
            "growth": {},
            "imports": [],
            "writes": {},
        }

    def our_database(self, size: int, sqlite: bool = False) -> stacks.OurDatabase:
        if sqlite:
            url = f"sqlite:///{self.folder / f'books_{size}.sqlite'}"
            return stacks.OurDatabase(url, self.folder / str(size), "ours_sqlite")
        return stacks.OurDatabase(self.urls[size], self.folder / str(size), "ours")

    def load(self, size: int) -> None:
        """Databases of one size for all stacks, filled with the same books."""
        (self.folder / str(size)).mkdir()
        name = f"bookstore_bench_{size}"
        url = self.cleanup.enter_context(databases.database(self.running, name))
        self.urls[size] = url
        begun = time.perf_counter()
        load.load_peers(url, size)
        if self.options.ours:
            self.our_database(size).migrate()
            load.load_ours(url, size)
            self.our_database(size, sqlite=True).migrate()
            load.load_ours_sqlite(self.folder / f"books_{size}.sqlite", size)
        self.samples[size] = works.Sample(size)
        say(f"{size:,} books loaded in {time.perf_counter() - begun:.0f} s")

    def stacks_of(self, size: int) -> list[stacks.Stack]:
        found = []
        if self.options.ours:
            found = [stacks.ours(self.our_database(size))]
            found += stacks.our_variants(self.our_database(size))
            found.append(stacks.ours(self.our_database(size, sqlite=True)))
        found += stacks.peers(self.urls[size])
        wanted = self.options.stacks
        return [stack for stack in found if not wanted or stack.name in wanted]

    def start(self, stack: stacks.Stack, size: int, servers: ExitStack) -> stacks.Server:
        ready = "/ready" if stack.ours else f"/books/{self.samples[size].ids[0]}"
        log = self.folder / str(size) / f"{stack.name}.log"
        stop = self.meter.start()
        begun = time.perf_counter()
        server = servers.enter_context(stacks.Server(stack, log, stack.prefix + ready))
        foreign = stop(server.group).foreign
        seconds = time.perf_counter() - begun
        self.results["stacks"][stack.name] = stack.label
        self.results["processes"].setdefault(
            stack.name,
            {
                "label": stack.label,
                "foreign_cpus": None if foreign is None else foreign / seconds,
                "ready_seconds": server.ready_seconds,
                "idle_rss_mb": server.idle_rss_mb,
                "largest_idle_rss_mb": max(server.idle_rss_mb, default=0.0),
                "total_idle_rss_mb": sum(server.idle_rss_mb),
            },
        )
        return server

    def alternate(
        self, work: works.Work, entrants: dict[str, tuple[stacks.Server, works.Sample]]
    ) -> dict[str, Entry]:
        """A B C, A B C, …: what the machine does meanwhile falls on all alike."""
        expected = {
            name: expect(server.port, works.plan(work, server, sample, bodies=CONNECTIONS * 25))
            for name, (server, sample) in entrants.items()
        }
        seconds = self.options.seconds
        runs: dict[str, list[tuple[Measurement, Usage]]] = {name: [] for name in entrants}
        plans = {}
        for _ in range(self.options.runs):
            for name, (server, sample) in entrants.items():
                if work.writes or name not in plans:
                    # enough new books for wrk at twice the rate that the Python loop saw
                    bodies = int(max(expected[name] * 6, 6000) * seconds)
                    plans[name] = works.plan(work, server, sample, bodies)
                stop = self.meter.start(server.group)
                run = measure(server.port, plans[name], seconds, expected[name])
                runs[name].append((run, stop()))
        found = {name: summary(taken) for name, taken in runs.items()}
        line = ", ".join(f"{name} {entry['rate']:,.4g}" for name, entry in found.items())
        say(f"  {work.name}: {line}")
        for name, entry in found.items():
            if not is_quiet(entry["foreign_cpus"]):
                taken = entry["foreign_cpus"]
                said = "unknown" if taken is None else f"{taken:.2f} processors"
                say(f"    {name}: foreign load {said}: judges no target")
            if entry["errors"]:
                say(f"    {name}: {entry['errors']} answers were errors")
        return found

    def compare(self, size: int) -> None:
        """All works of one size, reads before writes so that the size stays what it says."""
        say(f"{size:,} books, requests/s")
        sample = self.samples[size]
        with ExitStack() as servers:
            started = [self.start(stack, size, servers) for stack in self.stacks_of(size)]
            works.check_same_answers(started, sample)
            found = self.results["sizes"].setdefault(str(size), {})
            for work in self.wanted():
                if work.writes:
                    with psycopg.connect(self.urls[size], autocommit=True) as connection:
                        connection.execute("CHECKPOINT")
                entrants = {
                    server.stack.name: (server, sample)
                    for server in started
                    if (work.peers or server.stack.ours)
                    and (not server.stack.only or work.name in server.stack.only)
                }
                if entrants:
                    found[work.name] = self.alternate(work, entrants)

    def grow(self) -> None:
        """Ours at all sizes at once, in turn: cost against size free of the machine's drift."""
        say("ours at every size in turn, requests/s")
        for sqlite in (False, True):
            name = self.our_database(self.options.sizes[0], sqlite).name
            if self.options.stacks and name not in self.options.stacks:
                continue
            with ExitStack() as servers:
                entrants = {}
                for size in self.options.sizes:
                    stack = stacks.ours(self.our_database(size, sqlite))
                    entrants[str(size)] = (self.start(stack, size, servers), self.samples[size])
                for work in self.wanted():
                    if not work.writes:
                        row = self.results["growth"].setdefault(work.name, {})
                        row[name] = self.alternate(work, entrants)

    def wanted(self) -> list[works.Work]:
        names = self.options.works
        return [work for work in works.WORKS if not names or work.name in names]

    def run(self) -> None:
        with self.cleanup:
            for size in self.options.sizes:
                self.load(size)
            if self.options.ours and len(self.options.sizes) > 1:
                self.grow()
                self.save()
            for size in self.options.sizes:
                self.compare(size)
                self.save()
            if self.options.ours and not self.options.works:
                # the middle size: large enough for indexes to weigh, small enough to copy
                size = [size for size in self.options.sizes if size <= 100_000][-1:]
                for count in size or self.options.sizes[:1]:
                    path = self.folder / f"books_{count}.sqlite"
                    self.results["writes"]["PostgreSQL"] = writes.on_postgresql(
                        self.urls[count], self.meter
                    )
                    self.results["writes"]["SQLite"] = writes.on_sqlite(path, self.meter)
                largest = max(10_000, *self.options.sizes)
                for kind in titles.KINDS:
                    self.results["imports"] += imports.measure(
                        self.running,
                        self.meter,
                        self.folder,
                        sorted({10_000, largest}) if kind == "natural" else [largest],
                        kind=kind,
                    )
                self.save()

    def save(self) -> None:
        report.write(self.results, self.options.output)


def main() -> None:
    options = arguments(__doc__)
    # as Ctrl-C does: end the servers, drop the databases, remove the files
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with (
        tempfile.TemporaryDirectory(prefix="bookstore-bench-") as folder,
        databases.server(options.url) as running,
    ):
        Bench(options, running, Path(folder)).run()
    say(f"written to {options.output}")


if __name__ == "__main__":
    main()
