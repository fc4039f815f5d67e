"""What our table's indexes and kept totals cost: the same rows into ours and into a plain table.

The plain table is the tutorial's: no words for the search, no `extra`, a primary key and the unique
ISBN.
"""

from __future__ import annotations

import csv
import io
import itertools
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import psycopg
from console import say
from generate import generate
from load import OUR_TABLE, Columns, our_columns
from psycopg import sql
from usage import Meter

PLAIN_TABLE = "plain_books"
PLAIN_COLUMNS = (
    "id",
    "title",
    "author",
    "isbn",
    "price",
    "stock",
    "description",
    "created_at",
    "updated_at",
)
SINGLE, BULK, WRITERS = 500, 20_000, 8
ROUNDS = 5

Rows = list[tuple[object, ...]]
Work = Callable[[str, list[str], Rows], None]
# one sequence for the process, beyond what is loaded, imported or created through HTTP
_ISBN_BATCHES = itertools.count(900_000_000, BULK)


def _fresh(count: int, dialect: str, table: str, titles: str) -> tuple[list[str], Rows]:
    """Column names and `count` rows for `table` that it does not hold yet."""
    names: list[str] = []
    rows: Rows = []
    for books in generate(count, first_isbn=next(_ISBN_BATCHES), kind=titles):
        columns: Columns = our_columns(books, dialect)
        names = list(PLAIN_COLUMNS if table == PLAIN_TABLE else columns)
        rows += zip(*(columns[name] for name in names), strict=True)
    return names, rows


def _medians(
    kinds: dict[str, tuple[int, Work]],
    dialect: str,
    meter: Meter,
    titles: str,
    only: Collection[str],
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for kind, (count, work) in kinds.items():
        if only and kind not in only:
            continue
        times: dict[str, list[float]] = {OUR_TABLE: [], PLAIN_TABLE: []}
        loads: list[float] = []
        for _ in range(ROUNDS):
            for table, taken in times.items():
                names, rows = _fresh(count, dialect, table, titles)
                load: dict[str, Any] = {}
                with meter.watch(load):
                    begun = time.perf_counter()
                    work(table, names, rows)
                    taken.append(time.perf_counter() - begun)
                if load["foreign_cpus"] is not None:
                    loads.append(load["foreign_cpus"])
        found[kind] = {
            "foreign_cpus": statistics.median(loads) if loads else None,
            "ours_rate": count / statistics.median(times[OUR_TABLE]),
            "plain_rate": count / statistics.median(times[PLAIN_TABLE]),
        }
        say(f"writes, {dialect}, {kind}: {found[kind]}")
    return found


def on_postgresql(
    url: str, meter: Meter, titles: str = "natural", only: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Single commits, single commits from eight writers at once, and COPY; or some of them."""

    def insert(table: str, names: Sequence[str], rows: Rows) -> None:
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(sql.Placeholder() * len(names)),
        )
        with psycopg.connect(url, autocommit=True) as connection:
            for row in rows:
                connection.execute(statement, row)

    def insert_at_once(table: str, names: Sequence[str], rows: Rows) -> None:
        threads = [
            threading.Thread(target=insert, args=(table, names, rows[start::WRITERS]))
            for start in range(WRITERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def copy(table: str, names: Sequence[str], rows: Rows) -> None:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
        )
        with (
            psycopg.connect(url) as connection,
            connection.cursor() as cursor,
            cursor.copy(statement) as stream,
        ):
            stream.write(text.getvalue())

    with psycopg.connect(url) as connection:
        for statement in (
            "CREATE TABLE {plain} AS SELECT {columns} FROM {ours}",
            "ALTER TABLE {plain} ADD PRIMARY KEY (id), ADD UNIQUE (isbn)",
        ):
            connection.execute(
                sql.SQL(statement).format(
                    plain=sql.Identifier(PLAIN_TABLE),
                    ours=sql.Identifier(OUR_TABLE),
                    columns=sql.SQL(", ").join(map(sql.Identifier, PLAIN_COLUMNS)),
                )
            )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    kinds: dict[str, tuple[int, Work]] = {
        "single inserts": (SINGLE, insert),
        f"single inserts, {WRITERS} writers": (SINGLE, insert_at_once),
        "bulk": (BULK, copy),
    }
    return _medians(kinds, "postgresql", meter, titles, only)


def on_sqlite(
    path: Path, meter: Meter, titles: str = "natural", only: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """Single commits and one transaction of many rows, as durable as SQLite is by default."""

    def statement(table: str, names: Sequence[str]) -> str:
        return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"

    def insert(table: str, names: Sequence[str], rows: Rows) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for row in rows:
            connection.execute(statement(table, names), row)
        connection.close()

    def insert_together(table: str, names: Sequence[str], rows: Rows) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement(table, names), rows)
        connection.execute("COMMIT")
        connection.close()

    connection = sqlite3.connect(path)
    columns = ", ".join(PLAIN_COLUMNS)
    connection.execute(f"CREATE TABLE {PLAIN_TABLE} ({columns}, PRIMARY KEY (id), UNIQUE (isbn))")
    connection.execute(f"INSERT INTO {PLAIN_TABLE} SELECT {columns} FROM {OUR_TABLE}")
    connection.commit()
    connection.close()
    kinds: dict[str, tuple[int, Work]] = {
        "single inserts": (SINGLE, insert),
        "bulk": (BULK, insert_together),
    }
    return _medians(kinds, "sqlite", meter, titles, only)
