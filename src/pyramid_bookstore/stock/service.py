"""Changes of the stock, in one unit of work."""

from uuid import UUID

from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.service import Service, parse_book_id
from pyramid_bookstore.catalogue.statements import book_from_row, guard_of
from pyramid_bookstore.catalogue.store import ATTEMPTS, Store, too_many_retries
from pyramid_bookstore.errors import Fault, InsufficientStock, ValidationFailed
from pyramid_bookstore.stock.events import StockChanged
from pyramid_bookstore.stock.schema import validate_stock_change
from pyramid_bookstore.stock.statements import stock_statement
from pyramid_bookstore.transactions.writers import Writer
from pyramid_bookstore.values.condition import ANY_STATE, Condition
from pyramid_bookstore.values.moments import now
from pyramid_bookstore.values.types import INTEGER_MAX


class StockService(Service):
    """Changes of the stock."""

    def change_stock(
        self, book_id: UUID | str, delta: int, condition: Condition = ANY_STATE
    ) -> BookData:
        """Add ``delta`` copies, or remove them if it is below 0, in one statement.

        Raises `BookNotFound`, `VersionMismatch`, `InsufficientStock` if fewer are left, and
        `ValidationFailed` if the stock would exceed its maximum or the book is free of charge.
        """
        delta = validate_stock_change({"delta": delta})
        uuid, writer = parse_book_id(book_id), self._unit.writer()
        with self._unit.event_savepoint():
            if not delta:  # as every change that changes nothing
                return Store(writer).require(uuid, condition)
            book = _changed(writer, uuid, delta, condition)
            self._unit.announce(StockChanged, book=book, delta=delta)
        return book


def _changed(writer: Writer, book_id: UUID, delta: int, condition: Condition) -> BookData:
    guard, parameters = guard_of(condition)
    statement = stock_statement(writer.dialect, guard._replace(priced=delta > 0))
    parameters |= {"book_id": book_id, "delta": delta}
    parameters |= {"low": max(0, -delta), "high": min(INTEGER_MAX, INTEGER_MAX - delta)}
    for _ in range(ATTEMPTS):
        parameters["now"] = now()
        row = writer.write(statement, parameters)
        if row is not None:
            return book_from_row(row)
        book = Store(writer).require(book_id, condition)
        if book.stock + delta < 0:
            raise InsufficientStock(book.stock)
        if book.stock + delta > INTEGER_MAX:
            message = f"Would take the stock of {book.stock} above {INTEGER_MAX}."
            raise ValidationFailed([Fault("delta", "/delta", message)])
        if book.price == 0 and delta > 0:
            raise ValidationFailed([Fault("delta", "/delta", FREE_STOCK)])
    raise too_many_retries()
