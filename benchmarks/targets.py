"""The targets of the project, computed from the medians of a run: met, missed or undecided.

Undecided is what was measured while strangers used the machine (see `usage.py`) or with errors
among the answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from usage import is_quiet

ORM, RAW = "fastapi_sqlalchemy", "fastapi_asyncpg"

#: Books a second of an import; times a plain table for rows by direct SQL; MB of an idle process.
IMPORT = 20_000
BULK = {"PostgreSQL": 8, "SQLite": 20}
IDLE_MB = {"PostgreSQL": 78, "SQLite": 70}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One target: what was asked, what was measured, whether that is enough (None: undecided)."""

    work: str
    target: str
    measured: str
    met: bool | None


Results = Mapping[str, Any]


Entry = Mapping[str, Any]


def _judge(met: bool, *entries: Entry) -> bool | None:
    for entry in entries:
        if entry.get("errors") or not is_quiet(entry["foreign_cpus"]):
            return None
    return met


def _at_least(
    work: str, target: str, least: float, ours: Entry | None, theirs: Entry | None
) -> Iterator[Verdict]:
    if ours and theirs:
        ratio = ours["rate"] / theirs["rate"]
        met = _judge(ratio >= least, ours, theirs)
        yield Verdict(work, f"≥ {least:g} × {target}", f"{ratio:.2f} ×", met)


def _cost(
    work: str, target: str, most: float, base: Entry | None, entry: Entry | None
) -> Iterator[Verdict]:
    """Cost is the inverse of the rate: requests that share the machine evenly."""
    if base and entry:
        ratio = base["rate"] / entry["rate"]
        met = _judge(ratio <= most, base, entry)
        yield Verdict(work, f"≤ {most:g} × {target}", f"{ratio:.2f} ×", met)


def verdicts(results: Results) -> list[Verdict]:
    """Every target that this run's works and sizes can speak to."""
    sizes = sorted(results["sizes"], key=int)
    if not sizes:
        return []
    large = sizes[-1]
    label = f"{int(large):,} books"
    growth = results.get("growth", {}).get("page-1", {}).get("ours", {})
    found: list[Verdict] = []

    def rate(work: str, stack: str = "ours", size: str = large) -> Entry | None:
        entry: Entry | None = results["sizes"].get(size, {}).get(work, {}).get(stack)
        return entry

    for size in sizes:
        work = f"book by id, {int(size):,} books"
        mine = rate("by-id", size=size)
        found += _at_least(work, "FastAPI + SQLAlchemy async", 2.5, mine, rate("by-id", ORM, size))
        found += _at_least(work, "FastAPI + asyncpg", 1.0, mine, rate("by-id", RAW, size))
    found += _at_least(
        f"first page, exact total, {label}",
        "FastAPI with the tutorial's schema",
        50,
        rate("page-1"),
        rate("page-1", ORM),
    )
    if len(growth) > 1:
        ends = sorted(growth, key=int)
        found += _cost(
            f"first page, cost at {int(ends[-1]):,}",
            f"cost at {int(ends[0]):,}",
            1.3,
            growth[ends[0]],
            growth[ends[-1]],
        )
    middle = f"cursor page, {int(large) // 2:,} deep"
    found += _cost(middle, "first page", 1.3, rate("page-1"), rate("deep-page"))
    one = rate("by-id")
    found += _cost(
        f"rare-term search, exact total, {label}", "a book by id", 10, one, rate("search-rare")
    )
    for name, text in (
        ("search-letter", "one-letter search"),
        ("search-common-none", "common-term search"),
        ("search-absent-none", "absent-term search"),
    ):
        found += _cost(f"{text}, count=none, {label}", "a book by id", 5, one, rate(name))
    for size in sizes:
        found += _at_least(
            f"create, {int(size):,} books",
            "FastAPI + SQLAlchemy async",
            1.6,
            rate("create", size=size),
            rate("create", ORM, size),
        )
    found += _import_verdicts(results.get("imports", []))
    found += _write_verdicts(results.get("writes", {}))
    found += _process_verdicts(results.get("processes", {}))
    return found


def _import_verdicts(imports: list[Mapping[str, Any]]) -> Iterator[Verdict]:
    for dialect, kind in dict.fromkeys((row["database"], row["kind"]) for row in imports):
        rows = [row for row in imports if (row["database"], row["kind"]) == (dialect, kind)]
        last = max(rows, key=lambda row: row["books"])
        name = f"import of {last['books']:,} ({kind}) from CSV into {dialect}"
        rate = last["books"] / last["seconds"]
        met = _judge(rate >= IMPORT, last)
        yield Verdict(name, f"≥ {IMPORT:,} books/s", f"{rate:,.0f}", met)
        if len(rows) > 1:
            first = min(rows, key=lambda row: row["books"])
            ratio = last["peak_rss_mb"] / first["peak_rss_mb"]
            text = f"{first['peak_rss_mb']:.0f} → {last['peak_rss_mb']:.0f} MB"
            # an allocator's arenas vary by some per cent from run to run
            yield Verdict(f"{name}, memory", f"flat from {first['books']:,}", text, ratio <= 1.15)


def _write_verdicts(writes: Mapping[str, Any]) -> Iterator[Verdict]:
    for dialect, kinds in writes.items():
        row, most = kinds["bulk"], BULK[dialect]
        ratio = row["plain_rate"] / row["ours_rate"]
        yield Verdict(
            f"bulk by direct SQL on {dialect}, cost",
            f"≤ {most} × the plain table",
            f"{ratio:.2f} ×",
            _judge(ratio <= most, row),
        )


def _process_verdicts(processes: Mapping[str, Any]) -> Iterator[Verdict]:
    for name, row in processes.items():
        if name.startswith("ours"):
            size, ready = row["largest_idle_rss_mb"], row["ready_seconds"]
            most = IDLE_MB["SQLite" if name == "ours_sqlite" else "PostgreSQL"]
            yield Verdict(
                f"one idle process, {row['label']}",
                f"≤ {most} MB",
                f"{size:.0f} MB",
                size <= most,
            )
            yield Verdict(
                f"ready after start, {row['label']}",
                "≤ 1 s",
                f"{ready:.2f} s",
                _judge(ready <= 1, row),
            )
