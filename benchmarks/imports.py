"""`bookstore import` into an empty database: books per second and peak memory of the process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import databases
from console import say
from generate import write_csv
from stacks import OurDatabase
from usage import Meter


def _import(database: OurDatabase, file: Path, books: int) -> dict[str, Any]:
    begun = time.perf_counter()
    log = file.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            database.command("import", str(file)), stdout=output, stderr=subprocess.STDOUT
        )
        peak = _peak(process)
    seconds = time.perf_counter() - begun
    if process.returncode != 0:
        raise RuntimeError(f"import of {books} books: {log.read_text()[-2000:]}")
    return {"books": books, "seconds": seconds, "peak_rss_mb": peak}


def _peak(process: subprocess.Popen[bytes]) -> float:
    """Wait for the end; the largest resident size meanwhile, in MB.

    Not by wait4(), whose figure has that of this process in it, from before the exec.
    """
    status = Path(f"/proc/{process.pid}/status")
    peak = 0.0
    while process.poll() is None:
        with suppress(OSError):  # ended just now
            lines = status.read_text().splitlines()
            peak = max(
                [peak, *(int(line.split()[1]) * 1024 / 1e6 for line in lines if "VmHWM" in line)]
            )
        time.sleep(0.02)
    return peak


def _watched(meter: Meter, database: OurDatabase, file: Path, books: int) -> dict[str, Any]:
    load: dict[str, Any] = {}
    with meter.watch(load):
        entry = _import(database, file, books)
    return entry | load


@contextmanager
def _empty(dialect: str, running: databases.Server, folder: Path) -> Iterator[OurDatabase]:
    """A migrated database without books, which goes with the block."""
    if dialect == "PostgreSQL":
        with databases.database(running, "bookstore_bench_import") as url:
            target = OurDatabase(url, folder, "import_postgresql")
            target.migrate()
            yield target
    else:
        path = folder / "import.sqlite"
        target = OurDatabase(f"sqlite:///{path}", folder, "import_sqlite")
        target.migrate()
        yield target
        path.unlink()


def measure(
    running: databases.Server,
    meter: Meter,
    folder: Path,
    sizes: list[int],
    *,
    kind: str = "natural",
    dialects: Sequence[str] = ("PostgreSQL", "SQLite"),
) -> list[dict[str, Any]]:
    """Import catalogues of `sizes`, start of the process included."""
    found: list[dict[str, Any]] = []
    for books in sizes:
        file = folder / f"import_{books}.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            write_csv(stream, books, kind=kind)
        for dialect in dialects:
            with _empty(dialect, running, folder) as target:
                entry = _watched(meter, target, file, books)
            found.append({"database": dialect, "kind": kind, **entry})
            say(f"import: {found[-1]}")
        file.unlink()
    return found
