"""What filters, sorts, ranges and facets of declared fields cost, as the catalogue grows.

    python benchmarks/fields.py                       # 10,000 to 1,000,000 books: about an hour
    python benchmarks/fields.py --sizes 1000 5000     # does everything work?

Two kinds of values: `even`, where each value is anywhere in the catalogue, and `drifting`, where
publishers come and go with the years, so that matches lie at one end and frequent values never
meet. In one process and without HTTP, all works in turns; told is the median of each, beside the
unfiltered first page. Written to docs/benchmarks: fields.md, fields-*.svg, fields.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qsl

import databases
import numpy as np
from catalogues import Catalogue, on_postgresql, on_sqlite, taking_turns
from console import say
from machine import describe
from plot import lines
from sqlalchemy import bindparam, select, update

from pyramid_bookstore.catalogue.declared import Declared, declare
from pyramid_bookstore.catalogue.declared_index import build
from pyramid_bookstore.catalogue.facets import facets_of
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.query import ListQuery, parse_listing
from pyramid_bookstore.catalogue.relevance import list_page
from pyramid_bookstore.db.engines import make_one_time_engine

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"
RESULTS = DOCS / "fields.json"
SIZES = (10_000, 100_000, 1_000_000)
KINDS = ("even", "drifting")
ROUNDS = 15

DECLARED = Declared(
    {
        name: declare(name, kind, purposes)
        for name, kind, *purposes in (
            ("publisher", "text", "filter", "facet"),
            ("language", "texts", "filter", "facet"),
            ("form", "text", "filter", "facet"),
            ("pages", "integer", "filter", "sort"),
            ("published", "date", "filter", "sort"),
        )
    }
)
_LANGUAGES = ("eng", "ger", "fre", "spa", "ita", "dut", "gle")
_SHARES = (0.7, 0.12, 0.08, 0.05, 0.03, 0.0195, 0.0005)

PAGE = "unfiltered first page"
#: What is asked, by name: the query, and the bound as a multiple of the unfiltered first page.
ASKED: Mapping[str, tuple[str, float | None]] = {
    PAGE: ("", None),
    "a publisher of a tenth": ("publisher=house 0", 5),
    "a publisher of 1 in 1,000": ("publisher=house 60", 5),
    "a publisher of three books": ("publisher=small 7", 5),
    "a publisher of none": ("publisher=nobody", 5),
    "a language of 1 in 2,000": ("language=gle", 5),
    "two frequent values": ("publisher=house 0&language=eng", 5),
    "two values that seldom meet": ("publisher=house 1&language=gle", 5),
    "two publishers": ("publisher=house 0&publisher=house 60", 5),
    "a publisher and a word": ("publisher=house 0&search=of", None),
    "a publisher, by price": ("publisher=house 0&sort=price", 40),
    "a rare publisher, by price": ("publisher=house 60&sort=price", 40),
    "a publisher, by pages": ("publisher=house 0&sort=-pages", 40),
    "all, by pages": ("sort=pages", 40),
    "a range of a tenth": ("min_pages=100&max_pages=190", 40),
    "a range of 1 in 1,000": ("min_pages=500&max_pages=500", 40),
    "a range and a publisher": ("min_pages=800&publisher=house 1", 40),
    "a range of years": ("min_published=1950&max_published=1951", 40),
}
#: Milliseconds of facets, estimated or exact.
FACETS: Mapping[str, str] = {
    "facets of all": "",
    "facets of a publisher": "publisher=house 0",
    "facets of 1 in 1,000": "publisher=house 60",
    "facets of a search": "search=of",
    "facets of a range": "min_pages=100&max_pages=190",
}
FACETS_MS = 25


def _extras(books: int, kind: str) -> Iterator[str]:
    """The `extra` of each book, oldest first."""
    rng = np.random.default_rng(5)
    house = np.minimum(rng.zipf(1.35, books) - 1, 1_999)
    if kind == "drifting":  # each of forty years has publishers of its own
        house = house % 10 + 10 * (np.arange(books) * 40 // books)
    small = rng.random(books) < 0.05
    language = rng.choice(len(_LANGUAGES), books, p=_SHARES)
    pages, year = rng.integers(1, 1_000, books), rng.integers(1900, 2026, books)
    if kind == "drifting":
        year = 1986 + np.arange(books) * 40 // books
    for at in range(books):
        name = f"Small {at // 60}" if small[at] else f"House {house[at]}"
        yield json.dumps(
            {"publisher": name, "language": [_LANGUAGES[language[at]]],
             "form": "BB" if at % 3 else "BC", "pages": int(pages[at]),
             "published": str(year[at])},
            separators=(",", ":"),
        )  # fmt: skip


def _fill(catalogue: Catalogue, kind: str) -> None:
    engine = make_one_time_engine({"url": str(catalogue.engine.url.render_as_string(False))})
    with engine.begin() as connection:
        ids = connection.scalars(select(BOOKS.c.id).order_by(BOOKS.c.created_at, BOOKS.c.id)).all()
        change = update(BOOKS).where(BOOKS.c.id == bindparam("book"))
        change = change.values(extra=bindparam("new"))
        rows: list[dict[str, Any]] = []
        for book, extra in zip(ids, _extras(len(ids), kind), strict=True):
            rows.append({"book": book, "new": extra.encode()})
            if len(rows) == 5_000:
                connection.execute(change, rows)
                rows = []
        if rows:
            connection.execute(change, rows)
    build(engine, DECLARED)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("VACUUM ANALYZE bookstore_books")
        else:
            connection.exec_driver_sql("ANALYZE")


def measure(catalogue: Catalogue, rounds: int) -> dict[str, float]:
    """Milliseconds of each work."""
    reader = catalogue.reader()

    def asked(query: str, more: str) -> ListQuery:
        return parse_listing(parse_qsl(f"{query}&{more}"), declared=DECLARED)

    work: dict[str, Callable[[], object]] = {
        name: partial(list_page, reader, asked(query, "count=none"))
        for name, (query, _) in ASKED.items()
    }
    work |= {
        name: partial(facets_of, reader, asked(query, "facets=publisher,language,form"))
        for name, query in FACETS.items()
    }
    work["a book by id"] = catalogue.book_by_id()
    return {name: median(taken) for name, taken in taking_turns(work, rounds).items()}


Results = dict[str, dict[str, dict[str, float]]]  # database and kind, size, work


def _report(results: Results) -> None:
    out = ["# What declared fields cost as the catalogue grows", ""]
    out += [__doc__.split("\n\n")[2].replace("\n", " "), ""]
    out += [f"- {name}: {value}" for name, value in describe().items()]
    for title, sizes in results.items():
        ordered = sorted(sizes, key=int)
        largest = sizes[ordered[-1]]
        out += [
            "",
            f"## {title}",
            "",
            "Milliseconds; `×` is the largest size in unfiltered pages.",
            "",
        ]
        out += ["| work | " + " | ".join(f"{int(n):,}" for n in ordered) + " | × | bound |"]
        out += ["|---|" + "--:|" * (len(ordered) + 2)]
        for name in largest:
            cells = " | ".join(f"{sizes[n][name]:.2f}" for n in ordered)
            times = largest[name] / largest[PAGE]
            bound = ASKED.get(name, ("", None))[1]
            said = "" if bound is None else f"{bound} ×{' missed' * (times > bound)}"
            if name in FACETS:
                said = f"{FACETS_MS} ms{' missed' * (largest[name] > FACETS_MS)}"
            out.append(f"| {name} | {cells} | {times:.1f} | {said} |")
        panels = {
            name: {
                "ours": {int(n): sizes[n][name] for n in ordered},
                "by_id": {int(n): sizes[n][PAGE] for n in ordered},
            }
            for name in (*ASKED, *FACETS)
            if name != PAGE
        }
        names = {"ours": "the page, or the facets", "by_id": PAGE}
        file = f"fields-{title.lower().replace(', ', '-')}.svg"
        (DOCS / file).write_text(lines(f"{title} values", "ms", panels, names), encoding="utf-8")
        out += ["", f"![Cost against size: {title}]({file})"]
    (DOCS / "fields.md").write_text("\n".join(out) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--databases", nargs="+", default=["PostgreSQL", "SQLite"])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--postgres", metavar="URL", help="a server that runs already")
    options = parser.parse_args()
    DOCS.mkdir(parents=True, exist_ok=True)
    results: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with databases.server(options.postgres) as running:
        for database in options.databases:
            for kind in options.kinds:
                for books in options.sizes:
                    on = on_sqlite(books) if database == "SQLite" else on_postgresql(running, books)
                    with on as catalogue:
                        _fill(catalogue, kind)
                        found = measure(catalogue, options.rounds)
                    sizes = results.setdefault(f"{database}, {kind}", {})
                    sizes[str(books)] = {name: round(taken, 3) for name, taken in found.items()}
                    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
                    _report(results)
                    say(f"{database}, {kind}, {books:,} books: " + json.dumps(sizes[str(books)]))


if __name__ == "__main__":
    main()
