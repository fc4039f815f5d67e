"""What a run leaves behind: results.json, results.md and two plots."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import plot
from targets import verdicts
from usage import is_quiet
from works import WORKS

Results = Mapping[str, Any]
_VERDICTS = {True: "met", False: "**missed**", None: "undecided"}
_LABELS = {work.name: work.label for work in WORKS}


def table(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'|'.join([' --- ', *[' ---: '] * (len(header) - 1)])}|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _rate(entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "–"
    rate = float(entry["rate"])
    text = f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
    text += "" if is_quiet(entry["foreign_cpus"]) else " †"
    return text if not entry["errors"] else f"{text} ({entry['errors']} errors)"


def _cpu(entry: Mapping[str, Any] | None) -> str:
    return "–" if entry is None else f"{entry['cpu_ms']:.3g}"


def _arguments(options: Mapping[str, Any]) -> str:
    """Of the command that made the results."""
    words = ["--sizes", *options["sizes"], "--runs", options["runs"]]
    words += ["--seconds", f"{options['seconds']:g}"]
    if options.get("works"):
        words += ["--works", *options["works"]]
    return " ".join(map(str, words))


def _busy(results: Results) -> bool:
    rows = [row for works in results["sizes"].values() for row in works.values()]
    return not all(is_quiet(entry["foreign_cpus"]) for row in rows for entry in row.values())


def _sections(results: Results) -> Iterator[str]:
    names = results["stacks"]
    yield "# Measured side by side"
    yield ""
    yield "Written by `make bench`; do not edit. How it is measured: `benchmarks/README.md`."
    yield ""
    machine = results["machine"]
    yield f"{machine.get('processor', 'Unknown processor')}, {machine['cores']} cores,"
    yield f"{machine.get('memory', '?')}, {machine['system']}; load generator, servers and"
    options = results["options"]
    yield f"PostgreSQL share the machine. Medians of {options['runs']} alternating runs of"
    yield f"{options['seconds']:g} s, {options['connections']} connections, {results['date']}."
    yield ""
    yield f'Again, on your machine: `make bench BENCH="{_arguments(options)}"`.'
    yield ""
    if options["quick"]:
        yield "**A quick run: its figures show that everything works, not how fast it is.**"
        yield ""
    if not results["durable"]:
        yield "**This PostgreSQL does not make commits durable: disregard the figures for writes.**"
        yield ""
    found = verdicts(results)
    if any(verdict.met is None for verdict in found) or _busy(results):
        yield "**The machine was busy with other work (figures with †), so their targets are left"
        yield "undecided: requests per second then tell who wins the scheduler. The processor time"
        yield "per request suffers less from that, but a busy machine inflates it too.**"
        yield ""
    if found:
        yield "## Targets"
        yield ""
        yield from table(
            ["work", "target", "measured", ""],
            [[v.work, v.target, v.measured, _VERDICTS[v.met]] for v in found],
        )
    yield "## Requests per second"
    yield ""
    for size, works in results["sizes"].items():
        yield f"### {int(size):,} books"
        yield ""
        stacks = [name for name in names if any(name in row for row in works.values())]
        rows = [
            [_LABELS[work], *[_rate(row.get(name)) for name in stacks]]
            for work, row in works.items()
        ]
        yield from table(["work", *[names[name] for name in stacks]], rows)
    yield "## Processor time per request, server processes and PostgreSQL together, ms"
    yield ""
    for size, works in results["sizes"].items():
        yield f"### {int(size):,} books, ms"
        yield ""
        stacks = [name for name in names if any(name in row for row in works.values())]
        rows = [
            [_LABELS[work], *[_cpu(row.get(name)) for name in stacks]]
            for work, row in works.items()
        ]
        yield from table(["work", *[names[name] for name in stacks]], rows)
    yield "![Requests per second by work and stack](compare.svg)"
    yield ""
    if results.get("growth"):
        yield "![Cost of a request against the number of books](growth.svg)"
        yield ""
    if results.get("imports"):
        yield "## Import from CSV into an empty database"
        yield ""
        rows = [
            [
                r["database"],
                r["kind"],
                f"{r['books']:,}",
                f"{r['books'] / r['seconds']:,.0f}",
                f"{r['peak_rss_mb']:.0f}",
            ]
            for r in results["imports"]
        ]
        yield from table(["database", "catalogue", "books", "books/s", "peak memory, MB"], rows)
    if results.get("writes"):
        yield "## Writes in SQL, beside the tutorial's table"
        yield ""
        rows = [
            [f"{dialect}, {kind}", f"{r['ours_rate']:,.0f}", f"{r['plain_rate']:,.0f}"]
            for dialect, kinds in results["writes"].items()
            for kind, r in kinds.items()
        ]
        yield from table(["books/s", "ours", "plain"], rows)
    yield "## Processes"
    yield ""
    rows = [
        [
            row["label"],
            f"{row['ready_seconds']:.2f}",
            f"{row['largest_idle_rss_mb']:.0f}",
            f"{row['total_idle_rss_mb']:.0f}",
        ]
        for row in results["processes"].values()
    ]
    yield from table(["stack", "ready after, s", "largest process, MB", "all, MB"], rows)
    yield "## Versions and settings"
    yield ""
    for name, value in {**machine, **results["postgresql"]}.items():
        yield f"- {name}: {value}"


def _bars(results: Results) -> str:
    size, works = list(results["sizes"].items())[-1]
    panels = {
        _LABELS[work]: {name: row[name]["rate"] for name in results["stacks"] if name in row}
        for work, row in works.items()
    }
    return plot.bars(
        f"Requests per second, {int(size):,} books",
        "requests/s (log scale)",
        panels,
        results["stacks"],
    )


def _growth(results: Results) -> str:
    """Ours from the interleaved growth runs where there are any, the peers from the comparison."""
    panels: dict[str, dict[str, dict[int, float]]] = {}
    for size, works in results["sizes"].items():
        for work, row in works.items():
            for stack, entry in row.items():
                if stack in plot.COLOURS:
                    line = panels.setdefault(_LABELS[work], {}).setdefault(stack, {})
                    line[int(size)] = 1000 / entry["rate"]
    for work, row in results.get("growth", {}).items():
        for stack, points in row.items():
            line = {int(size): 1000 / entry["rate"] for size, entry in points.items()}
            panels.setdefault(_LABELS[work], {})[stack] = line
    return plot.lines(
        "Cost of a request against the size of the catalogue",
        "1,000 / (requests/s), ms; log scale",
        panels,
        results["stacks"],
    )


def write(results: Results, folder: Path) -> None:
    """Write the four files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False) + "\n"
    (folder / "results.json").write_text(text, encoding="utf-8")
    (folder / "results.md").write_text("\n".join(_sections(results)) + "\n", encoding="utf-8")
    if results["sizes"]:
        (folder / "compare.svg").write_text(_bars(results), encoding="utf-8")
        (folder / "growth.svg").write_text(_growth(results), encoding="utf-8")
