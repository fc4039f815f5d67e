"""What `search.py` leaves behind: search.json, search.md and two plots."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import plot
from report import table
from targets import BULK, IMPORT
from titles import KINDS
from usage import is_quiet

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"
FILE = "search.json"

#: Totals are exact at a low cost up to so many matches; a tenth of the books with some tolerance.
FEW, TENTH = 1_000, 0.15

PAGE, PAGE_DEAR = "first page, count=none", "first page, words that seldom meet, or far matches"
EXACT, EXACT_WORDS = "exact total, up to 1,000 matches", "exact total, several frequent words"
EXACT_TENTH, ESTIMATED = "exact total, up to a tenth of all books", "estimated total"
RELEVANCE, SUGGEST = "by relevance", "suggestions"
#: Times a book by its id.
LIMITS = {
    PAGE: 5,
    PAGE_DEAR: 40,
    EXACT: 10,
    EXACT_WORDS: 40,
    EXACT_TENTH: 100,
    ESTIMATED: 20,
    RELEVANCE: 20,
    SUGGEST: 30,
}
#: Times the books' table.
SIZE = {"PostgreSQL": 1, "SQLite": 2}

_LABELS = {
    "natural": "natural titles",
    "tokens": "a token in each title",
    "unblanked": "titles without blanks",
    "runs": "runs of equal titles",
    "by_id": "a book by its id",
}
#: Terms whose totals are in the plots; of the others the page alone is.
_COUNTED = ("word in ten books", "word in 1 of 100", "word in 1 of 10", "most frequent word")

_INTRODUCTION = """\
# What a search costs

Written by `python benchmarks/search.py`; do not edit. `×` is the cost in books by id, as medians of
rounds in which all take turns: of whole requests over one connection where a server was asked; else
in one process and without HTTP, where a book by its id costs less and a limit is harder to keep.

