"""Run every scenario and write the table: ``python -m torture [--short] [--only WORD]``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from torture import baskets, clients, costly, crashes, drains, hostile, others, stock
from torture.stage import PGBOUNCER, POSTGRESQL, ROOT, SQLITE, Figure, Place, Scenario, places
from torture.stage import Skipped as SkippedHere

SCENARIOS: list[Scenario] = [
    *stock.SCENARIOS,
    *baskets.SCENARIOS,
    *crashes.SCENARIOS,
    *drains.SCENARIOS,
    *clients.SCENARIOS,
    *hostile.SCENARIOS,
    *others.SCENARIOS,
    *costly.SCENARIOS,
]
NAMES = (SQLITE, POSTGRESQL, PGBOUNCER)
PAGE = ROOT / "docs" / "reliability" / "README.md"
BEGIN, END = "<!-- written by `make torture` -->", "<!-- end -->"


def run_one(scenario: Scenario, place: Place, full: bool) -> Figure | None:
    """The figure, or `None` where something it needs is not here (which is said)."""
    began = time.monotonic()
    print(f"{place.name}: {scenario.how} ... ", end="", flush=True)  # noqa: T201  # a command's output
    try:
        figure = scenario.run(place, full)
    except SkippedHere as reason:
        print(f"passed over: {reason}")  # noqa: T201  # as above
        return None
    word = "held" if figure.held else "BROKEN"
    print(f"{word}: {figure.text} ({time.monotonic() - began:.0f} s)")  # noqa: T201  # as above
    return figure


def table(results: dict[tuple[int, str], Figure | None]) -> str:
    """The table in Markdown."""
    lines = [
        "| promise | how it is broken | SQLite | PostgreSQL | PgBouncer |",
        "|---|---|---|---|---|",
    ]
    for index, scenario in enumerate(SCENARIOS):
        if not any(key[0] == index for key in results):
            continue
        cells = []
        for name in NAMES:
            figure = results.get((index, name))
            said = figure.text if figure else ("not tried here" if (index, name) in results else "")
            cells.append(f"**broken:** {said}" if figure and not figure.held else said)
        lines.append(f"| {scenario.promise} | {scenario.how} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_page(text: str) -> None:
    """Put the table where the last one was."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    where = f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores"
    body = f"{before}{BEGIN}\n\nOn {when}, {where}.\n\n{text}\n\n{END}{after}"
    PAGE.write_text(body, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every promise held."""
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small counts, no page written")
    parser.add_argument("--only", default="", help="scenarios whose text or function has this word")
    options = parser.parse_args(arguments)
    results: dict[tuple[int, str], Figure | None] = {}
    with places(NAMES) as found:
        for index, scenario in enumerate(SCENARIOS):
            if options.only not in f"{scenario.promise} {scenario.how} {scenario.run.__name__}":
                continue
            for name in scenario.places:
                results[index, name] = run_one(scenario, found[name], not options.short)
    if not options.short and not options.only:
        write_page(table(results))
    else:
        print(table(results))  # noqa: T201  # as above
    return int(any(figure is not None and not figure.held for figure in results.values()))


if __name__ == "__main__":
    sys.exit(main())
