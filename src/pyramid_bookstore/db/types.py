"""Column types that hold the same values, exactly, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import BigInteger, DateTime, Integer, Numeric, Text, cast, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
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


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _nullable(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """For `result_processor`: called for each value, so without the calls around it that
    `process_result_value` has (4 % of a page of 20)."""
    return lambda value: None if value is None else convert(value)


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

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return _nullable(from_cents) if dialect.name == "sqlite" else None


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

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        # PostgreSQL answers in the connection's time zone.
        return _nullable(from_microseconds if dialect.name == "sqlite" else _in_utc)


class _JSON(UserDefinedType[str]):
    """PostgreSQL's json, which keeps the text as it was stored (jsonb would reorder it)."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        return "JSON"


class _JSONB(UserDefinedType[str]):
    """PostgreSQL's jsonb, as text."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        return "JSONB"


class Tokens(TypeDecorator[list[str]]):
    """A list of texts: text[] on PostgreSQL, a JSON array on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(Text()))

    def process_bind_param(self, value: Sequence[str] | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return msgspec.json.encode(value).decode()


class SortKeys(TypeDecorator[Mapping[str, str]]):
    """Texts by name: jsonb on PostgreSQL, JSON text on SQLite. Only written; SQL reads them."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else _JSONB())

    def process_bind_param(self, value: Mapping[str, str] | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.encode(value).decode()

    def bind_expression(self, bindvalue: BindParameter[Any]) -> ColumnElement[Any]:
        return cast(bindvalue, self)


class JSONText(TypeDecorator[msgspec.Raw]):
    """A JSON document, byte for byte as stored; json on PostgreSQL, text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else _JSON())

    def process_bind_param(self, value: msgspec.Raw | None, dialect: Dialect) -> Any:
        return None if value is None else bytes(value).decode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        return _nullable(lambda text: msgspec.Raw(text.encode()))

    def bind_expression(self, bindvalue: BindParameter[msgspec.Raw]) -> ColumnElement[Any]:
        return cast(bindvalue, self)

    def column_expression(self, column: ColumnElement[msgspec.Raw]) -> ColumnElement[Any]:
        return type_coerce(cast(column, Text), self)
