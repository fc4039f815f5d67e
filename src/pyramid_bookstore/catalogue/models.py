"""The tables, as SQLAlchemy models.

What the database itself guards is here too: a constraint's name says which rule it stands for, and
:mod:`pyramid_bookstore.catalogue.constraints` turns that name into the refusal a client reads.
The migrations in ``alembic/`` build the same tables; a test holds the two against each other.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from pyramid_bookstore.db.base import BIND, Base
from pyramid_bookstore.db.types import FOLDED, JSONText, Money, UTCDateTime


class Book(Base):
    """One book as stored.

    ``title_folded`` and ``author_folded`` are what `folding.fold` makes of the fields that they are
    named after, written with them. The indexes that search by parts of them are
    the migrations' own (0002): each database has its own kind.
    """

    __tablename__ = "bookstore_books"
    __table_args__ = (
        UniqueConstraint("isbn", name="bookstore_books_isbn_key"),
        CheckConstraint("price >= 0", name="bookstore_books_price_check"),
        CheckConstraint("stock >= 0 AND stock <= 2147483647", name="bookstore_books_stock_check"),
        CheckConstraint("price > 0 OR stock = 0", name="bookstore_books_free_stock_check"),
        CheckConstraint("length(isbn) = 13", name="bookstore_books_isbn_check"),
        CheckConstraint(
            "length(title) >= 1 AND length(title) <= 255", name="bookstore_books_title_check"
        ),
        CheckConstraint(
            "length(author) >= 1 AND length(author) <= 255", name="bookstore_books_author_check"
        ),
        CheckConstraint("length(description) <= 10000", name="bookstore_books_description_check"),
        # One index an allowed sort, each with the id that breaks ties: a page reads only itself.
        Index("bookstore_books_created_at_idx", "created_at", "id"),
        Index("bookstore_books_updated_at_idx", "updated_at", "id"),
        Index("bookstore_books_title_idx", "title_folded", "id"),
        Index("bookstore_books_author_idx", "author_folded", "id"),
        Index("bookstore_books_price_idx", "price", "id"),
        Index("bookstore_books_stock_idx", "stock", "id"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    title: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    isbn: Mapped[str] = mapped_column(String(13))
    price: Mapped[Decimal] = mapped_column(Money)
    stock: Mapped[int] = mapped_column(Integer)
    description: Mapped[str | None] = mapped_column(Text)
    extra: Mapped[str] = mapped_column(JSONText)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    title_folded: Mapped[str] = mapped_column(FOLDED)
    author_folded: Mapped[str] = mapped_column(FOLDED)


class Total(Base):
    """How many books there are, kept by triggers so that nobody counts; the sum of all rows.

    On PostgreSQL each server process adds to a slot of its own, so that writers do not wait for
    each other; SQLite has one writer at a time and one slot.
    """

    __tablename__ = "bookstore_totals"

    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    books: Mapped[int] = mapped_column(BigInteger)


BIND["mapper"] = Book
