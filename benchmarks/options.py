"""The options of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

import stacks
import works
from console import say

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"


def arguments(description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--url", help="PostgreSQL to use; by default one is started")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--runs", type=int, default=5, help="alternating runs per figure")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each run")
    parser.add_argument("--works", nargs="+", choices=[work.name for work in works.WORKS])
    parser.add_argument("--stacks", nargs="+", help="names, e.g. ours drf; by default all")
    parser.add_argument("--quick", action="store_true", help="1,000 and 20,000 books, 1 s runs")
    parser.add_argument("--output", type=Path, default=DOCS, help="folder of the report")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.seconds = [1_000, 20_000], 1.0
    options.sizes = sorted(set(options.sizes))
    options.ours = stacks.available()
    if not options.ours:
        say("pyramid_bookstore is not installed here: the peers only")
    return options
