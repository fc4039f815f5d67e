"""The basket: it lives in the visitor's signed session cookie until it is ordered."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from pyramid_bookstore import BookData, Bookstore
from pyramid_bookstore.errors import BookNotFound

#: A cookie holds 4 KiB: a basket must end somewhere.
MOST_TITLES = 20
MOST_COPIES = 10

_KEY = "basket"


class BasketFull(Exception):
    """There is no room for another title."""


@dataclass(frozen=True)
class Line:
    """One title in the basket, as it is in the shop now."""

    book: BookData
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.book.price * self.quantity

    @property
    def short(self) -> bool:
        """Whether more copies are asked for than there are."""
        return self.book.stock < self.quantity


class Basket:
    """What a visitor wants to buy: numbers of copies by the book's id."""

    def __init__(self, session: MutableMapping[str, Any]) -> None:
        self._session = session

    def _stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = self._session.get(_KEY) or {"order": uuid4().hex, "copies": {}}
        return stored

    @property
    def copies(self) -> dict[UUID, int]:
        """Numbers of copies by the book's id, in the order in which they were put in."""
        return {UUID(book_id): number for book_id, number in self._stored()["copies"].items()}

    @property
    def count(self) -> int:
        """How many copies in all."""
        return sum(self._stored()["copies"].values())

    @property
    def order_id(self) -> UUID:
        """The id that the order of this basket will have, however often it is sent."""
        return UUID(self._stored()["order"])

    def put(self, book_id: UUID, number: int) -> None:
        """Have this number of copies in the basket, 0 for none; raises `BasketFull`."""
        stored = self._stored()
        copies = {**stored["copies"], book_id.hex: min(number, MOST_COPIES)}
        if number <= 0:
            del copies[book_id.hex]
        if len(copies) > MOST_TITLES:
            raise BasketFull
        self._session[_KEY] = {**stored, "copies": copies}

    def add(self, book_id: UUID, number: int) -> None:
        """Put so many more copies in; raises `BasketFull`."""
        self.put(book_id, self.copies.get(book_id, 0) + number)

    def empty(self) -> None:
        """Take everything out; what comes in next will be another order."""
        self._session.pop(_KEY, None)

    def lines(self, bookstore: Bookstore) -> list[Line]:
        """What is in it, with the books as they are now; books that are gone drop out."""
        lines = []
        for book_id, number in self.copies.items():
            try:
                lines.append(Line(bookstore.get(book_id), number))
            except BookNotFound:
                self.put(book_id, 0)
        return lines


def includeme(config: Any) -> None:
    """Add `request.basket`."""
    config.add_request_method(lambda request: Basket(request.session), name="basket", reify=True)
