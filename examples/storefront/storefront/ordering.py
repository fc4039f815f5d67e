"""Ordering: the shop's rows and the bookstore's stock change in one transaction, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pyramid_bookstore import BookData, Bookstore
from pyramid_bookstore.errors import (
    BookNotFound,
    HoldNotFound,
    HoldOver,
    InsufficientStock,
    ShortLine,
    ValidationFailed,
)
from storefront.models import Order, OrderLine

_GONE = "A book in your basket is no longer in our catalogue."


class OrderRefused(Exception):
    """The order cannot be; ``problems`` says why, in sentences for the customer."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class AlreadyPlaced(Exception):
    """This basket was ordered before, by a second click on the button, say."""

    def __init__(self, order_id: UUID) -> None:
        super().__init__(str(order_id))
        self.order_id = order_id


def place_order(
    dbsession: Session,
    bookstore: Bookstore,
    *,
    order_id: UUID,
    user_id: int,
    copies: Mapping[UUID, int],
    hold_id: UUID | None,
    agreed: Decimal,
) -> Order:
    """Take the copies out of stock and write the order, all in the session's transaction.

    ``hold_id`` is that of the copies that were kept for the customer, and ``agreed`` the sum that
    the customer saw. Raises `OrderRefused` and `AlreadyPlaced`, both of which must end the
    transaction: the copies may be out of stock already.
    """
    order = Order(id=order_id, user_id=user_id, placed_at=datetime.now(UTC), total=agreed)
    dbsession.add(order)
    try:
        dbsession.flush()
    except IntegrityError as error:
        raise AlreadyPlaced(order_id) from error

    problems: list[str] = []
    try:
        _take(bookstore, order, copies, hold_id)
    except InsufficientStock as short:
        problems += [_too_few(bookstore, copies[line.id], line) for line in short.lines]
    except ValidationFailed:  # the basket names books that are not there
        problems.append(_GONE)
    else:
        order.lines += [
            _line(position, bookstore.get(book_id), wanted)
            for position, (book_id, wanted) in enumerate(copies.items())
        ]
    if not problems and sum(line.total for line in order.lines) != agreed:
        problems.append("A price has changed since you looked. Please see whether you still agree.")
    if problems:
        raise OrderRefused(problems)
    return order


def _take(
    bookstore: Bookstore, order: Order, copies: Mapping[UUID, int], hold_id: UUID | None
) -> None:
    """Take what is held for the order, or whatever is there, in one go."""
    if hold_id is not None:
        try:
            bookstore.commit_hold(hold_id)
        except (HoldNotFound, HoldOver):
            pass  # too late, but there may be copies still
        else:
            return
    lines = [{"id": book_id, "delta": -wanted} for book_id, wanted in copies.items()]
    bookstore.change_stocks(lines, reason="sale", reference=order.number)


def _line(position: int, book: BookData, wanted: int) -> OrderLine:
    return OrderLine(
        position=position,
        book_id=book.id,
        isbn=book.isbn,
        title=book.title,
        author=book.author,
        quantity=wanted,
        price=book.price,
    )


def _too_few(bookstore: Bookstore, wanted: int, line: ShortLine) -> str:
    try:
        title = bookstore.get(line.id).title
    except BookNotFound:
        return _GONE
    if line.available == 0:
        return f"Sorry, the last copy of “{title}” has just been sold."
    copies = "1 copy" if line.available == 1 else f"{line.available} copies"
    return f"Sorry, there is only {copies} of “{title}” left; you asked for {wanted}."
