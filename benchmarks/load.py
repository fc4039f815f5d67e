"""Bulk loading of the generated catalogue: COPY into PostgreSQL, executemany into SQLite.

The peers share one table with the schema of the usual tutorial: a primary key, a unique ISBN, and
nothing else. Ours is made by the package's own migrations; `our_columns` alone knows its columns.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import psycopg
from generate import Books, generate
from psycopg import sql

PEERS_TABLE = "books"
OUR_TABLE = "bookstore_books"

PEERS_SCHEMA = """
CREATE TABLE books (
    id uuid PRIMARY KEY,
    title varchar(255) NOT NULL,
    author varchar(255) NOT NULL,
    isbn varchar(13) NOT NULL UNIQUE,
    price numeric(10, 2) NOT NULL,
    stock integer NOT NULL DEFAULT 0,
    description text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""

Columns = Mapping[str, Sequence[object]]


def _timestamps(microseconds: Sequence[int]) -> list[str]:
    stamps = np.array(microseconds, dtype="datetime64[us]")
    return [f"{stamp}Z" for stamp in np.datetime_as_string(stamps).tolist()]


def peers_columns(books: Books) -> Columns:
    return {
        "id": books.id,
        "title": books.title,
        "author": books.author,
        "isbn": books.isbn,
        "price": books.prices(),
        "stock": books.stock,
        "description": books.description,
        "created_at": _timestamps(books.created_at),
        "updated_at": _timestamps(books.updated_at),
    }


def our_columns(books: Books, dialect: str) -> Columns:
    """The columns of `bookstore_books` as `dialect` ("postgresql" or "sqlite") stores them."""
    from pyramid_bookstore.search.words import stored

    stored_author = lru_cache(maxsize=None)(stored)  # authors are shared
    columns = dict(peers_columns(books))
    columns |= {
        "extra": ["{}"] * len(books),
        "title_words": [stored(title) for title in books.title],
        "author_words": [stored_author(author) for author in books.author],
    }
    if dialect == "sqlite":
        columns |= {
            "id": [value.replace("-", "") for value in books.id],
            "price": books.cents,
            "created_at": books.created_at,
            "updated_at": books.updated_at,
        }
    return columns


def copy_postgresql(
    url: str, table: str, chunks: Iterator[Books], columns_of: Callable[[Books], Columns]
) -> None:
    """COPY every chunk into `table` in one transaction; then VACUUM ANALYZE."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = sql.Identifier(table)
        with connection.transaction(), connection.cursor() as cursor:
            for books in chunks:
                columns = columns_of(books)
                text = io.StringIO()
                csv.writer(text).writerows(zip(*columns.values(), strict=True))
                statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
                    name, sql.SQL(", ").join(map(sql.Identifier, columns))
                )
                with cursor.copy(statement) as copy:
                    copy.write(text.getvalue())
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(name))


def load_peers(url: str, count: int, seed: int = 1) -> None:
    """Make the peers' table and fill it."""
    with psycopg.connect(url) as connection:
        connection.execute(PEERS_SCHEMA)
    copy_postgresql(url, PEERS_TABLE, generate(count, seed), peers_columns)


def load_ours(url: str, count: int, seed: int = 1, kind: str = "natural") -> None:
    """Fill our migrated table on PostgreSQL; triggers and indexes do their work meanwhile."""
    chunks = generate(count, seed, kind=kind)
    copy_postgresql(url, OUR_TABLE, chunks, lambda books: our_columns(books, "postgresql"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")  # the tables that triggers filled


def load_ours_sqlite(path: Path, count: int, seed: int = 1, kind: str = "natural") -> None:
    """Fill our migrated table on SQLite."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for books in generate(count, seed, kind=kind):
            columns = our_columns(books, "sqlite")
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            connection.executemany(
                f"INSERT INTO {OUR_TABLE} ({names}) VALUES ({marks})",
                zip(*columns.values(), strict=True),
            )
        connection.execute("COMMIT")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
