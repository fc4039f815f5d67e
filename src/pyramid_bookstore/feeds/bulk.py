"""Bulk writes: rows are staged in a temporary table, checked there, and merged in batches.

These statements are the same on both databases; :mod:`.merge_queries` has what a merge writes. How
rows are staged, and what makes the merge fast, differs: :mod:`.bulk_postgresql`,
:mod:`.bulk_sqlite`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.movements import MovementLog
from pyramid_bookstore.catalogue.statements import COLUMNS
from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.feeds.merge_queries import (
    changed_values,
    differs,
    moves_of_changed,
    moves_of_new,
    new_books,
)
from pyramid_bookstore.feeds.staging import KEY, REQUIRED_FIELDS, STAGED

#: What a new book must have: the required fields, and ``extra`` if the host's schema requires it.
REQUIRED_IN_NEW = (*REQUIRED_FIELDS, "extra")

#: Rows that do not fit the other rows or the stored books: the line on which their ISBN was first,
#: the required fields that are missing, whether the book would be free and in stock,
#: its `extra` too large, or its id is another one.
REJECTED = sa.Table(
    "bookstore_import_rejected",
    sa.MetaData(),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", sa.Integer),
    *(sa.Column(f"no_{name}", sa.Boolean) for name in REQUIRED_IN_NEW),
    sa.Column("free", sa.Boolean),
    sa.Column("large", sa.Boolean),
    sa.Column("other_id", sa.Boolean),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

#: That of the movements of an import.
REASON = "import"

#: Rejected rows that are read at once.
PAGE = 1000

_S = STAGED.c
_B = BOOKS.c

#: A row of the temporary table: line, id, and a `ROW`.
Staged = tuple[int, str, Any]


class Merged(NamedTuple):
    """What the merge of a batch did; the rows (of `COLUMNS`) only if they were asked for."""

    created: int
    updated: int
    created_rows: Sequence[Any] = ()
    updated_rows: Sequence[Any] = ()


class Bulk(ABC):
    """One import's work on one connection, in the transaction that runs there."""

    def __init__(
        self,
        connection: sa.Connection,
        *,
        fields: Collection[str],
        default_extra: str,
        declared: str | None,
        now: datetime,
        log: MovementLog | None = None,
    ) -> None:
        """``fields`` are those that the feed has. New books get ``default_extra`` (JSON text) if
        their row has no ``extra``, and ``now`` as their times; ``declared`` is the fingerprint of
        the declared fields. Movements of the stock go to the ``log``."""
        self.connection = connection
        self._log = log
        self.dialect: Dialect = dialect_named(connection.dialect.name)
        #: The fields that an update can change.
        self._updatable = [name for name in fields if name != KEY]
        self._default_extra = default_extra
        self._default_declared = declared
        self._now = now
        self.rejected_count = 0
        #: Rows that were dropped because they equal an earlier one.
        self.repeated_count = 0

    @abstractmethod
    def stage(self, rows: Sequence[Staged]) -> None:
        """Put rows into the temporary table."""

    @abstractmethod
    def wait_for_other_imports(self) -> None:
        """Take a lock, held until the transaction ends, so that only one import runs."""

    @abstractmethod
    def analyze(self) -> None:
        """Update the planner's statistics of the temporary table."""

    def larger_cache(self) -> AbstractContextManager[None]:
        """Around the whole import: more memory for the database's page cache."""
        return nullcontext()

    @abstractmethod
    def deferred_indexes(self, rows: int) -> AbstractContextManager[None]:
        """Around a merge of so many rows: drops indexes and rebuilds them, where that is faster."""

    def lock_books(self) -> None:  # noqa: B027  # most need nothing
        """Lock the books that the rows change, in the order of their ids, as other changes of
        several books do."""

    def open(self) -> None:
        """Create the temporary tables, in place of those that an earlier import left."""
        for table in (STAGED, REJECTED):
            self.connection.execute(DropTable(table, if_exists=True))
            self.connection.execute(CreateTable(table))

    def close(self) -> None:
        """Drop the temporary tables."""
        for table in (STAGED, REJECTED):
            self.connection.execute(DropTable(table))

    def reject_other_ids(self) -> None:
        """Reject rows with an id that is not that of the stored book with their ISBN."""
        rows = (
            sa.select(_S.line, sa.true())
            .outerjoin(BOOKS, _B.isbn == _S.isbn)
            .where(_S.book_id.is_not(None), _B.id.is_distinct_from(_S.book_id))
        )
        self.reject(["line", "other_id"], rows)

    def reject_repeated(self) -> None:
        """Reject rows whose ISBN is on an earlier line; drop those that equal the row there."""
        first_lines = sa.select(_S.isbn, sa.func.min(_S.line).label("first"))
        repeated = first_lines.group_by(_S.isbn).having(sa.func.count() > 1).subquery()
        later = sa.select(_S.line, repeated.c.first).join(repeated, repeated.c.isbn == _S.isbn)
        later = later.where(_S.line > repeated.c.first)
        self.reject(["line", "first"], later, self._drop_equal)

    def _drop_equal(self) -> int:
        """Drop the rejected rows that equal the first of their ISBN; returns how many."""
        first = STAGED.alias("first")
        values = [
            each.name for each in STAGED.columns if each.name not in ("line", "id", "book_id")
        ]
        equal = (
            sa.select(REJECTED.c.line)
            .join(STAGED, _S.line == REJECTED.c.line)
            .join(first, first.c.line == REJECTED.c.first)
            .where(*(_S[name].is_not_distinct_from(first.c[name]) for name in values))
        )
        self._count(sa.delete(STAGED).where(_S.line.in_(equal)))
        left = sa.exists(sa.select(_S.line).where(_S.line == REJECTED.c.line))
        self.repeated_count = self._count(sa.delete(REJECTED).where(~left))
        return self.repeated_count

    def reject_incomplete(self, *, extra: bool) -> None:
        """Reject new books that lack a required field; with ``extra`` that is required too."""
        names = REQUIRED_IN_NEW if extra else REQUIRED_FIELDS
        lacking: list[ColumnElement[bool]] = [_S[name].is_(None) for name in names]
        if extra:  # members from columns of their own are not all of it
            lacking[-1] |= sa.func.coalesce(_S.extra_patch, "") != ""
        rows = (
            sa.select(_S.line, *lacking)
            .where(sa.or_(*lacking))
            .where(~sa.exists(sa.select(_B.id).where(_B.isbn == _S.isbn)))
        )
        self.reject(["line", *(f"no_{name}" for name in names)], rows)

    def reject_free_in_stock(self) -> None:
        """Reject rows after which a stored book would be free and in stock."""
        rows = (
            sa.select(_S.line, sa.true())
            .join(BOOKS, _B.isbn == _S.isbn)
            .where(sa.func.coalesce(_S.price, _B.price) == 0)
            .where(sa.func.coalesce(_S.stock, _B.stock) > 0)
        )
        self.reject(["line", "free"], rows)

    def rejected(self) -> Iterator[sa.Row[Any]]:
        """The rows of `REJECTED`, ordered by line."""
        page = sa.select(REJECTED).order_by(REJECTED.c.line).limit(PAGE)
        line = 0
        while True:
            rows = self.connection.execute(page.where(REJECTED.c.line > line)).all()
            yield from rows
            if len(rows) < PAGE:
                return
            line = rows[-1].line

    def counts(self) -> tuple[int, int]:
        """How many books a merge would create, and how many it would update."""
        exists = sa.exists(sa.select(_B.id).where(_B.isbn == _S.isbn))
        created = sa.select(sa.func.count()).select_from(STAGED).where(~exists)
        new: int = self.connection.execute(created).scalar_one()
        if not self._updatable:
            return new, 0
        updated = sa.select(sa.func.count()).select_from(STAGED).join(BOOKS, _B.isbn == _S.isbn)
        return new, self.connection.execute(updated.where(differs(self._updatable))).scalar_one()

    def merge(self, first: int, last: int, *, return_books: bool) -> Merged:
        """Write the rows of the lines ``first`` to ``last``."""
        lines = _S.line.between(first, last)
        # Insert first: a book that another transaction adds at this moment is then updated below.
        books = new_books(
            lines,
            default_extra=self._default_extra,
            declared=self._default_declared,
            now=self._now,
        )
        insert = (
            self.dialect.insert(BOOKS)
            .from_select(*books)
            .on_conflict_do_nothing(index_elements=[_B.isbn])
        )
        new, new_rows = self._write(insert, return_books)
        all_new = new == last - first + 1
        if self._log is not None and new:
            moves = moves_of_new(lines, staged_alone=all_new)
            self._log.write_from(self.connection, moves, REASON, self._now)
        if not self._updatable or all_new:  # there is nothing to update
            return Merged(new, 0, new_rows)
        if self._log is not None and "stock" in self._updatable:
            moves = moves_of_changed(lines)
            self._log.write_from(self.connection, moves, REASON, self._now)
        updated_at = self.dialect.next_timestamp(
            _B.updated_at, sa.literal(self._now, UTCDateTime())
        )
        update = (
            sa.update(BOOKS)
            .where(_B.isbn == _S.isbn, lines, differs(self._updatable))
            .values({**changed_values(self._updatable), "updated_at": updated_at})
        )
        old, old_rows = self._write(update, return_books)
        return Merged(new, old, new_rows, old_rows)

    def _write(self, statement: Any, return_books: bool) -> tuple[int, Sequence[Any]]:
        """How many books a statement wrote, and these as rows if asked for."""
        if not return_books:
            return self._count(statement), ()
        rows = self.connection.execute(statement.returning(*COLUMNS)).all()
        return len(rows), rows

    def ranges(self, size: int) -> Iterator[tuple[int, int]]:
        """The first and last line of each batch of at most ``size`` rows."""
        bounds = sa.select(sa.func.min(_S.line), sa.func.max(_S.line))
        first, last = self.connection.execute(bounds).one()
        if first is None:
            return
        for start in range(first, last + 1, size):
            yield start, min(start + size - 1, last)

    def reject(
        self, columns: list[str], rows: sa.Select[Any], drop: Callable[[], int] = lambda: 0
    ) -> None:
        """Move rows into `REJECTED`, within the database; of those, ``drop`` takes some out."""
        count = self._count(sa.insert(REJECTED).from_select(columns, rows))
        if count:
            self.rejected_count += count - drop()
            rejected = sa.select(REJECTED.c.line)
            self.connection.execute(sa.delete(STAGED).where(_S.line.in_(rejected)))

    def _count(self, statement: Any) -> int:
        """Execute a writing statement; returns how many rows it wrote."""
        # SQLAlchemy keeps the row count of an INSERT only with this option.
        result = self.connection.execute(statement, execution_options={"preserve_rowcount": True})
        return result.rowcount
