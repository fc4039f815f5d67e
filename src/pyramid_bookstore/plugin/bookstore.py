"""`request.bookstore`: the bookstore's operations in one request's session and transaction."""

from typing import Any

from pyramid.request import Request
from sqlalchemy.orm import Session

from pyramid_bookstore.catalogue.extra import ExtraRules
from pyramid_bookstore.catalogue.service import CatalogueService
from pyramid_bookstore.catalogue.stock_options import StockOptions
from pyramid_bookstore.feeds.service import FeedsService
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.stock.hold_service import HoldService
from pyramid_bookstore.transactions.unit_of_work import RequestUnit, UnitOfWork
from pyramid_bookstore.web.mount import Mount

_ATTRIBUTE = "_bookstore"


class Bookstore(CatalogueService, HoldService, FeedsService):
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

        ``registry`` is that of the application (``pyramid.paster.bootstrap`` has it): its settings,
        its declared fields and its schema for ``extra`` hold. Without one, ``extra_schema`` is a
        colander schema for ``extra``, no fields are declared, and each call looks whether the
        database has movements or copies that are held; if so, it writes movements and respects
        holds, but the first movement of all is left to who has the setting. No events are sent.
        """
        unit = UnitOfWork(session)
        if registry is None:
            return cls(unit, rules=ExtraRules(extra_schema))
        mount = Mount.of(registry)
        return cls(unit, rules=mount.rules, stock=mount.stock)

    @property
    def session(self) -> Session:
        """The session of the transaction; the host's own one with `bookstore.dbsession`.

        Raises `RuntimeError` where no transaction runs that would commit what is written.
        """
        return self._unit.session

    def mark_written(self) -> None:
        """Mark the session as changed, so that it is committed: needed after your own SQL on it."""
        self._unit.mark_changed()


def stock_options(settings: Settings) -> StockOptions:
    """What the settings ask for beside the stock."""
    return StockOptions(
        holds=settings.holds,
        max_ttl=settings.holds_max_ttl,
        log=settings.stock_log,
        keep_days=settings.stock_log_keep_days,
    )


def bookstore_of(request: Request) -> Bookstore:
    """The `Bookstore` of this request, made on first use."""
    found: Bookstore | None = request.__dict__.get(_ATTRIBUTE)
    if found is None:
        mount = Mount.of(request.registry)
        found = request.__dict__[_ATTRIBUTE] = Bookstore(
            RequestUnit(request),
            rules=mount.rules,
            max_offset=mount.settings.max_offset,
            stock=mount.stock,
        )
    return found


#: `request.bookstore`; `host_checks` looks whether a host has replaced it.
BOOKSTORE = property(bookstore_of)
