"""Processor time: what a run's own processes took, and what strangers took meanwhile.

Requests a second compare stacks only while nothing else wants the processors. On a busy machine
they compare who wins the scheduler: measured beside other work on two cores, one stack got 1.4 of
them and another 0.4, and the ratio of their rates was three times that of their costs. So each
figure carries the foreign load, and no target is judged by one that was taken under it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import databases

# Share of all cores that strangers may take; housekeeping of a quiet system stays below it.
QUIET = 0.05


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds of processor time: one stack, PostgreSQL, this process with what it ran, strangers.

    Without /proc (not Linux) there is nothing to know, and `foreign` is None.
    """

    stack: float
    postgresql: float
    bench: float
    foreign: float | None


def _processes() -> Iterator[tuple[int, str, list[str]]]:
    """Process id, name, and the fields of /proc/PID/stat from the third on."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            head, _, tail = (folder / "stat").read_text().rpartition(")")
        except OSError:  # ended meanwhile
            continue
        yield int(folder.name), head.partition("(")[2], tail.split()


def _seconds(fields: list[str]) -> float:
    """User and system time of a process and of those children that ended."""
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _busy() -> float | None:
    try:
        line = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, irq, soft, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + soft + steal) / os.sysconf("SC_CLK_TCK")


class Meter:
    """Reads the clocks of one run's processes.

    A PostgreSQL given by URL is recognised by its processes' name: several servers on one machine
    cannot be told apart then.
    """

    def __init__(self, running: databases.Server) -> None:
        self._postmaster = getattr(running, "pid", None)

    def _read(self, group: int | None) -> tuple[float, float, float, float | None]:
        stack = postgresql = 0.0
        for pid, name, fields in _processes():
            if group is not None and int(fields[2]) == group:
                stack += _seconds(fields)
            elif self._postmaster is None:
                postgresql += _seconds(fields) if name == "postgres" else 0.0
            elif self._postmaster in (pid, int(fields[1])):
                postgresql += _seconds(fields)
        return stack, postgresql, sum(os.times()[:4]), _busy()

    def start(self, group: int | None = None) -> Callable[..., Usage]:
        """Begin; what is returned ends it. `group` is the stack's process group; one that only
        begins meanwhile is named at the end.
        """
        before = self._read(group)

        def stop(begun: int | None = group) -> Usage:
            after = self._read(begun)
            stack, postgresql = after[0] - before[0], after[1] - before[1]
            bench = after[2] - before[2]
            if before[3] is None or after[3] is None:
                return Usage(stack, postgresql, bench, None)
            foreign = after[3] - before[3] - stack - postgresql - bench
            return Usage(stack, postgresql, bench, max(0.0, foreign))

        return stop

    @contextmanager
    def watch(self, entry: dict[str, Any]) -> Iterator[None]:
        """Put `foreign_cpus`, the processors that strangers took during the block, into `entry`."""
        stop, begun = self.start(), time.perf_counter()
        yield
        foreign, seconds = stop().foreign, time.perf_counter() - begun
        entry["foreign_cpus"] = None if foreign is None else foreign / seconds


def is_quiet(foreign_cpus: float | None) -> bool:
    """Whether a figure taken under this foreign load (in processors) may judge a target."""
    return foreign_cpus is not None and foreign_cpus <= QUIET * (os.cpu_count() or 1)
