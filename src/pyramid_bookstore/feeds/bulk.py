"""Writing many books: staged in a temporary table, looked over there, and merged by whole batches.

The statements here are the same on both databases. How rows get into the temporary table, and what
makes the merge fast, is each database's own: :mod:`.bulk_postgresql`, :mod:`.bulk_sqlite`.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable, DropTable
from sqlalchemy.sql.elements import ColumnElement

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS as ALL_FIELDS
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.statements import COLUMNS
from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.types import JSONText, UTCDateTime
from pyramid_bookstore.feeds.staging import (
    FIELDS,
    KEY,
    NULLABLE,
    REQUIRED,
    SEARCHED,
    STAGED,
    given,
)

#: What a row of a new book may lack: the required fields, and an `extra` that the host demands.
LACKING = (*REQUIRED, "extra")

#: Rows that were found bad in the light of the others and of the books: on which line their ISBN
#: was before, which required fields they lack, whether they make a book free and in stock.
REFUSED = sa.Table(
    "bookstore_import_refused",
    sa.MetaData(),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", sa.Integer),
    *(sa.Column(f"no_{name}", sa.Boolean) for name in LACKING),
    sa.Column("free", sa.Boolean),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

#: Refused rows that are read at once.
PAGE = 1000

_S = STAGED.c
_B = BOOKS.c

#: A row of the temporary table: line, id, and a `ROW`.
Staged = tuple[int, str, Any]


class Merged(NamedTuple):
    """What a batch did; the books themselves, as rows of `COLUMNS`, only where asked for."""

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
        now: datetime,
    ) -> None:
        """``fields`` are those that the feed gives, ``default_extra`` is the JSON text of the
        ``extra`` of new books without one, ``now`` their time."""
        self.connection = connection
        self.dialect: Dialect = dialect_named(connection.dialect.name)
        #: The fields that an update can change.
        self._given = [name for name in fields if name != KEY]
        self._default_extra = default_extra
        self._now = now
        #: How many rows were refused here.
        self.refusals = 0

    @abstractmethod
    def stage(self, rows: Sequence[Staged]) -> None:
        """Put rows into the temporary table."""

    @abstractmethod
    def exclude_others(self) -> None:
        """Wait until no other import runs, and keep others off until the transaction ends."""

    @abstractmethod
    def analyze(self) -> None:
        """Tell the planner what was staged."""

    def larger_cache(self) -> AbstractContextManager[None]:
        """Around the whole work: memory that the database may use for it, given back at the end."""
        return nullcontext()

    @abstractmethod
    def deferred_indexes(self, rows: int) -> AbstractContextManager[None]:
        """Around a merge of so many rows: whatever makes it fast, undone at its end."""

    def open(self) -> None:
        """Make the temporary tables; what an import of this connection left is replaced."""
        for table in (STAGED, REFUSED):
            self.connection.execute(DropTable(table, if_exists=True))
            self.connection.execute(CreateTable(table))

    def close(self) -> None:
        """Drop the temporary tables."""
        for table in (STAGED, REFUSED):
            self.connection.execute(DropTable(table))

    def refuse_repeated(self) -> None:
        """Take out the rows whose ISBN came before."""
        twice = sa.select(_S.isbn, sa.func.min(_S.line).label("first"))
        repeated = twice.group_by(_S.isbn).having(sa.func.count() > 1).subquery()
        later = sa.select(_S.line, repeated.c.first).join(repeated, repeated.c.isbn == _S.isbn)
        self._refuse(["line", "first"], later.where(_S.line > repeated.c.first))

    def refuse_incomplete(self, *, extra: bool) -> None:
        """Take out the rows of new books that lack a required field; ``extra`` is one of these."""
        names = LACKING if extra else REQUIRED
        rows = (
            sa.select(_S.line, *(_S[name].is_(None) for name in names))
            .where(sa.or_(*(_S[name].is_(None) for name in names)))
            .where(~sa.exists(sa.select(_B.id).where(_B.isbn == _S.isbn)))
        )
        self._refuse(["line", *(f"no_{name}" for name in names)], rows)

    def refuse_free_in_stock(self) -> None:
        """Take out the rows that would make a stored book free of charge and in stock."""
        rows = (
            sa.select(_S.line, sa.true())
            .join(BOOKS, _B.isbn == _S.isbn)
            .where(sa.func.coalesce(_S.price, _B.price) == 0)
            .where(sa.func.coalesce(_S.stock, _B.stock) > 0)
        )
        self._refuse(["line", "free"], rows)

    def refused(self) -> Iterator[sa.Row[Any]]:
        """The rows that were taken out, as `REFUSED` has them, by line."""
        page = sa.select(REFUSED).order_by(REFUSED.c.line).limit(PAGE)
        line = 0
        while True:
            rows = self.connection.execute(page.where(REFUSED.c.line > line)).all()
            yield from rows
            if len(rows) < PAGE:
                return
            line = rows[-1].line

    def counts(self) -> tuple[int, int]:
        """How many books a merge would create, and how many it would update."""
        there = sa.exists(sa.select(_B.id).where(_B.isbn == _S.isbn))
        created = sa.select(sa.func.count()).select_from(STAGED).where(~there)
        new: int = self.connection.execute(created).scalar_one()
        if not self._given:
            return new, 0
        updated = sa.select(sa.func.count()).select_from(STAGED).join(BOOKS, _B.isbn == _S.isbn)
        return new, self.connection.execute(updated.where(self._differs())).scalar_one()

    def merge(self, first: int, last: int, *, wanted: bool) -> Merged:
        """Write the rows of a range of lines; with ``wanted`` it gives the changed books too."""
        lines = _S.line.between(first, last)
        # New ones first: what another transaction adds at the same moment is then updated below.
        addition = (
            self.dialect.insert(BOOKS)
            .from_select(*self._new(lines))
            .on_conflict_do_nothing(index_elements=[_B.isbn])
        )
        new, new_rows = self._write(addition, wanted=wanted)
        if not self._given or new == last - first + 1:  # there is nothing to update
            return Merged(new, 0, new_rows)
        change = (
            sa.update(BOOKS)
            .where(_B.isbn == _S.isbn, lines, self._differs())
            .values({**self._changed(), "updated_at": self._moved_on()})
        )
        old, old_rows = self._write(change, wanted=wanted)
        return Merged(new, old, new_rows, old_rows)

    def _write(self, statement: Any, *, wanted: bool) -> tuple[int, Sequence[Any]]:
        """How many books a statement wrote, and those ``wanted``."""
        if not wanted:
            return self._count(statement), ()
        rows = self.connection.execute(statement.returning(*COLUMNS)).all()
        return len(rows), rows

    def ranges(self, size: int) -> Iterator[tuple[int, int]]:
        """The first and last line of batches of about ``size`` rows, which cover all."""
        bounds = sa.select(sa.func.min(_S.line), sa.func.max(_S.line))
        first, last = self.connection.execute(bounds).one()
        if first is None:
            return
        for start in range(first, last + 1, size):
            yield start, min(start + size - 1, last)

    def _refuse(self, columns: list[str], rows: sa.Select[Any]) -> None:
        """Move rows into the table of the refused; no memory of ours is needed for that."""
        statement = sa.insert(REFUSED).from_select(columns, rows)
        count = self._count(statement)
        if count:
            self.refusals += count
            refused = sa.select(REFUSED.c.line)
            self.connection.execute(sa.delete(STAGED).where(_S.line.in_(refused)))

    def _count(self, statement: Any) -> int:
        """How many rows a statement wrote; SQLAlchemy keeps that of an INSERT only when asked."""
        result = self.connection.execute(statement, execution_options={"preserve_rowcount": True})
        return result.rowcount

    def _new(self, lines: ColumnElement[bool]) -> tuple[list[str], sa.Select[Any]]:
        """The columns of new books, and the rows for them."""
        moment = sa.literal(self._now, UTCDateTime())
        columns: dict[str, Any] = {"id": _S.id, "created_at": moment, "updated_at": moment}
        for name in FIELDS:
            columns[name] = self._with_default(name)
            if name in SEARCHED:
                key = ALL_FIELDS[name].key
                columns[key] = sa.func.coalesce(_S[key], "")
        # A book that somebody deletes between the look and the merge is not made of half a row.
        whole = sa.and_(*(_S[name].is_not(None) for name in REQUIRED))
        return list(columns), sa.select(*columns.values()).where(lines, whole)

    def _with_default(self, name: str) -> ColumnElement[Any]:
        """A field of a new book."""
        field = ALL_FIELDS[name]
        if type(field.type) is Extra:
            return sa.cast(sa.func.coalesce(_S[name], self._default_extra), JSONText())
        if field.required or field.default is None:
            return _S[name]
        return sa.func.coalesce(_S[name], field.default)

    def _changed(self) -> dict[str, Any]:
        """The values of the given fields; of a row that leaves one out, the stored value."""
        changed: dict[str, Any] = {}
        for name in self._given:
            if name in NULLABLE:
                changed[name] = sa.case((_S[given(name)], _S[name]), else_=_B[name])
            elif type(ALL_FIELDS[name].type) is Extra:
                stored = sa.cast(_B[name], sa.Text)
                changed[name] = sa.cast(sa.func.coalesce(_S[name], stored), JSONText())
            else:
                changed[name] = sa.func.coalesce(_S[name], _B[name])
            if name in SEARCHED:
                key = ALL_FIELDS[name].key
                changed[key] = sa.func.coalesce(_S[key], _B[key])
                if name in NULLABLE:
                    changed[key] = sa.case(
                        (_S[given(name)], sa.func.coalesce(_S[key], "")), else_=_B[key]
                    )
        return changed

    def _differs(self) -> ColumnElement[bool]:
        """Whether a row says something else than the stored book."""
        different: list[ColumnElement[bool]] = []
        for name in self._given:
            if name in NULLABLE:
                other = _S[name].is_distinct_from(_B[name])
                different.append(sa.and_(_S[given(name)], other))
            elif type(ALL_FIELDS[name].type) is Extra:
                different.append(_S[name] != sa.cast(_B[name], sa.Text))
            else:
                different.append(_S[name] != _B[name])
        return sa.or_(*different)

    def _moved_on(self) -> ColumnElement[datetime]:
        return self.dialect.moved_on(_B.updated_at, sa.literal(self._now, UTCDateTime()))