The catalogues: natural titles; a token of its own in each title; Japanese, Chinese and Thai without
blanks; long runs of equal titles. What is searched for is chosen from the books of each. Matches
are counted without a database, by the rules for words; a search that finds another number is named.
"""

Entry = Mapping[str, Any]
Results = Mapping[str, Mapping[str, Mapping[str, Entry]]]  # by database, kind, books


def medians(taken: Mapping[Any, list[float]]) -> dict[Any, float]:
    """The median of each, to the microsecond."""
    return {key: round(statistics.median(values), 3) for key, values in taken.items()}


class Figure(NamedTuple):
    """What one search costs in books by id: the whole request if it was asked of a server."""

    name: str
    what: str
    ms: float
    in_process: float
    http: float | None
    target: str | None

    @property
    def said(self) -> str:
        factor = f"**{self.factor:.1f} ×**" if self.missed else f"{self.factor:.1f} ×"
        if self.http is None:
            return f"{self.ms:.2f} ms, {factor}"
        return f"{self.ms:.2f} ms, {self.in_process:.1f} ×; HTTP {factor}"

    @property
    def factor(self) -> float:
        return self.in_process if self.http is None else self.http

    @property
    def missed(self) -> bool:
        return self.target is not None and self.factor > LIMITS[self.target]


def target(row: Mapping[str, Any], what: str, books: int) -> str | None:
    """The limit for a search; none for exact totals of more than a tenth of the books."""
    fixed = {"estimated": ESTIMATED, "relevance": RELEVANCE, "suggest": SUGGEST}
    if what in fixed:
        return fixed[what]
    if what == "none":
        return PAGE_DEAR if row["dear"] else PAGE
    if row["matches"] <= FEW:
        return EXACT_WORDS if row["dear"] == "words" else EXACT
    return EXACT_TENTH if row["matches"] <= TENTH * books else None


def figures(entry: Entry, books: int) -> Iterator[Figure]:
    for name, row in entry["terms"].items():
        for what, ms in row["ms"].items():
            http, by_id = row.get("http", {}).get(what, (None, 1))
            yield Figure(
                name,
                what,
                ms,
                ms / entry["by_id"],
                None if http is None else http / by_id,
                target(row, what, books),
            )


def load(folder: Path) -> dict[str, Any]:
    """What earlier runs kept."""
    file = folder / FILE
    if not file.exists():
        return {"machine": {}, "results": {}}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def keep(
    folder: Path, place: tuple[str, str, int], found: Entry, machine: Mapping[str, str]
) -> None:
    """Add what was measured of the database, the kind and the size, and write the report anew."""
    everything = load(folder)
    everything["machine"] = machine
    database, kind, books = place
    results = everything["results"]
    entries = results.setdefault(database, {}).setdefault(kind, {})
    # import and direct SQL stay, where they were not measured again
    entries[str(books)] = entries.get(str(books), {}) | found
    everything["results"] = {
        name: {
            each: dict(sorted(results[name][each].items(), key=lambda item: int(item[0])))
            for each in KINDS
            if each in results[name]
        }
        for name in sorted(results)
    }
    folder.mkdir(parents=True, exist_ok=True)
    # an entry a line, for version control
    lines = (
        json.dumps(everything, ensure_ascii=False).replace("}, ", "},\n").replace(": {", ": {\n")
    )
    (folder / FILE).write_text(lines + "\n", encoding="utf-8")
    write(folder, everything)


def write(folder: Path, everything: Mapping[str, Any]) -> None:
    """search.md and the plots."""
    results: Results = everything["results"]
    text = "\n".join(_sections(results, everything["machine"]))
    (folder / "search.md").write_text(text + "\n", encoding="utf-8")
    for database, kinds in results.items():
        svg = _plot(database, kinds)
        (folder / f"search-{database.lower()}.svg").write_text(svg, encoding="utf-8")


def _sections(results: Results, machine: Mapping[str, str]) -> Iterator[str]:
    yield _INTRODUCTION
    yield from (f"- {name}: {value}" for name, value in machine.items())
    for database, kinds in results.items():
        yield ""
        yield f"## {database}"
        yield ""
        yield from _targets(kinds)
        yield from _catalogues(database, kinds)
        yield f"![Cost of a search against the number of books](search-{database.lower()}.svg)"
        for kind, sizes in kinds.items():
            books = max(map(int, sizes))
            yield ""
            yield f"### {database}: {_LABELS[kind]}, {books:,} books"
            yield ""
            yield from _terms(sizes[str(books)], books)


def _targets(kinds: Mapping[str, Mapping[str, Entry]]) -> Iterator[str]:
    """Of each limit and kind how many searches keep it, and the dearest, of whatever size."""
    rows = []
    for each, limit in LIMITS.items():
        row = [f"{each}: ≤ {limit} ×"]
        for sizes in kinds.values():
            found = [
                (figure.factor, figure.name, int(books))
                for books, entry in sizes.items()
                for figure in figures(entry, int(books))
                if figure.target == each
            ]
            worst, name, books = max(found, default=(0, "", 0))
            said = f"{worst:.1f} ({name}, {books:,})" if found else "–"
            met = sum(factor <= limit for factor, *_ in found)
            if found:
                said = f"met by {met:,} of {len(found):,}: {said}"
            row.append(f"**missed:** {said}" if worst > limit else said)
        rows.append(row)
    yield from table(["the dearest of all sizes", *(_LABELS[kind] for kind in kinds)], rows)


def _catalogues(database: str, kinds: Mapping[str, Mapping[str, Entry]]) -> Iterator[str]:
    """Size, import and direct SQL of every catalogue."""
    rows = []
    for kind, sizes in kinds.items():
        for books, entry in sizes.items():
            judged = books == max(sizes, key=int)
            size = entry["sizes"]
            ratio = (size["indexes"] + size["columns"]) / size["table"]
            row = [_LABELS[kind], f"{int(books):,}", f"{size['table'] / 1e6:,.1f}"]
            row.append(_said(f"{ratio:.2f}", judged and ratio > SIZE[database]))
            if imported := entry.get("import"):
                rate = imported["books"] / imported["seconds"]
                row.append(_said(f"{rate:,.0f}", judged and rate < IMPORT, imported))
            else:
                row.append("–")
            if bulk := entry.get("bulk"):
                cost = bulk["plain_rate"] / bulk["ours_rate"]
                row.append(_said(f"{cost:.1f}", judged and cost > BULK[database], bulk))
            else:
                row.append("–")
            row.append(_said("", False, entry))
            rows.append(row)
    header = ["catalogue", "books", "books' table, MB", f"search, × the table (≤ {SIZE[database]})"]
    header += [
        f"import, books/s (≥ {IMPORT:,})",
        f"direct SQL, × a plain table (≤ {BULK[database]})",
    ]
    yield from table([*header, "reads"], rows)
    yield "**Bold**: missed by the largest catalogue of its kind. †: on a busy machine."
    yield ""


def _said(text: str, missed: bool, entry: Entry | None = None) -> str:
    text = f"**{text}**" if missed else text
    return text if entry is None or is_quiet(entry["foreign_cpus"]) else f"{text} †"


def _terms(entry: Entry, books: int) -> Iterator[str]:
    by_name: dict[str, dict[str, Figure]] = {}
    for figure in figures(entry, books):
        by_name.setdefault(figure.name, {})[figure.what] = figure
    rows = [["book by id", "", "", f"{entry['by_id']:.2f} ms", "", "", ""]]
    for name, found in by_name.items():
        row = entry["terms"][name]
        others = [found[what] for what in ("relevance", "suggest") if what in found]
        shown = [*(found.get(what) for what in ("none", "exact", "estimated")), *others[:1]]
        cells = ["–" if figure is None else figure.said for figure in shown]
        cells += ["–"] * (4 - len(cells))
        rows.append([name, _typed(row["filters"]), _matches(row), *cells])
    header = ["search", "looked for", "matches", "none", "exact", "estimated"]
    yield from table([*header, "by relevance, suggestions"], rows)


def _typed(filters: Mapping[str, str]) -> str:
    typed = ", ".join(f"{name}={value}" for name, value in filters.items() if name != "search")
    term = filters.get("search", "")
    term = term if len(term) <= 30 else f"{term[:30]}…"
    return " + ".join(filter(None, [f"`{term}`" if term else "", typed]))


def _matches(row: Mapping[str, Any]) -> str:
    if "exact" not in row["ms"]:
        return "–"
    found = row["found"]
    return f"{row['matches']:,}" + ("" if found == row["matches"] else f" (found: {found:,})")


def _plot(database: str, kinds: Mapping[str, Mapping[str, Entry]]) -> str:
    panels: dict[str, dict[str, dict[int, float]]] = {}
    for kind, sizes in kinds.items():
        for books, entry in sizes.items():
            for figure in figures(entry, int(books)):
                if figure.what in ("exact", "estimated") and figure.name not in _COUNTED:
                    continue
                alone = figure.what in ("none", "suggest")
                name = figure.name if alone else f"{figure.name}, {figure.what}"
                panel = panels.setdefault(name, {})
                panel.setdefault(kind, {})[int(books)] = figure.factor
                panel.setdefault("by_id", {})[int(books)] = 1.0
    return plot.lines(f"{database}: cost of a search, first page", "books by id", panels, _LABELS)
