"""The statements about one book; those of lists are in `listing`.

Building a statement costs more than executing it, so each is built once and takes parameters: the
columns by name in an INSERT, and as ``new_…`` in an UPDATE.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, bindparam, cast, delete, func, or_, select, update

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS, BookData
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.db.types import UTCDateTime, from_microseconds
from pyramid_bookstore.values.condition import SECOND, Condition

#: A book's columns, in the order of `BookData`.
COLUMNS = tuple(BOOKS.c[name] for name in FIELDS)

BY_ID = Query(select(*COLUMNS).where(BOOKS.c.id == bindparam("id")))
BY_ISBN = Query(select(*COLUMNS).where(BOOKS.c.isbn == bindparam("isbn")))

_NAMES = [column.name for column in BOOKS.c if column.name != "held"]

#: Columns that an upsert does not change.
_KEPT = ("id", "isbn", "created_at", "held")


_WIDTH = len(COLUMNS)


def book_from_row(row: Sequence[Any]) -> BookData:
    """A book from a row that begins with `COLUMNS`."""
    return BookData(*row[:_WIDTH])


class Guard(NamedTuple):
    """Which conditions the WHERE clause of a writing statement has besides the id."""

    #: ``updated_at`` is one of the parameter ``versions``.
    versions: bool = False
    #: ``updated_at`` is earlier than the parameter ``before``, and unless it is the first of its
    #: second also earlier than ``second_before``.
    before: bool = False
    #: ``updated_at`` is none of the parameter ``unless``.
    unless: bool = False
    #: The stock is 0.
    unstocked: bool = False
    #: The price is above 0.
    priced: bool = False
    #: Some value that is written differs from what is there.
    differs: bool = False


def guard_of(condition: Condition) -> tuple[Guard, dict[str, Any]]:
    """The guard for a condition, and the values of its parameters."""
    versions = condition.versions
    named = versions if versions is not None and versions != "any" else None
    parameters: dict[str, Any] = {}
    if named is not None:
        parameters["versions"] = [from_microseconds(version) for version in named]
    if condition.before is not None:
        parameters["before"] = condition.before
        parameters["second_before"] = condition.before - SECOND
    if condition.unless:
        parameters["unless"] = [from_microseconds(version) for version in condition.unless]
    return Guard(
        named is not None, condition.before is not None, bool(condition.unless)
    ), parameters


@lru_cache(maxsize=8)
def insert_statement(dialect: Dialect) -> Query:
    """Adds a book unless its ISBN is taken; returns the id, or no row."""
    insert = dialect.insert(BOOKS).on_conflict_do_nothing(index_elements=[BOOKS.c.isbn])
    return Query(insert.returning(BOOKS.c.id), names=_NAMES)


@lru_cache(maxsize=8)
def upsert_statement(dialect: Dialect) -> Query:
    """Adds a book, or updates the one with its ISBN; returns the book, or no row if it does not
    differ, see `_differs`."""
    insert = dialect.insert(BOOKS)
    written = {
        column.name: insert.excluded[column.name]
        for column in BOOKS.c
        if column.name not in (*_KEPT, "updated_at") and column.computed is None
    }
    differs = _differs(written)
    written["updated_at"] = dialect.next_timestamp(BOOKS.c.updated_at, insert.excluded.updated_at)
    upsert = insert.on_conflict_do_update(
        index_elements=[BOOKS.c.isbn], set_=written, where=differs
    )
    return Query(upsert.returning(*COLUMNS), names=_NAMES)


@lru_cache(maxsize=1024)
def update_statement(dialect: Dialect, columns: frozenset[str], guard: Guard) -> Query:
    """Writes the ``new_…`` columns of the book ``book_id`` at ``now``; returns the book."""
    written: dict[str, Any] = {
        name: bindparam(f"new_{name}", type_=BOOKS.c[name].type) for name in sorted(columns)
    }
    clauses = guard_clauses(dialect, guard)
    if guard.differs:
        clauses.append(_differs(written))
    written["updated_at"] = next_updated_at(dialect)
    return Query(update(BOOKS).where(*clauses).values(written).returning(*COLUMNS))


def _differs(written: Mapping[str, Any]) -> ColumnElement[bool]:
    """Whether a value that is written differs from the book's.

    Of `extra` only another length is seen: no database knows of both that two texts differ in the
    order of their members alone. Where this is false, `Store` looks.
    """
    clauses: list[ColumnElement[bool]] = []
    for name in FIELDS.keys() & written.keys():
        column = BOOKS.c[name]
        if type(FIELDS[name].type) is Extra:
            clauses.append(_length(column) != _length(written[name]))
        else:
            clauses.append(column.is_distinct_from(written[name]))
    return or_(*clauses)


def _length(extra: Any) -> ColumnElement[int]:
    return func.length(cast(extra, Text))


@lru_cache(maxsize=16)
def delete_statement(dialect: Dialect, guard: Guard) -> Query:
    """Deletes the book ``book_id``; returns it as it was."""
    return Query(delete(BOOKS).where(*guard_clauses(dialect, guard)).returning(*COLUMNS))


def next_updated_at(dialect: Dialect) -> ColumnElement[Any]:
    """``now``, or a later time if needed: ``updated_at`` grows with every change."""
    return dialect.next_timestamp(BOOKS.c.updated_at, bindparam("now", type_=UTCDateTime()))


def guard_clauses(dialect: Dialect, guard: Guard) -> list[ColumnElement[bool]]:
    """The WHERE clauses for the book ``book_id`` with this guard."""
    clauses = [BOOKS.c.id == bindparam("book_id")]
    changed = BOOKS.c.updated_at
    if guard.versions:
        clauses.append(changed.in_(bindparam("versions", expanding=True, type_=changed.type)))
    if guard.before:
        clauses.append(changed < bindparam("before", type_=changed.type))
        clauses.append(
            dialect.is_first_of_second(changed)
            | (changed < bindparam("second_before", type_=changed.type))
        )
    if guard.unless:
        clauses.append(changed.not_in(bindparam("unless", expanding=True, type_=changed.type)))
    if guard.unstocked:
        clauses.append(BOOKS.c.stock == 0)
    if guard.priced:
        clauses.append(BOOKS.c.price > 0)
    return clauses
