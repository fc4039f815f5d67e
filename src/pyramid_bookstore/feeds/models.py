"""The table of the books that came with each source."""

from uuid import UUID

from sqlalchemy import Boolean, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from pyramid_bookstore.db.base import Base

#: Characters of a source's name.
LONGEST_SOURCE = 100


class Member(Base):
    """A book that came with a source. Triggers remove it with its book, see the migration."""

    __tablename__ = "bookstore_sources"
    __table_args__ = (
        Index("bookstore_sources_book_id_idx", "book_id"),
        {"sqlite_with_rowid": False},
    )

    source: Mapped[str] = mapped_column(String(LONGEST_SOURCE), primary_key=True)
    book_id: Mapped[UUID] = mapped_column(primary_key=True)
    #: Whether it was not in a later file, and its stock was set to 0.
    absent: Mapped[bool] = mapped_column(Boolean)
