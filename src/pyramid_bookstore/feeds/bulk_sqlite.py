"""Bulk writes on SQLite: deferred indexes if most books are new."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select

from pyramid_bookstore.catalogue.models import BOOKS, Total
from pyramid_bookstore.feeds.bulk import Bulk, Staged
from pyramid_bookstore.feeds.staging import MONEY, STAGED, TOKENS
from pyramid_bookstore.values import jsontext

#: Page cache in KiB. With the default of 2 MiB, each book of a large catalogue reads every index
#: from the disk again.
CACHE = 16 * 1024

#: With fewer rows than this, rebuilding the indexes takes longer than it saves.
MIN_ROWS = 2_000

_INSERT = f"INSERT INTO {STAGED.name} VALUES ({', '.join('?' * len(STAGED.columns))})"


class SQLiteBulk(Bulk):
    """In a transaction that holds SQLite's write lock."""

    def stage(self, rows: Sequence[Staged]) -> None:
        values = [[line, key, *row] for line, key, row in rows]
        for place in MONEY:
            for row in values:
                if row[place] is not None:
                    row[place] = int(row[place].replace(".", ""))  # cents
        for row in values:
            if row[TOKENS] is not None:
                row[TOKENS] = jsontext.dumps(row[TOKENS]).decode()
        self._driver().executemany(_INSERT, values)

    def wait_for_other_imports(self) -> None:
        """Nothing to do: the transaction holds the database's only write lock."""

    def analyze(self) -> None:
        """Nothing to do: all plans for these statements cost the same."""

    @contextmanager
    def larger_cache(self) -> Iterator[None]:
        connection = self._driver()
        (cache,) = connection.execute("PRAGMA main.cache_size").fetchone()
        connection.execute(f"PRAGMA main.cache_size = -{CACHE}")
        try:
            yield
        finally:
            # A file that is only read refuses the import, and its connection is closed.
            if not self.connection.invalidated:
                connection.execute(f"PRAGMA main.cache_size = {cache}")

    @contextmanager
    def deferred_indexes(self, rows: int) -> Iterator[None]:
        connection = self._driver()
        indexes = self._indexes() if self._mostly_new(rows) else []
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        yield
        # Sorting once is many times cheaper than inserting each book at its place.
        for _, definition in indexes:
            connection.execute(definition)

    def _mostly_new(self, rows: int) -> bool:
        """Whether there are at least `MIN_ROWS` rows, and more than stored books."""
        if rows < MIN_ROWS:
            return False
        stored = self.connection.execute(select(func.sum(Total.books))).scalar_one() or 0
        return bool(stored < rows)

    def _indexes(self) -> list[tuple[str, str]]:
        """Name and definition of all indexes but the unique ones, the host's included."""
        query = (
            "SELECT name, sql FROM main.sqlite_master"
            " WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL"
            " AND sql NOT LIKE 'CREATE UNIQUE%' ORDER BY name"
        )
        return list(self._driver().execute(query, (BOOKS.name,)))

    def _driver(self) -> Any:
        """The driver's connection: its ``executemany`` is many times faster than SQLAlchemy's."""
        return self.connection.connection.dbapi_connection
