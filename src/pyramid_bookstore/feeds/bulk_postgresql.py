"""Bulk writes on PostgreSQL: COPY, and deferred indexes if the catalogue is empty."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import exists, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.diagnosis import FORBIDDEN, LOCKED
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.feeds.bulk import Bulk, Staged
from pyramid_bookstore.feeds.merge_queries import differs
from pyramid_bookstore.feeds.staging import STAGED

#: Key of the advisory lock that imports hold: "bookfeed" as eight bytes.
IMPORT_LOCK = int.from_bytes(b"bookfeed", "big")

#: With fewer rows than this, rebuilding the indexes takes longer than it saves.
MIN_ROWS = 2_000

# An owner can drop an index, but can build it again only with CREATE on the schema, in the default
# table space, and while no deferred trigger waits for the end of the transaction.
_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition,
        obj_description(indexrelid, 'pg_class') AS comment,
        pg_has_role(index.relowner, 'USAGE')
            AND has_schema_privilege(index.relnamespace, 'CREATE')
            AND index.reltablespace = 0 AND index.relkind = 'i'
            AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = indrelid AND tginitdeferred)
            AS buildable
    FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
    WHERE indrelid = CAST(:table AS regclass) AND NOT indisunique
    ORDER BY indexrelid
"""

_NAMES = [column.name for column in STAGED.columns]


class PostgresBulk(Bulk):
    """Stages rows by COPY with psycopg, and by INSERT, which is slower, with other drivers."""

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

    def wait_for_other_imports(self) -> None:
        # Two imports of the same books in different orders would deadlock. A lock of the
        # transaction also works behind PgBouncer.
        self.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": IMPORT_LOCK})

    def lock_books(self) -> None:
        if not self._updatable:
            return
        books = select(BOOKS.c.id).join(STAGED, STAGED.c.isbn == BOOKS.c.isbn)
        books = books.where(differs(self._updatable)).order_by(BOOKS.c.id)
        locked = books.with_for_update(key_share=True, of=BOOKS).subquery()
        # Counted, so that no ids are sent.
        self.connection.execute(select(func.count()).select_from(locked))

    def analyze(self) -> None:
        self.connection.exec_driver_sql(f"ANALYZE {STAGED.name} (line, isbn)")

    @contextmanager
    def deferred_indexes(self, rows: int) -> Iterator[None]:
        """Only for an empty catalogue, where it takes a third of the time. Readers wait until the
        end; there is nothing that they could read yet."""
        indexes = self._indexes() if rows >= MIN_ROWS and self._locked_empty_table() else []
        for name, _, _ in indexes:
            self.connection.exec_driver_sql(f"DROP INDEX {name}")
        yield
        for name, definition, comment in indexes:
            # Not text(), which reads a colon in the definition as a parameter.
            self.connection.exec_driver_sql(definition.replace("%", "%%"))
            if comment is not None:
                literal = comment.replace("'", "''").replace("%", "%%")
                self.connection.exec_driver_sql(f"COMMENT ON INDEX {name} IS '{literal}'")

    def _locked_empty_table(self) -> bool:
        """Whether there is no book; if so, the table is now locked by this transaction."""
        any_book = select(exists(select(BOOKS.c.id)))
        if self.connection.execute(any_book).scalar_one():
            return False
        try:
            with self.connection.begin_nested():
                # NOWAIT, because all other statements would queue behind one that waits.
                self.connection.exec_driver_sql(
                    f"LOCK TABLE {BOOKS.name} IN ACCESS EXCLUSIVE MODE NOWAIT"
                )
        except DBAPIError as error:
            if diagnose(error) not in (LOCKED, FORBIDDEN):  # FORBIDDEN: we do not own the table
                raise
            return False
        return not self.connection.execute(any_book).scalar_one()

    def _indexes(self) -> list[tuple[str, str, str | None]]:
        """Name, definition and comment of all indexes but the unique ones, the host's included;
        an empty list if one of them could not be built again."""
        indexes = self.connection.execute(text(_INDEXES), {"table": BOOKS.name}).all()
        if not all(row.buildable for row in indexes):
            return []
        return [(row.name, row.definition, row.comment) for row in indexes]
