"""The tables, as SQLAlchemy models.

What the database itself guards is here too: a constraint's name says which rule it stands for, and
:mod:`pyramid_bookstore.books.constraints` turns that name into the refusal a client reads.
The migrations in ``alembic/`` build the same tables; a test holds the two against each other.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from pyramid_bookstore.db.types import JSONText, Money, UTCDateTime

#: Text ordered by code points on both databases, so that both sort alike.
FOLDED = Text().with_variant(Text(collation="C"), "postgresql")


class Base(DeclarativeBase):
    """Own metadata: the host's models and the bookstore's never meet in one ``create_all``."""

    metadata = MetaData()


class Book(Base):
    """One book as stored.

    ``title_folded`` and ``author_folded`` are what `pyramid_bookstore.text.fold` makes of the
    fields they are named after, written with them. The indexes that search by parts of them are
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


class IdempotencyKey(Base):
    """An answer that was given under an idempotency key, kept to be given again."""

    __tablename__ = "bookstore_idempotency_keys"
    __table_args__ = (Index("bookstore_idempotency_keys_expires_at_idx", "expires_at"),)

    #: A digest of caller, route and key: how a caller names its keys is nobody else's business.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: A digest of the request's body.
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(SmallInteger)
    #: A JSON object.
    headers: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


#: For `Session.connection` and the like: a host's session may have several databases, by model.
OF_BOOKS: dict[str, Any] = {"mapper": Book}
