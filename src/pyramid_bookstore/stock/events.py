"""The event of a book's stock."""

from dataclasses import dataclass

from pyramid_bookstore.catalogue.events import BookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(BookEvent):
    """The stock changed by ``delta``; ``book.stock`` is the new stock."""

    delta: int
