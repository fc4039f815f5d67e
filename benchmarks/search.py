"""What a search costs beside a book by its id, in four kinds of catalogues, on both databases.

    python benchmarks/search.py                        # 1,000 to 1,000,000 books: some hours
    python benchmarks/search.py --quick                # 1,000 and 5,000: does everything work?
    python benchmarks/search.py --http                 # whole requests as well
    python benchmarks/search.py --databases SQLite --kinds runs --sizes 100000 --reads-only

In one process and without HTTP: statements, driver and the making of the books. All terms take
turns, in rounds; told is the median of each, and of a book by its id among them. With ``--http``
each is also asked of a server, over one connection, in turn with a book by its id. Beside the
searches: the size of what they need, `bookstore import`, and direct SQL into the full catalogue.

Written to docs/benchmarks after each catalogue: search.md, search-*.svg and search.json, which also
keeps what other runs measured; so a run that broke off is continued with what is left of it.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import databases
import imports
import machine
import psycopg
import search_report
import stacks
import writes
from catalogues import Catalogue, on_postgresql, on_sqlite, taking_turns
from console import say
from loadgen import Client
from terms import Term, terms
from titles import KINDS
from usage import Meter

from pyramid_bookstore.catalogue.query import ListQuery
from pyramid_bookstore.catalogue.relevance import list_page
from pyramid_bookstore.db.query import LeanReader

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK = (1_000, 5_000)
DATABASES = ("PostgreSQL", "SQLite")
BY_RELEVANCE = (("relevance", False),)
BOOK = ("book by id", "")

Asked = tuple[str, str]  # name of the term, and what is asked of it

#: Indexes and tables of the search; the columns with words are in the books' table.
_POSTGRESQL_SIZES = """
    SELECT pg_table_size('bookstore_books'),
        (SELECT sum(pg_column_size(title_words) + pg_column_size(author_words))
         FROM bookstore_books),
        (SELECT sum(pg_relation_size(oid)) FROM pg_class
         WHERE relname ~ '^bookstore.*(search|sample|suggest)' AND relkind IN ('i', 'r'))
"""
_SQLITE_SIZES = """
    SELECT (SELECT sum(pgsize) FROM dbstat WHERE name = 'bookstore_books'),
        (SELECT sum(length(CAST(title_words || author_words AS BLOB))) FROM bookstore_books),
        (SELECT sum(pgsize) FROM dbstat
         WHERE name GLOB 'bookstore*search*' OR name GLOB 'bookstore*suggest*')
"""


def _asked(books: int, kind: str) -> dict[Asked, Term]:
    return {(term.name, what): term for term in terms(books, kind) for what in term.asked}


def measure(catalogue: Catalogue, books: int, kind: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of each search, and of a book by its id."""
    reader = catalogue.reader()
    work: dict[Asked, Callable[[], object]] = {BOOK: catalogue.book_by_id()}
    found: dict[str, dict[str, Any]] = {}
    for (name, what), term in _asked(books, kind).items():
        run = _work(reader, term, what)
        if run is None:
            continue
        work[name, what] = run
        row = found.setdefault(
            name,
            {
                "filters": {key: str(value) for key, value in term.filters.items()},
                "matches": term.matches,
                "dear": term.dear,
                "ms": {},
            },
        )
        if what == "exact":
            row["found"] = list_page(reader, _query(term, what)).total
            if row["found"] != term.matches:
                say(f"  {name}: {term.matches} books match, the search finds {row['found']}")
    taken = search_report.medians(taking_turns(work, rounds))
    by_id = taken.pop(BOOK)
    for (name, what), ms in taken.items():
        found[name]["ms"][what] = ms
    return {"by_id": by_id, "terms": found}


def _work(reader: LeanReader, term: Term, what: str) -> Callable[[], object] | None:
    if what == "suggest":
        try:
            from pyramid_bookstore.catalogue.suggestions import suggest
        except ImportError:
            return None
        return lambda: suggest(reader, term.filters["q"], 10)
    query = _query(term, what)
    return lambda: list_page(reader, query)


def _query(term: Term, what: str) -> ListQuery:
    if what == "relevance":
        return ListQuery(filters=term.filters, sort=BY_RELEVANCE, count="none")
    return ListQuery(filters=term.filters, sort=term.sort, count=what)  # type: ignore[arg-type]  # one of three


def _path(term: Term, what: str) -> str:
    values = {key: str(value) for key, value in term.filters.items()}
    if what == "suggest":
        return f"/api/v1/books/suggest?{urlencode(values)}"
    if what == "relevance":
        values |= {"sort": what, "count": "none"}
    else:
        keys = ("-" * descending + field for field, descending in term.sort)
        values |= {"sort": ",".join(keys), "count": what}
    return f"/api/v1/books?{urlencode(values)}"


