"""The indexes of declared fields: which are needed, whether they are there, and how to make them.

Books written by a process with another declaration (an older one, or none) are *stale*: what is
stored beside them is not what this declaration needs. A small index knows them, so that a request
can ask for them each time, and a list is never answered wrongly.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    bindparam,
    literal_column,
    select,
    text,
    update,
)

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import Query, Reader
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.values import jsontext

log = logging.getLogger(__name__)

#: Books that one statement brings up to date.
BATCH: Final = 1_000

_PREFIX = "bookstore_declared_"


def uses(declared: Declared, filters: Mapping[str, Any], sort: Any) -> bool:
    """Whether a list with these filters and this sort needs a declared field."""
    if any(name in declared.fields for name, _ in sort):
        return True
    return bool(filters) and any(name in declared.parameters for name in filters)


def require_ready(reader: Reader, declared: Declared) -> None:
    """Raises `Unavailable` where books cannot be found by their declared fields."""
    if not declared.indexed:
        names = {row[0] for row in reader.rows(_indexes_query(reader.dialect.name), {})}
        declared.indexed = {*needed(declared, reader.dialect.name)} <= names
    if not declared.indexed or reader.rows(_stale_query(declared), {}):
        raise Unavailable(
            "The declared fields have no index for all books yet. Run: bookstore -c INI reindex",
            retry_after=60,
        )


def needed(declared: Declared, dialect: str) -> dict[str, str]:
    """The definition of each index that the declaration needs, by its name."""
    found: dict[str, str] = {}
    if declared.tokenized and dialect == "postgresql":
        found[f"{_PREFIX}tokens_idx"] = "USING gin (attributes)"
        found[f"{_PREFIX}sample_idx"] = (
            "USING gin (attributes) WHERE pg_catalog.get_byte(pg_catalog.uuid_send(id), 15) < 4"
        )
    for name in declared.keyed:
        key = f"coalesce(sort_keys ->> '{name}', '')"
        if dialect == "postgresql":
            key = f'(({key}) COLLATE "C")'
        found[f"{_PREFIX}{name}_idx"] = f"({key}, id)"
    if declared:
        found[f"{_PREFIX}stale_{declared.fingerprint}_idx"] = f"(declared) WHERE {_stale(declared)}"
    return found


def _stale(declared: Declared) -> str:
    """Whether a book is stale, as SQL."""
    if not declared:
        return "declared IS NOT NULL"
    members = "CAST(extra AS text) <> '{}'"
    return f"coalesce(declared, '') <> '{declared.fingerprint}' AND {members}"


@lru_cache(maxsize=4)
def _indexes_query(dialect: str) -> Query:
    """The names of our indexes that are complete."""
    return Query(dialect_named(dialect).index_names(BOOKS.name))


@lru_cache(maxsize=16)
def _stale_query(declared: Declared) -> Query:
    """A row if there is a stale book."""
    stale: Select[Any] = select(literal_column("1").label("stale")).select_from(BOOKS)
    # In this order by its index alone: PostgreSQL takes nearly all books for stale, and would read
    # the table until it finds one.
    return Query(
        stale.where(text(_stale(declared))).order_by(BOOKS.c.declared).limit(literal_column("1"))
    )


def missing(connection: Connection, declared: Declared) -> list[str]:
    """The needed indexes that are not there."""
    dialect = dialect_named(connection.dialect.name)
    names = {*connection.scalars(dialect.index_names(BOOKS.name))}
    lacking = [name for name in needed(declared, dialect.name) if name not in names]
    if declared.tokenized and not dialect.has_attributes(connection):
        lacking.append("bookstore_attributes")
    return lacking


def build(
    engine: Engine, declared: Declared, progress: Callable[[int], object] = int
) -> tuple[int, int]:
    """Bring all books up to date and make the indexes, while others read and write.

    Each batch is a transaction, so what is done stays done; call it again to go on. Returns how
    many books were written, and how many of their values are not valid: these are not found.
    ``progress`` is called with the number of books written so far.
    """
    dialect = dialect_named(engine.dialect.name)
    invalid: list[str] = []
    written = 0
    with engine.begin() as connection:
        dialect.make_attributes(connection, wanted=declared.tokenized)
    for number in _batches(engine, declared, invalid.append):
        written += number
        progress(written)
    _make_indexes(engine, declared)
    # Written by others since, without this declaration.
    written += sum(_batches(engine, declared, invalid.append))
    return written, len(invalid)


def _batches(engine: Engine, declared: Declared, invalid: Callable[[str], None]) -> Iterator[int]:
    """Bring stale books up to date, in the order of their ids; the number of each batch."""
    extra: ColumnElement[str] = literal_column("CAST(extra AS text)")
    page = select(BOOKS.c.id, extra.label("extra")).where(text(_stale(declared)))
    page = page.order_by(BOOKS.c.id).limit(BATCH)
    change = (
        update(BOOKS)
        .where(BOOKS.c.id == bindparam("book"), extra == bindparam("was"))
        .values({name: bindparam(f"new_{name}") for name in _COLUMNS})
    )
    last = None
    while True:
        with engine.connect() as connection:
            rows = connection.execute(page if last is None else page.where(BOOKS.c.id > last)).all()
        if not rows:
            return
        last = rows[-1].id
        values = []
        for row in rows:
            keys = declared.keys_of(jsontext.loads(row.extra.encode()), invalid)
            named = {f"new_{name}": value for name, value in keys._asdict().items()}
            values.append({"book": row.id, "was": row.extra, **named})
        with engine.begin() as connection:
            connection.execute(change, values)
        yield len(rows)


_COLUMNS = ("attributes", "sort_keys", "declared", "extra_words")


def _make_indexes(engine: Engine, declared: Declared) -> None:
    dialect = dialect_named(engine.dialect.name)
    wanted = needed(declared, dialect.name)
    with engine.connect() as connection:
        there = {*connection.scalars(dialect.index_names(BOOKS.name))}
        every = {*connection.scalars(dialect.index_names(BOOKS.name, complete=False))}
    for name in sorted(each for each in every if each.startswith(_PREFIX)):
        # Of another declaration, or left behind by a run that was broken off.
        if name not in wanted or name not in there:
            dialect.drop_index(engine, name)
    for name, definition in wanted.items():
        if name not in there:
            dialect.make_index(engine, name, BOOKS.name, definition)
    with engine.begin() as connection:
        connection.execute(text(f"ANALYZE {BOOKS.name}"))


def state(connection: Connection, declared: Declared) -> str:
    """What `check` and the start say: ``""`` where all is ready, else a sentence."""
    lacking = missing(connection, declared)
    if lacking:
        return f"Indexes of declared fields are missing: {len(lacking)}."
    if not declared:
        names = connection.scalars(dialect_named(connection.dialect.name).index_names(BOOKS.name))
        left = any(name.startswith(_PREFIX) for name in names)
        return "There are indexes of fields that are declared no more." if left else ""
    if connection.execute(_stale_query(declared).statement).first():
        return "There are books that were written without the declared fields."
    return ""


def is_new(engine: Engine) -> bool:
    """Whether there is no book yet, so that to build costs nothing."""
    with engine.connect() as connection:
        return connection.execute(select(BOOKS.c.id).limit(1)).first() is None
