"""The sample catalogue: real books, with invented prices and stock."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from importlib import resources
from typing import Any

from sqlalchemy import Engine, select
from uuid6 import uuid7

from pyramid_bookstore.catalogue.models import BOOKS, columns_of
from pyramid_bookstore.catalogue.movements import Move, MovementLog, Reason
from pyramid_bookstore.catalogue.schema import validate_book
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.migrations import migration_lock, retry_while_locked
from pyramid_bookstore.db.revision import require_current
from pyramid_bookstore.feeds.cells import values_of
from pyramid_bookstore.values.moments import now

#: Between two books of the catalogue, so that the list, newest first, has the catalogue's order.
APART = timedelta(minutes=1)


def load_sample(engine: Engine, *, stock_log: bool = False) -> int:
    """Add the sample catalogue if there are no books; returns the number of books added.

    With ``stock_log`` their stock is written down as movements.

    It is one transaction, and several processes may call it at once. Raises `Unavailable` if the
    database's schema is not at the code's revision.
    """
    return retry_while_locked(lambda: _load(engine, stock_log=stock_log))


def _load(engine: Engine, *, stock_log: bool) -> int:
    with migration_lock(engine) as connection:
        require_current(connection)
        if connection.execute(select(BOOKS.c.id).limit(1)).first() is not None:
            return 0
        statement = dialect_named(engine.dialect.name).insert(BOOKS).values(_rows())
        # A client may create one of these books at this moment; it does not take this lock.
        returning = statement.on_conflict_do_nothing().returning(BOOKS.c.id, BOOKS.c.stock)
        added = connection.execute(returning).all()
        if stock_log:
            moves = [Move(row.id, row.stock, row.stock) for row in added]
            MovementLog().write(connection, moves, Reason("sample"))
        return len(added)


def _rows() -> list[dict[str, Any]]:
    # Oldest first, so that the ids, which grow with time, agree with created_at.
    books = list(_catalogue())[::-1]
    moment = now() - APART * len(books)
    rows = []
    for book in books:
        moment += APART
        columns = columns_of(validate_book(book))
        rows.append({"id": uuid7(), **columns, "created_at": moment, "updated_at": moment})
    return rows


def _catalogue() -> Iterator[dict[str, Any]]:
    """The books of the file, as JSON values."""
    path = resources.files("pyramid_bookstore") / "data" / "sample_catalogue.csv"
    for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")), strict=True):
        yield values_of(row, [])
