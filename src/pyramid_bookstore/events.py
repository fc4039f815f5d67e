"""What happened to a book or a hold, for subscribers of the host.

`BookCreated`, `BookUpdated`, `BookDeleted`, `StockChanged`, `HoldPlaced`, `HoldCommitted` and
`HoldReleased` are sent inside the transaction,
after the change and before the commit: a subscriber sees the change, may write rows of its own on
the same session, and undoes everything by raising. `ChangesCommitted` is sent once after the
commit; what a subscriber raises there can undo nothing any more and is only logged.

::

    @subscriber(StockChanged)
    def reorder(event):
        if event.book.stock < 5:
            event.request.dbsession.add(Reorder(isbn=event.book.isbn))
"""

from pyramid_bookstore.catalogue.events import BookCreated, BookDeleted, BookEvent, BookUpdated
from pyramid_bookstore.stock.events import (
    HoldCommitted,
    HoldEvent,
    HoldPlaced,
    HoldReleased,
    StockChanged,
)
from pyramid_bookstore.transactions.events import ChangesCommitted

__all__ = [
    "BookCreated",
    "BookDeleted",
    "BookEvent",
    "BookUpdated",
    "ChangesCommitted",
    "HoldCommitted",
    "HoldEvent",
    "HoldPlaced",
    "HoldReleased",
    "StockChanged",
]
