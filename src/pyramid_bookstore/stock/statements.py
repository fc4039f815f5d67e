"""The statement that changes a stock."""

from functools import lru_cache

from sqlalchemy import ColumnElement, bindparam, update

from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.catalogue.statements import COLUMNS, Guard, guard_clauses, next_updated_at
from pyramid_bookstore.db.dialects import Dialect
from pyramid_bookstore.db.query import Query


@lru_cache(maxsize=64)
def stock_statement(dialect: Dialect, guard: Guard, holds: bool = False) -> Query:
    """Adds ``delta`` to a stock of ``low`` to ``high``, with ``holds`` at least ``low`` of which no
    hold keeps; returns the book."""
    # Not "stock + delta >= 0", as the sum may exceed the range of the column.
    stock = BOOKS.c.stock
    in_range: ColumnElement[bool] = stock.between(
        bindparam("low", type_=stock.type), bindparam("high", type_=stock.type)
    )
    written = {
        "stock": stock + bindparam("delta", type_=stock.type),
        "updated_at": next_updated_at(dialect),
    }
    if holds:
        in_range &= stock - BOOKS.c.held >= bindparam("low", type_=stock.type)
    statement = update(BOOKS).where(*guard_clauses(dialect, guard), in_range).values(written)
    return Query(statement.returning(*COLUMNS))
