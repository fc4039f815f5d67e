"""The basket: it lives in the visitor's signed session cookie until it is ordered."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from pyramid_bookstore import BookData, Bookstore, Hold
from pyramid_bookstore.errors import BookNotFound, HoldNotFound, HoldOver

#: A cookie holds 4 KiB: a basket must end somewhere.
MOST_TITLES = 20
MOST_COPIES = 10

#: Seconds for which the copies in a basket are kept while the visitor pays.
KEPT = 15 * 60

_KEY = "basket"
_HOLD = "hold"


class BasketFull(Exception):
    """There is no room for another title."""


@dataclass(frozen=True)
class Line:
    """One title in the basket, as it is in the shop now."""

    book: BookData
    quantity: int
    #: Copies that are there for this visitor: what is available, and what is held for the basket.
    available: int

    @property
    def total(self) -> Decimal:
        return self.book.price * self.quantity

    @property
    def short(self) -> bool:
        """Whether more copies are asked for than there are."""
        return self.available < self.quantity


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
        self._session.pop(_HOLD, None)  # it is for another basket now
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
        self._session.pop(_HOLD, None)

    @property
    def hold_id(self) -> UUID | None:
        """The hold that was placed for what is in the basket."""
        stored = self._session.get(_HOLD)
        return None if stored is None else UUID(stored)

    def hold(self, bookstore: Bookstore) -> Hold | None:
        """The hold for what is in the basket, as long as it lasts."""
        if self.hold_id is None:
            return None
        try:
            return bookstore.get_hold(self.hold_id)
        except (HoldNotFound, HoldOver):
            return None

    def keep(self, bookstore: Bookstore) -> None:
        """Have the copies kept while the visitor pays; raises `InsufficientStock`."""
        self.give_back(bookstore)
        lines = [{"id": book_id, "quantity": number} for book_id, number in self.copies.items()]
        hold = bookstore.hold(lines, ttl=KEPT, reference=self.order_id.hex)
        self._session[_HOLD] = hold.id.hex

    def give_back(self, bookstore: Bookstore) -> None:
        """Let others have the copies that are kept, if any are."""
        hold = self.hold(bookstore)
        if hold is not None:
            bookstore.release_hold(hold.id)
        self._session.pop(_HOLD, None)

    def lines(self, bookstore: Bookstore) -> list[Line]:
        """What is in it, with the books as they are now; books that are gone drop out."""
        lines = []
        hold = self.hold(bookstore)
        kept = {} if hold is None else {line.id: line.quantity for line in hold.lines}
        for book_id, number in self.copies.items():
            try:
                book = bookstore.get(book_id)
                assert isinstance(book.available, int), "the INI has bookstore.holds"
                lines.append(Line(book, number, book.available + kept.get(book_id, 0)))
            except BookNotFound:
                self.put(book_id, 0)
        return lines


def includeme(config: Any) -> None:
    """Add `request.basket`."""
    config.add_request_method(lambda request: Basket(request.session), name="basket", reify=True)
