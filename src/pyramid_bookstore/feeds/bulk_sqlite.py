"""Bulk writes on SQLite: indexes built afterwards where that is less work."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select

from pyramid_bookstore.catalogue.models import BOOKS, Total
from pyramid_bookstore.feeds.bulk import Bulk, Staged
from pyramid_bookstore.feeds.staging import MONEY, STAGED

#: Memory for pages and for sorting, in KiB; with the default of 2 MiB every index of a large
#: catalogue is read from the disk again for every book.
CACHE = 16 * 1024

#: Fewer rows than this are not worth the indexes' being built anew.
WORTH_IT = 2_000

_INSERT = f"INSERT INTO {STAGED.name} VALUES ({', '.join('?' * len(STAGED.columns))})"


class SQLiteBulk(Bulk):
    """In one transaction that holds the write lock."""

    def stage(self, rows: Sequence[Staged]) -> None:
        values = [[line, key, *row] for line, key, row in rows]
        for place in MONEY:
            for row in values:
                if row[place] is not None:
                    row[place] = int(row[place].replace(".", ""))  # cents
        self._driver().executemany(_INSERT, values)

    def exclude_others(self) -> None:
        """There is one writer at a time anyway."""

    def analyze(self) -> None:
        """Not needed: the statements leave the planner no choice that matters."""

    @contextmanager
    def larger_cache(self) -> Iterator[None]:
        connection = self._driver()
        (cache,) = connection.execute("PRAGMA main.cache_size").fetchone()
        connection.execute(f"PRAGMA main.cache_size = -{CACHE}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA main.cache_size = {cache}")

    @contextmanager
    def deferred_indexes(self, rows: int) -> Iterator[None]:
        connection = self._driver()
        indexes = self._indexes() if self._mostly_new(rows) else []
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        yield
        # Sorted all at once: many times cheaper than each book into its place.
        for _, definition in indexes:
            connection.execute(definition)

    def _mostly_new(self, rows: int) -> bool:
        """Whether the rows are many, and more than the books that are there."""
        if rows < WORTH_IT:
            return False
        there = self.connection.execute(select(func.sum(Total.books))).scalar_one() or 0
        return bool(there < rows)

    def _indexes(self) -> list[tuple[str, str]]:
        """Name and definition of the indexes that carry no constraint; the host's too."""
        found: list[tuple[str, str]] = (
            self._driver()
            .execute(
                "SELECT name, sql FROM main.sqlite_master"
                " WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
                " AND sql NOT LIKE 'CREATE UNIQUE%' ORDER BY name",
                (BOOKS.name,),
            )
            .fetchall()
        )
        return found

    def _driver(self) -> Any:
        """The driver's own connection: its ``executemany`` costs a fraction of SQLAlchemy's."""
        return self.connection.connection.dbapi_connection
