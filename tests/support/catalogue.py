"""Insert many books directly into a database, and get the query plans of reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert, text

from pyramid_bookstore.catalogue.fields import WRITABLE
from pyramid_bookstore.catalogue.models import Book, columns_of
from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.query import LeanReader, Query, Row

BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


def book_row(number: int, **fields: Any) -> dict[str, Any]:
    """The columns of a book; ``number`` makes its id, ISBN and time, ``fields`` are the others."""
    made = BEGINNING + timedelta(minutes=number)
    given = {
        "title": f"Book {number}",
        "author": "Anonymous",
        "isbn": f"{9_780_000_000_000 + number}",
        "price": Decimal(10),
        "stock": 1,
    } | fields
    given = {field.name: field.default for field in WRITABLE if not field.required} | given
    times = {"created_at": given.pop("created_at", made), "updated_at": made}
    return {"id": given.pop("id", UUID(int=number)), **columns_of(given), **times}


def fill(engine: Engine, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert the rows, and let the database update its statistics."""
    with engine.begin() as connection:
        connection.execute(insert(Book), [dict(row) for row in rows])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE bookstore_books"))


class ExplainingReader:
    """A reader that keeps the plans of what it reads, one text for each statement."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reader = LeanReader(engine, dialect_named(engine.dialect.name))
        self.plans: list[str] = []

    @property
    def dialect(self) -> Dialect:
        return self._reader.dialect

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        compiled = query.compiled_for(self._engine)
        sqlite = self._engine.dialect.name == "sqlite"
        command = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute(f"{command} {compiled.text}", compiled.bind(values))
            self.plans.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
        finally:
            connection.close()
        return self._reader.rows(query, values)
