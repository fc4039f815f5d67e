"""What happens to the copies of a book."""

from dataclasses import dataclass

from pyramid_bookstore.catalogue.events import BookEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(BookEvent):
    """Copies came in or went out, ``delta`` of them; ``book.stock`` is what is there now."""

    delta: int
