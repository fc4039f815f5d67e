"""What is kept beside the books and can be made from them again: `kept_on` lists it.

Triggers keep it in step. Whoever writes rows while they are off (``pg_restore --disable-triggers``,
a subscription, another program's copy of a table) leaves it behind; `bookstore check` then says so,
and `bookstore reindex` makes it anew.
"""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DatabaseError

from pyramid_bookstore.catalogue.models import BOOKS, Total
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.migrations import migration_lock, retry_while_locked
from pyramid_bookstore.db.revision import require_current


class Kept(ABC):
    """Something that is kept beside the books."""

    #: The word for it in what `check` and `reindex` print.
    subject: ClassVar[str]

    @abstractmethod
    def fault(self, connection: Connection) -> str:
        """What is wrong with it, as a sentence; ``""`` if nothing is. Reads only, and takes no lock
        that a writer would wait for."""

    def exact_fault(self, connection: Connection) -> str:
        """The same, for a transaction that may write: finds all that can be wrong."""
        return self.fault(connection)

    @abstractmethod
    def rebuild(self, connection: Connection) -> None:
        """Make it anew from the books, while others read and write."""


class KeptTotal(Kept):
    """The number of books, as the sum of the rows of `Total`."""

    subject = "total"

    _KEPT = select(func.sum(Total.books)).scalar_subquery()
    _COUNTED = select(func.count()).select_from(BOOKS).scalar_subquery()

    def fault(self, connection: Connection) -> str:
        # One statement, so that both numbers are of one moment.
        kept, counted = connection.execute(select(self._KEPT, self._COUNTED)).one()
        if kept == counted:
            return ""
        said = "no number is kept" if kept is None else f"{kept:,} are kept"
        return f"There are {counted:,} books, and {said}."

    def rebuild(self, connection: Connection) -> None:
        # Writers go on meanwhile. What they add, they add to both numbers, so the difference at the
        # moment of this statement is right, whatever the row has when its turn comes.
        difference = self._COUNTED - func.coalesce(self._KEPT, 0)
        statement = dialect_named(connection.dialect.name).insert(Total)
        statement = statement.values(slot=0, books=difference)
        changed = {"books": Total.books + statement.excluded.books}
        connection.execute(
            statement.on_conflict_do_update(index_elements=[Total.slot], set_=changed)
        )


class TextIndex(Kept):
    """SQLite's index of texts, which FTS5 has in tables of its own."""

    subject = "search"

    # FTS5 has a row for each text in this table.
    _MISSING = text(
        "SELECT count(*) FROM bookstore_books AS book WHERE NOT EXISTS"
        " (SELECT 1 FROM bookstore_search_docsize AS indexed WHERE indexed.id = book.seq)"
    )
    _LEFT_OVER = text(
        "SELECT count(*) FROM bookstore_search_docsize AS indexed WHERE NOT EXISTS"
        " (SELECT 1 FROM bookstore_books AS book WHERE book.seq = indexed.id)"
    )
    # With rank 1 it compares the index with the books, too.
    _CHECK = text("INSERT INTO bookstore_search (bookstore_search, rank) VALUES (:command, 1)")
    _REBUILD = text("INSERT INTO bookstore_search (bookstore_search) VALUES ('rebuild')")

    def fault(self, connection: Connection) -> str:
        missing = connection.scalar(self._MISSING) or 0
        left_over = connection.scalar(self._LEFT_OVER) or 0
        if not missing and not left_over:
            return ""
        return (
            f"The index of texts lacks {missing:,} books, and has {left_over:,} that are not there."
        )

    def exact_fault(self, connection: Connection) -> str:
        try:
            connection.execute(self._CHECK, {"command": "integrity-check"})
        except DatabaseError as error:
            if getattr(error.orig, "sqlite_errorcode", 0) != sqlite3.SQLITE_CORRUPT_VTAB:
                raise
            return self.fault(connection) or "The index of texts has other words than the books."
        return ""

    def rebuild(self, connection: Connection) -> None:
        connection.execute(self._REBUILD)


_KEPT: dict[str, Sequence[Kept]] = {
    "sqlite": (KeptTotal(), TextIndex()),
    # Its indexes are the database's own, and in step whatever is off.
    "postgresql": (KeptTotal(),),
}


def kept_on(dialect: str) -> Sequence[Kept]:
    """All that is kept on a database, by SQLAlchemy's name of it."""
    return _KEPT[dialect]


def mend(engine: Engine, kept: Kept) -> str:
    """Make it anew if it is wrong, in one transaction; returns what was wrong, as `Kept.fault`.

    Several processes may do so at once. Raises `Unavailable` if the database's schema is not at the
    code's revision.
    """

    def work() -> str:
        # Two that add the same difference at once would add it twice.
        with migration_lock(engine) as connection:
            require_current(connection)
            fault = kept.exact_fault(connection)
            if fault:
                kept.rebuild(connection)
            return fault

    return retry_while_locked(work)
