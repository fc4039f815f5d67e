"""Bulk writes on PostgreSQL: COPY, and indexes built afterwards where nobody minds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import exists, insert, select, text
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db.diagnosis import LOCKED, NOT_READY
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.feeds.bulk import Bulk, Staged
from pyramid_bookstore.feeds.staging import STAGED

#: Key of the advisory lock that imports hold: "bookfeed" as eight bytes.
IMPORT_LOCK = int.from_bytes(b"bookfeed", "big")

#: Fewer rows than this are not worth the indexes' being built anew.
WORTH_IT = 2_000

# The owner may drop an index; to build it takes the right to create in the schema, the default
# table space, and no trigger of somebody's that still waits for the end of the transaction.
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

    def exclude_others(self) -> None:
        # Two imports of the same books in different orders would meet in a deadlock. Bound to the
        # transaction, so it holds behind PgBouncer too.
        self.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": IMPORT_LOCK})

    def analyze(self) -> None:
        self.connection.exec_driver_sql(f"ANALYZE {STAGED.name} (line, isbn)")

    @contextmanager
    def deferred_indexes(self, rows: int) -> Iterator[None]:
        """An empty catalogue is filled without its indexes, which are then built in one go: a third
        of the work. Readers wait for the end of it, and would have found nothing anyway."""
        indexes = self._indexes() if rows >= WORTH_IT and self._has_an_empty_table() else []
        for name, _, _ in indexes:
            self.connection.exec_driver_sql(f"DROP INDEX {name}")
        yield
        for name, definition, comment in indexes:
            # As text() a colon in a definition would be taken for a parameter.
            self.connection.exec_driver_sql(definition.replace("%", "%%"))
            if comment is not None:
                literal = comment.replace("'", "''").replace("%", "%%")
                self.connection.exec_driver_sql(f"COMMENT ON INDEX {name} IS '{literal}'")

    def _has_an_empty_table(self) -> bool:
        """Whether there is no book, and by a lock on the table there will be none but ours."""
        any_book = select(exists(select(BOOKS.c.id)))
        if self.connection.execute(any_book).scalar_one():
            return False
        try:
            with self.connection.begin_nested():
                # Not waiting: behind one that waits for this lock everybody else would queue up.
                self.connection.exec_driver_sql(
                    f"LOCK TABLE {BOOKS.name} IN ACCESS EXCLUSIVE MODE NOWAIT"
                )
        except DBAPIError as error:
            if diagnose(error) not in (LOCKED, NOT_READY):  # 42501: the table is someone else's
                raise
            return False
        return not self.connection.execute(any_book).scalar_one()

    def _indexes(self) -> list[tuple[str, str, str | None]]:
        """Name, definition and comment of the indexes that carry no constraint, the host's too;
        none unless all of them may be built again."""
        found = self.connection.execute(text(_INDEXES), {"table": BOOKS.name}).all()
        if not all(row.buildable for row in found):
            return []
        return [(row.name, row.definition, row.comment) for row in found]
