"""Ordering: the shop's rows and the bookstore's stock change in one transaction, or neither."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.errors import BookNotFound, InsufficientStock
from storefront.models import Order, OrderLine


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
    agreed: Decimal,
) -> Order:
    """Take the copies out of stock and write the order, all in the session's transaction.

    ``agreed`` is the sum that the customer saw. Raises `OrderRefused` and `AlreadyPlaced`, both of
    which must end the transaction: some of the copies may be out of stock already.
    """
    order = Order(id=order_id, user_id=user_id, placed_at=datetime.now(UTC), total=agreed)
    dbsession.add(order)
    try:
        dbsession.flush()
    except IntegrityError as error:
        raise AlreadyPlaced(order_id) from error

    problems: list[str] = []
    # Always in one sequence, so that two orders of the same books never wait for each other.
    for position, book_id in enumerate(sorted(copies)):
        wanted = copies[book_id]
        try:
            book = bookstore.change_stock(book_id, -wanted)
        except InsufficientStock as short:
            title = bookstore.get(book_id).title
            problems.append(_too_few(title, wanted, short.available))
        except BookNotFound:
            problems.append("A book in your basket is no longer in our catalogue.")
        else:
            order.lines.append(
                OrderLine(
                    position=position,
                    book_id=book.id,
                    isbn=book.isbn,
                    title=book.title,
                    author=book.author,
                    quantity=wanted,
                    price=book.price,
                )
            )
    if not problems and sum(line.total for line in order.lines) != agreed:
        problems.append("A price has changed since you looked. Please see whether you still agree.")
    if problems:
        raise OrderRefused(problems)
    return order


def _too_few(title: str, wanted: int, left: int) -> str:
    if left == 0:
        return f"Sorry, the last copy of “{title}” has just been sold."
    copies = "1 copy" if left == 1 else f"{left} copies"
    return f"Sorry, there is only {copies} of “{title}” left; you asked for {wanted}."
