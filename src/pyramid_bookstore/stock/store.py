"""Writing stock: the statement itself decides whether there is enough."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.catalogue.data import BookData, book_from_row
from pyramid_bookstore.catalogue.statements import guard_of
from pyramid_bookstore.catalogue.store import ATTEMPTS, Store, overtaken
from pyramid_bookstore.errors import Fault, InsufficientStock, ValidationFailed
from pyramid_bookstore.stock.statements import stock_statement
from pyramid_bookstore.transactions.writers import Writer
from pyramid_bookstore.values.condition import Condition
from pyramid_bookstore.values.types import INTEGER_MAX


def change_stock(writer: Writer, book_id: UUID, delta: int, condition: Condition) -> BookData:
    """``delta`` copies more or less. Raises `BookNotFound`, `VersionMismatch`,
    `InsufficientStock`, and `ValidationFailed` past the maximum or for a book that is free.
    """
    guard, parameters = guard_of(condition)
    statement = stock_statement(writer.dialect, guard._replace(priced=delta > 0))
    parameters |= {"book_id": book_id, "delta": delta}
    parameters |= {"low": max(0, -delta), "high": min(INTEGER_MAX, INTEGER_MAX - delta)}
    for _ in range(ATTEMPTS):
        parameters["now"] = datetime.now(UTC)
        row = writer.write(statement, parameters)
        if row is not None:
            return book_from_row(row)
        found = Store(writer).checked(book_id, condition)
        if found.stock + delta < 0:
            raise InsufficientStock(found.stock)
        if found.stock + delta > INTEGER_MAX:
            message = f"Would take the stock of {found.stock} above {INTEGER_MAX}."
            raise ValidationFailed([Fault("delta", "/delta", message)])
        if found.price == 0 and delta > 0:
            raise ValidationFailed([Fault("delta", "/delta", FREE_STOCK)])
    raise overtaken()
