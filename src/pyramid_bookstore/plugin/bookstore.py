"""`request.bookstore`: the bookstore's operations in one request's session and transaction."""

from typing import Any

from pyramid.request import Request
from sqlalchemy.orm import Session

from pyramid_bookstore.catalogue.extra import ExtraRules
from pyramid_bookstore.catalogue.service import CatalogueService
from pyramid_bookstore.feeds.service import FeedsService
from pyramid_bookstore.stock.service import StockService
from pyramid_bookstore.transactions.unit_of_work import RequestUnit, UnitOfWork
from pyramid_bookstore.web.mount import Mount

_ATTRIBUTE = "_bookstore"


class Bookstore(CatalogueService, StockService, FeedsService):
    """The bookstore's operations; all of them use one session and its transaction.

    Fields are given and checked as in the JSON of the HTTP API (``price`` an `int` or `Decimal`,
    never a `float`). Changes are sent to the database at once, so a refusal is raised by the call
    that caused it and leaves the transaction usable. Errors are those of
    :mod:`pyramid_bookstore.errors`; nothing here knows HTTP.

    `page` and `export` are internal: our own views call them with queries that are checked already.
    """

    @classmethod
    def on(cls, session: Session, *, extra_schema: Any = None, registry: Any = None) -> "Bookstore":
        """The bookstore on a session that the caller commits, for scripts without a request.

        ``registry`` is that of the application (``pyramid.paster.bootstrap`` has it): its declared
        fields and its schema for ``extra`` hold. Without one, ``extra_schema`` is a colander schema
        for ``extra``, and no fields are declared. No events are sent.
        """
        rules = ExtraRules(extra_schema) if registry is None else Mount.of(registry).rules
        return cls(UnitOfWork(session), rules=rules)

    @property
    def session(self) -> Session:
        """The session of the transaction; the host's own one with `bookstore.dbsession`.

        Raises `RuntimeError` where no transaction runs that would commit what is written.
        """
        return self._unit.session

    def mark_written(self) -> None:
        """Mark the session as changed, so that it is committed: needed after your own SQL on it."""
        self._unit.mark_changed()


def bookstore_of(request: Request) -> Bookstore:
    """The `Bookstore` of this request, made on first use."""
    found: Bookstore | None = request.__dict__.get(_ATTRIBUTE)
    if found is None:
        mount = Mount.of(request.registry)
        found = request.__dict__[_ATTRIBUTE] = Bookstore(
            RequestUnit(request),
            rules=mount.rules,
            max_offset=mount.settings.max_offset,
        )
    return found


#: `request.bookstore`; `host_checks` looks whether a host has replaced it.
BOOKSTORE = property(bookstore_of)
