"""Does a page cost the same at any size? Every kind of list, on both databases, at each size.

    python benchmarks/growth.py                      # 1,000 to 1,000,000 books
    python benchmarks/growth.py --sizes 1000 100000 --sqlite-only

In one process and without HTTP: what is measured is the statement, the driver and the making of the
books, so that nothing hides what the database does. All kinds take turns, in rounds; told is the
fastest of each, which is the work itself: whatever else a machine does only ever adds to it.
Written to docs/benchmarks: growth.md (tables), growth-*.svg (plots), growth.json (figures).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

import databases
from catalogues import Catalogue, on_postgresql, on_sqlite, taking_turns
from generate import generate
from machine import describe
from plot import lines
from titles import rare_words

from pyramid_bookstore.catalogue.listing import list_books
from pyramid_bookstore.catalogue.query import NEWEST_FIRST, NO_FILTERS, Filters, ListQuery
from pyramid_bookstore.db.query import LeanReader
from pyramid_bookstore.search.folding import fold

DOCS = Path(__file__).parent.parent / "docs" / "benchmarks"
RESULTS = DOCS / "growth.json"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 41
BY_PRICE = (("price", False),)
MIXED = (("price", False), ("title", True))

Count = Literal["exact", "estimated", "none"]


class Kind(NamedTuple):
    """One kind of list; ``deep`` starts half-way down by cursor."""

    panel: str
    name: str
    filters: Filters = NO_FILTERS
    sort: tuple[tuple[str, bool], ...] = NEWEST_FIRST
    total: Count = "none"
    deep: bool = False
    page: int = 1


def kinds(books: int) -> list[Kind]:
    """What is asked of a catalogue of so many books."""
    rare = _rare_word(books)
    letter, pair = _rare_letter(), _rare_pair()
    found = [
        Kind("Unfiltered", "page 1, exact total", total="exact"),
        Kind("Unfiltered", "page 1 by price", sort=BY_PRICE),
        Kind("Unfiltered", "page 1 by price, then title descending", sort=MIXED),
        Kind("Unfiltered", "by cursor, half-way down", deep=True),
    ]
    terms = {
        "Search": {
            "rare word": rare,
            "word in a tenth of the titles": "of",
            "word in 1 of 40": "love",
            "word in none": "xyzzyqux",
            "part of every ISBN": "978",
            "ISBN with hyphens, in none": "978-0-00-000000-2",
        },
        "Search, short and odd": {
            "frequent letter": "e",
            "rare letter": letter,
            "letter in none": "\u16a0",
            "rare pair": pair,
            "pair in none": "zq",
            "punctuation in none": "???",
            "letter and punctuation in none": "c++",
            "Cyrillic word": "ночь",
        },
    }
    for panel, named in terms.items():
        found += [Kind(panel, name, {"search": term}) for name, term in named.items()]
    found += [
        Kind("Search", "rare word, exact total", {"search": rare}, total="exact"),
        Kind("Filters", "author, rare", {"author": rare}),
        Kind("Filters", "author, frequent", {"author": "john"}),
        Kind("Filters", "author, one letter", {"author": "q"}),
        Kind("Filters", "wide price range", {"min_price": Decimal(10), "max_price": Decimal(40)}),
        Kind(
            "Filters", "narrow price range", {"min_price": Decimal(300), "max_price": Decimal(310)}
        ),
        Kind("Filters", "in stock, by price", {"in_stock": True}, BY_PRICE),
        Kind("Filters", "rare word and in stock", {"search": rare, "in_stock": True}),
        Kind("Filters", "frequent word, by price", {"search": "love"}, BY_PRICE),
        Kind("Totals", "frequent word, exact", {"search": "love"}, total="exact"),
        Kind("Totals", "frequent word, estimated", {"search": "love"}, total="estimated"),
        Kind("Totals", "in stock, exact", {"in_stock": True}, total="exact"),
        Kind("Totals", "in stock, estimated", {"in_stock": True}, total="estimated"),
    ]
    return found


def _rare_word(books: int) -> str:
    """A word that is in a handful of titles, the first of them."""
    coined = set(rare_words(books))
    titles = next(iter(generate(books))).title
    return fold(next(word for title in titles for word in title.split() if word in coined))


def _rare_letter() -> str:
    """A letter that is in few books of the first thousand, and so in few of any number."""
    return min(_counts(1).items(), key=lambda item: (abs(item[1] - 3), item[0]))[0]


def _rare_pair() -> str:
    return min(_counts(2).items(), key=lambda item: (abs(item[1] - 3), item[0]))[0]


def _counts(length: int) -> Counter[str]:
    found: Counter[str] = Counter()
    for books in generate(1000):
        for title, author in zip(books.title, books.author, strict=True):
            words = fold(f"{title} {author}").split()
            found.update(
                {word[at : at + length] for word in words for at in range(len(word) - length + 1)}
            )
    return found


def measure(catalogue: Catalogue, books: int, rounds: int) -> dict[tuple[str, str], float]:
    """Milliseconds of each kind, and of a book by its id."""
    reader = catalogue.reader()
    work: dict[tuple[str, str], Callable[[], object]] = {("", "book by id"): catalogue.book_by_id()}
    for kind in kinds(books):
        work[kind.panel, kind.name] = _listing(reader, kind, books)
    return {key: min(values) for key, values in taking_turns(work, rounds).items()}


def _listing(reader: LeanReader, kind: Kind, books: int) -> Callable[[], object]:
    query = ListQuery(filters=kind.filters, sort=kind.sort, count=kind.total, page=kind.page)
    if kind.deep:
        half = list_books(reader, replace(query, page=books // 40))
        query = replace(query, page=1, cursor=half.next_cursor)
    return lambda: list_books(reader, query)


Result = dict[int, dict[tuple[str, str], float]]


def _earlier(sizes: list[int]) -> dict[str, Result]:
    """What was measured before at these sizes, of a database that is not measured now."""
    if not RESULTS.exists():
        return {}
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    return {
        database: {
            int(size): {(panel, name): taken for panel, name, taken in rows}
            for size, rows in result.items()
        }
        for database, result in found.items()
        if [int(size) for size in result] == sizes
    }


def _keep(results: Mapping[str, Result]) -> None:
    rows = {
        database: {
            size: [[*key, round(taken, 3)] for key, taken in result.items()]
            for size, result in found.items()
        }
        for database, found in results.items()
    }
    DOCS.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def report(results: Mapping[str, Result], sizes: list[int]) -> None:
    """Write the tables and one plot for each database."""
    DOCS.mkdir(parents=True, exist_ok=True)
    out = ["# What a page costs as the catalogue grows", ""]
    out += [
        "Milliseconds for a page of 20 (the fastest of many rounds in which all kinds take turns),"
        " in one process and without HTTP: statement, driver and the making of the books. `×` is"
        " the cost at the largest size in books by id; the databases may be of different runs."
        " Made by"
        " `python benchmarks/growth.py`; why it is so: [search](../explanation/search.md).",
        "",
    ]
    out += [f"- {name}: {value}" for name, value in describe().items()]
    for database, result in results.items():
        out += ["", f"## {database}", ""]
        out += ["| list | " + " | ".join(f"{size:,}" for size in sizes) + " | × |"]
        out += ["|---|" + "--:|" * (len(sizes) + 1)]
        largest = result[sizes[-1]]
        for panel, name in largest:
            cells = [f"{result[size][panel, name]:.2f}" for size in sizes]
            ratio = largest[panel, name] / largest["", "book by id"]
            label = f"{panel}: {name}" if panel else name
            out.append(f"| {label} | {' | '.join(cells)} | {ratio:.1f} |")
        panels: dict[str, dict[str, dict[int, float]]] = {}
        names: dict[str, str] = {}
        for panel, name in largest:
            if panel:
                title = f"{panel}: {name}"
                panels[title] = {
                    "ours": {size: result[size][panel, name] for size in sizes},
                    "by_id": {size: result[size]["", "book by id"] for size in sizes},
                }
                names = {"ours": "a page of 20", "by_id": "a book by id"}
        svg = lines(f"{database}: cost of a page against size", "ms", panels, names)
        file = f"growth-{database.lower()}.svg"
        (DOCS / file).write_text(svg, encoding="utf-8")
        out += ["", f"![Cost against size on {database}]({file})"]
    (DOCS / "growth.md").write_text("\n".join(out) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--postgres", metavar="URL", help="a server that runs already")
    parser.add_argument("--sqlite-only", action="store_true")
    parser.add_argument("--postgresql-only", action="store_true")
    options = parser.parse_args()
    results: dict[str, Result] = _earlier(options.sizes)
    if not options.sqlite_only:
        with databases.server(options.postgres) as running:
            results["PostgreSQL"] = {}
            for books in options.sizes:
                with on_postgresql(running, books) as catalogue:
                    results["PostgreSQL"][books] = measure(catalogue, books, options.rounds)
                _say(f"PostgreSQL, {books:,} books", results["PostgreSQL"][books])
    if not options.postgresql_only:
        results["SQLite"] = {}
        for books in options.sizes:
            with on_sqlite(books) as catalogue:
                results["SQLite"][books] = measure(catalogue, books, options.rounds)
            _say(f"SQLite, {books:,} books", results["SQLite"][books])
    _keep(results)
    report(results, options.sizes)


def _say(title: str, result: dict[tuple[str, str], float]) -> None:
    sys.stdout.write(f"{title}\n")
    for (panel, name), taken in result.items():
        sys.stdout.write(f"  {panel:22} {name:40} {taken:9.2f} ms\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
