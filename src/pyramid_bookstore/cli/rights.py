"""Whether PostgreSQL lets the service do what it needs: which rights it lacks, and a trial."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, text, update
from uuid6 import uuid7

from pyramid_bookstore.catalogue.availability import HoldLine
from pyramid_bookstore.catalogue.fields import WRITABLE
from pyramid_bookstore.catalogue.models import BOOKS, Book, Total, columns_of
from pyramid_bookstore.catalogue.movements import Movement
from pyramid_bookstore.db.revision import COMPATIBILITY_TABLE, VERSION_TABLE
from pyramid_bookstore.feeds.models import Member
from pyramid_bookstore.stock.models import StoredHold
from pyramid_bookstore.transactions.models import IdempotencyKey

_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")

#: What the service does with each of our tables. The triggers act with the caller's rights.
NEEDED: Mapping[str, tuple[str, ...]] = {
    BOOKS.name: _ALL,
    Total.__tablename__: ("SELECT", "INSERT", "UPDATE"),
    IdempotencyKey.__tablename__: _ALL,
    Member.__tablename__: _ALL,
    StoredHold.__tablename__: _ALL,
    HoldLine.__tablename__: _ALL,
    Movement.__tablename__: _ALL,
    VERSION_TABLE: ("SELECT",),
    COMPATIBILITY_TABLE: ("SELECT",),
}


#: Schemas that have our tables, and that the role does not see.
_HIDDEN = text(f"""
    SELECT quote_ident(nspname)
    FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = '{BOOKS.name}' AND relkind IN ('r', 'p')
        AND pg_catalog.to_regclass('{BOOKS.name}') IS NULL
        AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE')
""")


class Lack(NamedTuple):
    """Rights that the role lacks: what and how to grant it, as sentences."""

    message: str
    advice: str


def lacking(connection: Connection) -> Iterator[Lack]:
    """What the role lacks; of a table that is not there, nothing."""
    row = connection.execute(text("SELECT current_user, current_database()")).one()
    quote = connection.dialect.identifier_preparer.quote
    role, database = map(quote, row)
    hidden = [*connection.scalars(_HIDDEN)]
    for schema in hidden:
        yield Lack(
            f"The role {role} lacks USAGE on the schema {schema}, where the tables are.",
            f"As the owner of the schema: GRANT USAGE ON SCHEMA {schema} TO {role}",
        )
    if hidden:  # no right on what is in it can be asked for
        return
    for table, kinds in NEEDED.items():
        asked = (func.has_table_privilege(func.to_regclass(table), kind) for kind in kinds)
        granted = connection.execute(select(*asked)).one()
        missing = ", ".join(kind for kind, has in zip(kinds, granted, strict=True) if has is False)
        if missing:
            yield Lack(
                f"The role {role} lacks {missing} on {table}.",
                f"As the owner of the table: GRANT {missing} ON {table} TO {role}",
            )
    if not connection.scalar(select(func.has_database_privilege(row[1], "TEMPORARY"))):
        yield Lack(
            f"The role {role} lacks TEMPORARY on the database {database}, which imports need.",
            f"As the owner of the database: GRANT TEMPORARY ON DATABASE {database} TO {role}",
        )


def try_writing(connection: Connection) -> None:
    """Create, change and delete a book, a source and a stored answer, and undo it.

    Finds what no list of rights has: row security, a server that is read-only, a trigger of the
    host's that fails. Raises `sqlalchemy.exc.DBAPIError`.
    """
    # Undone with the savepoint, the lock timeout as well.
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '1s'")
        for table, values in _rows():
            key = next(iter(table.primary_key))
            same = key == values[key.name]
            connection.execute(insert(table).values(values))
            connection.execute(update(table).where(same).values(values))
            connection.execute(delete(table).where(same))
    finally:
        savepoint.rollback()


def _rows() -> Iterator[tuple[Any, dict[str, Any]]]:
    now, key = datetime.now(UTC), uuid7()
    book = {field.name: field.default for field in WRITABLE if not field.required}
    # An ISBN that no book can have: nobody waits for this transaction.
    book |= {"title": "-", "author": "-", "isbn": f"-{key.hex[-12:]}", "price": Decimal(1)}
    times = {"created_at": now, "updated_at": now}
    yield Book.__table__, {"id": key, **columns_of(book), **times}
    yield Member.__table__, {"source": key.hex, "book_id": key, "absent": False}
    yield (
        IdempotencyKey.__table__,
        {
            "key": key.hex,
            "fingerprint": "",
            "status": 200,
            "headers": "{}",
            "body": b"",
            "expires_at": now,
        },
    )