def add_http(catalogue: Catalogue, books: int, kind: str, rounds: int, found: Any) -> None:
    """Milliseconds of each request, and of the book by its id in turn with it.

    Behind granian, or waitress where that is not installed.
    """
    database = stacks.OurDatabase(catalogue.url, catalogue.folder, "ours_search")
    if (Path(sys.executable).parent / "granian").exists():
        stack = stacks.ours(database)
    else:
        stack = stacks.our_variants(database)[-1]
    book = f"/api/v1/books/{catalogue.newest()}"
    with (
        stacks.Server(stack, catalogue.folder / "log", "/api/v1/ready") as server,
        Client(server.port) as client,
    ):
        for (name, what), term in _asked(books, kind).items():
            path = _path(term, what)
            if name not in found["terms"]:
                continue
            status = client.get(path)
            if status != 200:
                say(f"  {name}, {what}: HTTP {status}")
                continue
            both = {"book": partial(client.get, book), "term": partial(client.get, path)}
            taken = search_report.medians(taking_turns(both, rounds))
            found["terms"][name].setdefault("http", {})[what] = [taken["term"], taken["book"]]


def sizes(catalogue: Catalogue, database: str) -> dict[str, int]:
    """Bytes of the books' table, of its columns for the search, and of the search's own."""
    if database == "PostgreSQL":
        with psycopg.connect(catalogue.url) as connection:
            (row,) = connection.execute(_POSTGRESQL_SIZES).fetchall()
    else:
        with closing(sqlite3.connect(catalogue.path)) as connection:
            (row,) = connection.execute(_SQLITE_SIZES).fetchall()
    return dict(zip(("table", "columns", "indexes"), map(int, row), strict=True))


class Run:
    """The catalogues of a run, one after the other."""

    def __init__(self, options: argparse.Namespace, running: Any, folder: Path) -> None:
        self.options = options
        self.running = running
        self.folder = folder
        self.meter = Meter(running)

    def one(self, database: str, kind: str, books: int) -> dict[str, Any]:
        """All that is measured of one catalogue."""
        say(f"{database}, {kind}, {books:,} books")
        options = self.options
        found: dict[str, Any] = {"date": datetime.now(UTC).strftime("%Y-%m-%d")}
        with self._filled(database, kind, books) as catalogue:
            load: dict[str, Any] = {}
            with self.meter.watch(load):
                found |= measure(catalogue, books, kind, options.rounds)
            found |= load | {"sizes": sizes(catalogue, database)}
            if options.http:
                add_http(catalogue, books, kind, options.rounds, found)
            if not options.reads_only:
                catalogue.engine.dispose()
                found["bulk"] = self._bulk(database, kind, catalogue)
        if not options.reads_only:
            (found["import"],) = imports.measure(
                self.running, self.meter, self.folder, [books], kind=kind, dialects=[database]
            )
        return found

    def _filled(self, database: str, kind: str, books: int) -> AbstractContextManager[Catalogue]:
        if database == "PostgreSQL":
            return on_postgresql(self.running, books, kind)
        return on_sqlite(books, kind)

    def _bulk(self, database: str, kind: str, catalogue: Catalogue) -> dict[str, Any]:
        if database == "PostgreSQL":
            found = writes.on_postgresql(catalogue.url, self.meter, kind, only=("bulk",))
        else:
            found = writes.on_sqlite(catalogue.path, self.meter, kind, only=("bulk",))
        return found["bulk"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--sizes", type=int, nargs="+")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--http", action="store_true", help="ask a server as well")
    parser.add_argument("--reads-only", action="store_true", help="no import, no direct SQL")
    parser.add_argument("--quick", action="store_true", help="1,000 and 5,000 books, 5 rounds")
    parser.add_argument("--url", help="PostgreSQL to use; by default one is started")
    parser.add_argument("--output", type=Path, default=search_report.DOCS, help="of the report")
    options = parser.parse_args()
    options.sizes = options.sizes or (QUICK if options.quick else SIZES)
    options.rounds = options.rounds or (5 if options.quick else 21)
    with ExitStack() as stack:
        running = None
        if "PostgreSQL" in options.databases:
            running = stack.enter_context(databases.server(options.url))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        run = Run(options, running, folder)
        for books in options.sizes:
            for kind in options.kinds:
                for database in options.databases:
                    found = run.one(database, kind, books)
                    search_report.keep(
                        options.output, (database, kind, books), found, machine.describe()
                    )


if __name__ == "__main__":
    main()
