"""Column types that hold the same values, exactly, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import BigInteger, DateTime, Integer, Numeric, Text, cast, type_coerce
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

#: Text ordered by code points on both databases, so that both sort alike.
FOLDED = Text().with_variant(Text(collation="C"), "postgresql")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """An aware datetime as whole microseconds since 1970, exactly."""
    return (moment - EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The inverse of `to_microseconds`, in UTC."""
    return EPOCH + timedelta(microseconds=microseconds)


def to_cents(amount: Decimal | int) -> int:
    """An amount with at most two decimals as whole cents."""
    return int(Decimal(amount).scaleb(2))


def from_cents(cents: int) -> Decimal:
    """Whole cents as an amount with two decimals."""
    return Decimal(cents).scaleb(-2)


class Money(TypeDecorator[Decimal]):
    """An exact amount with two decimals: NUMERIC(10, 2), on SQLite whole cents.

    SQLite's NUMERIC stores binary floats, so 0.1 + 0.2 would not be 0.3.
    """

    impl = Numeric(10, 2)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else self.impl)

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return to_cents(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return from_cents(value) if value is not None and dialect.name == "sqlite" else value


class UTCDateTime(TypeDecorator[datetime]):
    """A datetime in UTC to the microsecond: timestamptz, on SQLite microseconds since 1970."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else self.impl)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return to_microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if dialect.name == "sqlite":
            return from_microseconds(value)
        # PostgreSQL answers in the connection's time zone.
        moment: datetime = value.astimezone(UTC)
        return moment


class _JSON(UserDefinedType[str]):
    """PostgreSQL's json, which keeps the text as it was stored (jsonb would reorder it)."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        return "JSON"


class JSONText(TypeDecorator[msgspec.Raw]):
    """A JSON document, byte for byte as stored; json on PostgreSQL, text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else _JSON())

    def process_bind_param(self, value: msgspec.Raw | None, dialect: Dialect) -> Any:
        return None if value is None else bytes(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> msgspec.Raw | None:
        return None if value is None else msgspec.Raw(value.encode())

    def bind_expression(self, bindvalue: BindParameter[msgspec.Raw]) -> ColumnElement[Any]:
        return cast(bindvalue, self)

    def column_expression(self, column: ColumnElement[msgspec.Raw]) -> ColumnElement[Any]:
        return type_coerce(cast(column, Text), self)
