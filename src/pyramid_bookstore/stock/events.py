"""The events of a book's stock, and of holds."""

from dataclasses import dataclass

from pyramid_bookstore.catalogue.events import BookEvent
from pyramid_bookstore.stock.holds import Hold
from pyramid_bookstore.transactions.events import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(BookEvent):
    """The stock changed by ``delta``; ``book.stock`` is the new stock."""

    delta: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldEvent(Change):
    """Something happened to a hold; a subscriber to this class receives every kind."""

    hold: Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldPlaced(HoldEvent):
    """Copies are held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldCommitted(HoldEvent):
    """The copies were taken out of stock; a `StockChanged` of each book is sent too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased(HoldEvent):
    """The copies were given back. It is not sent for a hold that runs out: nobody does that."""
