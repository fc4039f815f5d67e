"""The books that came with a source before and are not in its newest file.

They are found in temporary tables, within the import's transaction; no statement is for one book.
"""

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import Any, Final, NoReturn

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable, DropTable

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.movements import MovementLog
from pyramid_bookstore.catalogue.statements import COLUMNS
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.types import UTCDateTime
from pyramid_bookstore.errors import AbsentBook, BookInUse
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.models import Member
from pyramid_bookstore.feeds.report import MAX_LISTED
from pyramid_bookstore.feeds.snapshot import RejectedIsbns, Snapshot
from pyramid_bookstore.feeds.staging import STAGED

#: The ISBNs of rejected rows.
PRESENT: Final = sa.Table(
    "bookstore_import_present",
    sa.MetaData(),
    sa.Column("isbn", sa.String(13)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

#: The absent books, with the ISBN by which they were looked for: it may change meanwhile.
ABSENT: Final = sa.Table(
    "bookstore_import_absent",
    sa.MetaData(),
    sa.Column("book_id", sa.Uuid, primary_key=True),
    sa.Column("isbn", sa.String(13)),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

#: Absent books that a refusal names.
_SAID: Final = 5

_TABLES = (PRESENT, ABSENT)
_MEMBERS: Any = Member.__table__
_A, _B, _M = ABSENT.c, BOOKS.c, _MEMBERS.c


class _HeldError(Exception):
    """A deferred foreign key would refuse the commit."""


class AbsentBooks:
    """What one import does about them, on its connection."""

    def __init__(
        self,
        connection: sa.Connection,
        snapshot: Snapshot,
        rejected: RejectedIsbns,
        now: datetime,
        log: MovementLog | None = None,
    ) -> None:
        self._connection = connection
        self._log = log
        self._dialect = dialect_named(connection.dialect.name)
        self._snapshot = snapshot
        self._rejected = rejected
        self._now = now
        self._of_source = _M.source == snapshot.source
        #: Books of the source, and those of them that are absent.
        self.known = 0
        self.count = 0
        #: The first of the absent ones.
        self.books: Sequence[AbsentBook] = ()

    def find(self) -> None:
        """Find the absent books, once all rows are staged; those of rejected rows are there."""
        for table in _TABLES:
            self._connection.execute(DropTable(table, if_exists=True))
            self._connection.execute(CreateTable(table))
        for isbns in self._rejected.isbns.batches():
            self._connection.execute(sa.insert(PRESENT), [{"isbn": isbn} for isbn in isbns])
        known = sa.select(_B.id, _B.isbn).join(_MEMBERS, _M.book_id == _B.id).where(self._of_source)
        if self._snapshot.absent != "delete":
            # Those that were absent before are done, unless copies came in since.
            known = known.where(sa.or_(_M.absent.is_(False), _B.stock > 0))
        self.known = self._write(sa.insert(ABSENT).from_select(["book_id", "isbn"], known))
        self.count = self.known
        for isbn in (STAGED.c.isbn, PRESENT.c.isbn):
            self.count -= self._write(sa.delete(ABSENT).where(_A.isbn.in_(sa.select(isbn))))
        if self.count:
            named = sa.select(_B.isbn, _B.title).join(ABSENT, _A.book_id == _B.id)
            rows = self._connection.execute(named.order_by(_A.isbn).limit(MAX_LISTED))
            self.books = [AbsentBook(*row) for row in rows]

    def close(self) -> None:
        """Drop the temporary tables."""
        for table in _TABLES:
            self._connection.execute(DropTable(table, if_exists=True))

    def check(self, good: int, *, dry_run: bool) -> None:
        """Raise `ValidationFailed` if they are to be changed and that may not be meant; ``good`` is
        the number of good rows. With ``dry_run`` also raises what `change` would."""
        if not self.count or self._snapshot.absent == "keep":
            return
        self._rejected.check()
        if not good:
            refuse(
                "The file has no valid row, which is taken for a fault of the file: nothing is done"
                f" to the books that came with {self._snapshot.source!r} before.",
                "absent",
            )
        if self.count * 100 > self._snapshot.max_absent * self.known:
            share = ceil(self.count * 1000 / self.known) / 10
            refuse(
                f"{self.count:,} of the {self.known:,} books that came with"
                f" {self._snapshot.source!r} are not in the file; that is more than"
                f" {self._snapshot.max_absent}%, so nothing was written. The first of them:"
                f" {', '.join(book.isbn for book in self.books[:_SAID])}. If it is right, say"
                f" --max-absent {share:g}% (over HTTP max_absent={share:g}); a dry run with that"
                " names them in its report.",
                "max_absent",
            )
        if dry_run and self._snapshot.absent == "delete" and not self._deletable(0, self.count):
            self._refuse_held()

    def change(self, *, return_books: bool) -> Sequence[Any]:
        """Do with them what the options say; returns changed books, if asked for, as rows of
        `COLUMNS`.

        Raises `BookInUse`, with nothing deleted.
        """
        if not self.count or self._snapshot.absent == "keep":
            return ()
        if self._snapshot.absent == "delete":
            return self._delete(return_books)
        self._log_moves()
        now = sa.literal(self._now, UTCDateTime())
        statement = (
            sa.update(BOOKS)
            .where(_B.id == _A.book_id, _B.isbn == _A.isbn, _B.stock > 0)
            .values(stock=0, updated_at=self._dialect.next_timestamp(_B.updated_at, now))
        )
        rows = self._books(statement, return_books)
        marked = sa.update(_MEMBERS).where(self._of_source, _M.absent.is_(False))
        self._write(marked.where(_M.book_id.in_(sa.select(_A.book_id))).values(absent=True))
        return rows

    def remember(self) -> None:
        """Write down that the books of all good rows came with the source; they are merged."""
        staged = sa.select(_B.id).join(STAGED, STAGED.c.isbn == _B.isbn)
        this = sa.and_(self._of_source, _M.book_id == _B.id)
        new = (
            staged.outerjoin(_MEMBERS, this)
            .where(_M.book_id.is_(None))
            .with_only_columns(sa.literal(self._snapshot.source), _B.id, sa.false())
            # Whoever deletes one of them waits, and then finds what is written here.
            .with_for_update(read=True, key_share=True, of=BOOKS)
        )
        added = self._dialect.insert(_MEMBERS).from_select(["source", "book_id", "absent"], new)
        self._write(added.on_conflict_do_nothing())
        back = sa.update(_MEMBERS).where(self._of_source, _M.absent.is_(True))
        self._write(back.where(_M.book_id.in_(staged)).values(absent=False))

    def _delete(self, return_books: bool) -> Sequence[Any]:
        these = sa.select(_A.book_id, _A.isbn)
        try:
            with self._connection.begin_nested():
                self._log_moves()
                rows = self._books(
                    sa.delete(BOOKS).where(sa.tuple_(_B.id, _B.isbn).in_(these)), return_books
                )
                if self._held_later(sa.select(_A.book_id), sa.select(_A.isbn)):
                    raise _HeldError
        except (IntegrityError, _HeldError) as error:
            # Only a foreign key of the host's can refer to books.
            self._refuse_held(error)
        return rows

    def _log_moves(self) -> None:
        """Write down that their stock becomes 0; they are locked by it."""
        if self._log is None:
            return
        moves = sa.select(_B.id, (-_B.stock).label("delta"), sa.literal_column("0", sa.Integer))
        moves = moves.join(ABSENT, sa.and_(_A.book_id == _B.id, _A.isbn == _B.isbn))
        moves = moves.where(_B.stock > 0).with_for_update(key_share=True, of=BOOKS)
        self._log.write_from(self._connection, moves, "absent", self._now)

    def _refuse_held(self, error: Exception | None = None) -> NoReturn:
        """Raise `BookInUse` with a book that cannot be deleted, found by halves."""
        first, last = 0, self.count
        while last - first > 1:
            middle = (first + last) // 2
            first, last = (middle, last) if self._deletable(first, middle) else (first, middle)
        held = sa.select(_A.isbn).order_by(_A.isbn).offset(first).limit(1)
        raise BookInUse(
            f"The book {self._connection.execute(held).scalar_one()} is not in the file and cannot"
            " be deleted, because other records refer to it; nothing was written. --absent zero"
            " (over HTTP absent=zero) keeps such books, without stock."
        ) from error

    def _deletable(self, first: int, last: int) -> bool:
        """Whether no foreign key holds these of the absent books, by their order."""
        some = sa.select(_A.book_id).order_by(_A.isbn).offset(first).limit(last - first)
        savepoint = self._connection.begin_nested()
        try:
            self._connection.execute(sa.delete(BOOKS).where(_B.id.in_(some)))
            isbns = sa.select(_A.isbn).where(_A.book_id.in_(some))
            return not self._held_later(some, isbns)
        except IntegrityError:
            return False
        finally:
            savepoint.rollback()

    def _held_later(self, ids: Any, isbns: Any) -> bool:
        """Whether a foreign key would hold them at the commit, when nobody could say so."""
        return self._dialect.is_referenced(self._connection, {"id": ids, "isbn": isbns})

    def _books(self, statement: Any, return_books: bool) -> Sequence[Any]:
        if return_books:
            return self._connection.execute(statement.returning(*COLUMNS)).all()
        self._connection.execute(statement)
        return ()

    def _write(self, statement: Any) -> int:
        """Execute a writing statement; returns how many rows it wrote."""
        # SQLAlchemy keeps the row count of an INSERT only with this option.
        result = self._connection.execute(statement, execution_options={"preserve_rowcount": True})
        return result.rowcount
