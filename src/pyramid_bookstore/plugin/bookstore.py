"""`request.bookstore`: what the bookstore can do, on one request's session and transaction."""

from typing import Self

from pyramid.request import Request
from sqlalchemy.orm import Session

from pyramid_bookstore.catalogue.service import CatalogueService
from pyramid_bookstore.feeds.service import FeedsService
from pyramid_bookstore.stock.service import StockService
from pyramid_bookstore.transactions.unit_of_work import RequestUnit, UnitOfWork
from pyramid_bookstore.web.mount import Mount

_ATTRIBUTE = "_bookstore"


class Bookstore(CatalogueService, StockService, FeedsService):
    """The bookstore's operations; everything they read and write is in one session's transaction.

    Fields come in as the JSON of the HTTP API gives them (``price`` an `int` or `Decimal`, never a
    `float`) and are checked the same way. Changes are sent to the database at once, so a refusal is
    raised by the call that caused it and leaves the transaction usable. Raised are the exceptions
    of :mod:`pyramid_bookstore.errors`; nothing here knows HTTP.
    """

    @classmethod
    def on(cls, session: Session) -> Self:
        """The bookstore on a session that the caller commits, without a request: for scripts. No
        events are sent."""
        return cls(UnitOfWork(session))

    @property
    def session(self) -> Session:
        """The session of the transaction; on the host's own one, the host's rows are there too."""
        return self._unit.session

    def mark_written(self) -> None:
        """Say that there is something to commit; needed after SQL of one's own on the session."""
        self._unit.mark_changed()


def bookstore_of(request: Request) -> Bookstore:
    """The bookstore on this request's session and transaction, the same for the whole request."""
    found: Bookstore | None = request.__dict__.get(_ATTRIBUTE)
    if found is None:
        schema = Mount.of(request.registry).extra_schema
        found = request.__dict__[_ATTRIBUTE] = Bookstore(RequestUnit(request), extra_schema=schema)
    return found


#: `request.bookstore`. A property of ours, by which `host_checks` tells it from a host's.
BOOKSTORE = property(bookstore_of)
