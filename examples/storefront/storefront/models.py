"""The shop's own tables. Books are not among them: those are the bookstore's."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Uuid,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator


class Cents(TypeDecorator[Decimal]):
    """An exact price with two decimals on any database, kept as whole cents."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value * 100)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)


class UTCTime(TypeDecorator[datetime]):
    """A moment; SQLite forgets the time zone, which is UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The shop's metadata; named constraints let migrations find them again."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class User(Base):
    """Somebody who can sign in."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('customer', 'staff')", name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str] = mapped_column(String(255))


class Order(Base):
    """What somebody bought. The id is the basket's, so that a basket is ordered once only."""

    __tablename__ = "orders"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    placed_at: Mapped[datetime] = mapped_column(UTCTime, index=True)
    total: Mapped[Decimal] = mapped_column(Cents)

    user: Mapped[User] = relationship()
    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position")

    @property
    def number(self) -> str:
        """Short enough to be read out on the telephone."""
        return self.id.hex[:8].upper()

    @property
    def copies(self) -> int:
        return sum(line.quantity for line in self.lines)


class OrderLine(Base):
    """One title of an order, as it was sold: the book may change later, or go."""

    __tablename__ = "order_lines"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    book_id: Mapped[UUID] = mapped_column(Uuid)
    isbn: Mapped[str] = mapped_column(String(13))
    title: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    quantity: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Cents)

    @property
    def total(self) -> Decimal:
        return self.price * self.quantity


class StockNote(Base):
    """A note for the staff that a book is running out."""

    __tablename__ = "stock_notes"

    book_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    isbn: Mapped[str] = mapped_column(String(13))
    title: Mapped[str] = mapped_column(String(255))
    stock: Mapped[int]
    noted_at: Mapped[datetime] = mapped_column(UTCTime)
