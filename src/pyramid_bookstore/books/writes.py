"""The statements that write, each made once per shape and kept.

Making a statement costs more than running it, so what changes from call to call is a parameter.
Columns go in under their own names in an INSERT and as ``new_…`` in an UPDATE.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Table,
    bindparam,
    delete,
    update,
)

from pyramid_bookstore.books.statements import COLUMNS
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.models import Book

_BOOKS = cast(Table, Book.__table__)
_RESULT = tuple(_BOOKS.c[column.key] for column in COLUMNS)

_NAMES = [column.name for column in _BOOKS.c]

#: Columns that an upsert leaves as they are.
_KEPT = ("id", "isbn", "created_at")


class Guard(NamedTuple):
    """What a statement asks of the book beside its id: the parameters that come with it."""

    #: ``versions``: moments of which ``updated_at`` must be one.
    versions: bool = False
    #: ``before``: a moment that ``updated_at`` must be earlier than.
    before: bool = False
    #: ``unless``: moments of which ``updated_at`` must be none.
    unless: bool = False
    #: The stock must be 0, or the price above 0.
    unstocked: bool = False
    priced: bool = False


@lru_cache(maxsize=8)
def insert_statement(dialect: Dialect) -> Query:
    """Adds a row unless its ISBN is taken; returns the id where it was added."""
    insert = dialect.insert(_BOOKS).on_conflict_do_nothing(index_elements=[_BOOKS.c.isbn])
    return Query(insert.returning(_BOOKS.c.id), names=_NAMES)


@lru_cache(maxsize=8)
def upsert_statement(dialect: Dialect) -> Query:
    """Adds a row, or writes over the one with its ISBN; returns the book."""
    insert = dialect.insert(_BOOKS)
    written = {
        column.name: insert.excluded[column.name]
        for column in _BOOKS.c
        if column.name not in _KEPT and column.computed is None
    }
    written["updated_at"] = dialect.moved_on(_BOOKS.c.updated_at, insert.excluded.updated_at)
    upsert = insert.on_conflict_do_update(index_elements=[_BOOKS.c.isbn], set_=written)
    return Query(upsert.returning(*_RESULT), names=_NAMES)


@lru_cache(maxsize=1024)
def update_statement(dialect: Dialect, columns: frozenset[str], guard: Guard) -> Query:
    """Writes the ``new_…`` columns of the book ``book_id`` at ``now``; returns the book."""
    written: dict[str, Any] = {
        name: bindparam(f"new_{name}", type_=_BOOKS.c[name].type) for name in sorted(columns)
    }
    written["updated_at"] = _moved_on(dialect)
    return Query(update(_BOOKS).where(*_guarded(guard)).values(written).returning(*_RESULT))


@lru_cache(maxsize=64)
def stock_statement(dialect: Dialect, guard: Guard) -> Query:
    """Adds ``delta`` to a stock of ``low`` to ``high``; returns the book."""
    # Not "stock + delta >= 0": the sum might leave the range of the column.
    stock = _BOOKS.c.stock
    in_range = stock.between(
        bindparam("low", type_=stock.type), bindparam("high", type_=stock.type)
    )
    written = {
        "stock": stock + bindparam("delta", type_=stock.type),
        "updated_at": _moved_on(dialect),
    }
    statement = update(_BOOKS).where(*_guarded(guard), in_range).values(written)
    return Query(statement.returning(*_RESULT))


@lru_cache(maxsize=16)
def delete_statement(guard: Guard) -> Query:
    """Takes the book ``book_id`` out and returns it as it was."""
    return Query(delete(_BOOKS).where(*_guarded(guard)).returning(*_RESULT))


def _moved_on(dialect: Dialect) -> ColumnElement[Any]:
    return dialect.moved_on(_BOOKS.c.updated_at, bindparam("now", type_=UTCDateTime()))


def _guarded(guard: Guard) -> list[ColumnElement[bool]]:
    clauses = [_BOOKS.c.id == bindparam("book_id")]
    changed = _BOOKS.c.updated_at
    if guard.versions:
        clauses.append(changed.in_(bindparam("versions", expanding=True, type_=changed.type)))
    if guard.before:
        clauses.append(changed < bindparam("before", type_=changed.type))
    if guard.unless:
        clauses.append(changed.not_in(bindparam("unless", expanding=True, type_=changed.type)))
    if guard.unstocked:
        clauses.append(_BOOKS.c.stock == 0)
    if guard.priced:
        clauses.append(_BOOKS.c.price > 0)
    return clauses
