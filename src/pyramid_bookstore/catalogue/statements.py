"""The statements about one book, each made once per shape and kept; lists are in `listing`.

Making a statement costs more than running it, so what changes from call to call is a parameter.
Columns go in under their own names in an INSERT and as ``new_…`` in an UPDATE.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, select, update

from pyramid_bookstore.catalogue.fields import FIELDS, BookData
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.db.types import UTCDateTime, from_microseconds
from pyramid_bookstore.values.condition import Condition

#: A book's columns, in the order of `BookData`.
COLUMNS = tuple(BOOKS.c[name] for name in FIELDS)

BY_ID = Query(select(*COLUMNS).where(BOOKS.c.id == bindparam("id")))
BY_ISBN = Query(select(*COLUMNS).where(BOOKS.c.isbn == bindparam("isbn")))

_NAMES = [column.name for column in BOOKS.c]

#: Columns that an upsert leaves as they are.
_KEPT = ("id", "isbn", "created_at")


def book_from_row(row: Sequence[Any]) -> BookData:
    """A book from a row that begins with `COLUMNS`."""
    return BookData(*row[: len(COLUMNS)])


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


def guard_of(condition: Condition) -> tuple[Guard, dict[str, Any]]:
    """The condition as part of a statement, with its parameters."""
    versions = condition.versions
    named = versions if versions is not None and versions != "any" else None
    parameters: dict[str, Any] = {}
    if named is not None:
        parameters["versions"] = [from_microseconds(version) for version in named]
    if condition.before is not None:
        parameters["before"] = condition.before
    if condition.unless:
        parameters["unless"] = [from_microseconds(version) for version in condition.unless]
    return Guard(
        named is not None, condition.before is not None, bool(condition.unless)
    ), parameters


@lru_cache(maxsize=8)
def insert_statement(dialect: Dialect) -> Query:
    """Adds a row unless its ISBN is taken; returns the id where it was added."""
    insert = dialect.insert(BOOKS).on_conflict_do_nothing(index_elements=[BOOKS.c.isbn])
    return Query(insert.returning(BOOKS.c.id), names=_NAMES)


@lru_cache(maxsize=8)
def upsert_statement(dialect: Dialect) -> Query:
    """Adds a row, or writes over the one with its ISBN; returns the book."""
    insert = dialect.insert(BOOKS)
    written = {
        column.name: insert.excluded[column.name]
        for column in BOOKS.c
        if column.name not in _KEPT and column.computed is None
    }
    written["updated_at"] = dialect.moved_on(BOOKS.c.updated_at, insert.excluded.updated_at)
    upsert = insert.on_conflict_do_update(index_elements=[BOOKS.c.isbn], set_=written)
    return Query(upsert.returning(*COLUMNS), names=_NAMES)


@lru_cache(maxsize=1024)
def update_statement(dialect: Dialect, columns: frozenset[str], guard: Guard) -> Query:
    """Writes the ``new_…`` columns of the book ``book_id`` at ``now``; returns the book."""
    written: dict[str, Any] = {
        name: bindparam(f"new_{name}", type_=BOOKS.c[name].type) for name in sorted(columns)
    }
    written["updated_at"] = moved_on(dialect)
    return Query(update(BOOKS).where(*guarded(guard)).values(written).returning(*COLUMNS))


@lru_cache(maxsize=16)
def delete_statement(guard: Guard) -> Query:
    """Takes the book ``book_id`` out and returns it as it was."""
    return Query(delete(BOOKS).where(*guarded(guard)).returning(*COLUMNS))


def moved_on(dialect: Dialect) -> ColumnElement[Any]:
    return dialect.moved_on(BOOKS.c.updated_at, bindparam("now", type_=UTCDateTime()))


def guarded(guard: Guard) -> list[ColumnElement[bool]]:
    clauses = [BOOKS.c.id == bindparam("book_id")]
    changed = BOOKS.c.updated_at
    if guard.versions:
        clauses.append(changed.in_(bindparam("versions", expanding=True, type_=changed.type)))
    if guard.before:
        clauses.append(changed < bindparam("before", type_=changed.type))
    if guard.unless:
        clauses.append(changed.not_in(bindparam("unless", expanding=True, type_=changed.type)))
    if guard.unstocked:
        clauses.append(BOOKS.c.stock == 0)
    if guard.priced:
        clauses.append(BOOKS.c.price > 0)
    return clauses
