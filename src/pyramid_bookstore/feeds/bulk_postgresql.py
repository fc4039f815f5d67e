"""Bulk writes on PostgreSQL: COPY into the temporary table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import insert, text

from pyramid_bookstore.feeds.bulk import STAGED, Bulk, Staged

#: Key of the advisory lock that imports hold: "bookfeed" as eight bytes.
IMPORT_LOCK = int.from_bytes(b"bookfeed", "big")

_NAMES = [column.name for column in STAGED.columns]


class PostgresBulk(Bulk):
    """On any driver; with psycopg the rows go by COPY, with others by INSERT, which is slower."""

    def stage(self, rows: Sequence[Staged]) -> None:
        if self.connection.dialect.driver != "psycopg":
            values = [dict(zip(_NAMES, (line, key, *row), strict=True)) for line, key, row in rows]
            self.connection.execute(insert(STAGED), values)
            return
        driver: Any = self.connection.connection.dbapi_connection
        command = f"COPY {STAGED.name} ({', '.join(_NAMES)}) FROM STDIN"
        with driver.cursor() as cursor, cursor.copy(command) as copy:
            for line, key, row in rows:
                copy.write_row((line, key, *row))

    def alone(self) -> None:
        # Two imports of the same books in different orders would meet in a deadlock. Bound to the
        # transaction, so it holds behind PgBouncer too.
        self.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": IMPORT_LOCK})

    def analyze(self) -> None:
        self.connection.exec_driver_sql(f"ANALYZE {STAGED.name}")

    @contextmanager
    def quickly(self, rows: int) -> Iterator[None]:
        yield
