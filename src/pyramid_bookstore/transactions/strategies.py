"""Who commits: the one place that decides on whose transaction a request writes.

A *strategy* runs a writing view and ends its transaction:

=====================  ========================================  ==========================
strategy               applies when                              who commits
=====================  ========================================  ==========================
`HostTransaction`      a transaction manager is active for the   the host (pyramid_tm, or
                       request                                   a test)
`Autocommit`           the view sends one writing statement,     the database, with the
                       and nobody else takes part: no host's     statement; we try again
                       transaction or session, no subscriber,
                       no idempotency key
`OwnTransaction`       none is active; the session is our own,   we, by a manager of our
                       or the host's is registered with a        own or the host's; we try
                       transaction manager                       again
`HostSession`          none is active, and the host's session    we, by ``session.commit``
                       (``bookstore.dbsession``) has no manager
=====================  ========================================  ==========================

Where no transaction runs, our own writing views run in one of their own, so that the plug-in needs
no tween: a tween would act on all the host's routes.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid_tm import explicit_manager
from sqlalchemy import Connection
from transaction import TransactionManager

from pyramid_bookstore.db.diagnosis import READ_ONLY
from pyramid_bookstore.db.errors import diagnose, lost_connection
from pyramid_bookstore.transactions.events import has_subscribers
from pyramid_bookstore.transactions.sessions import (
    active_manager,
    registration,
    session_of,
)
from pyramid_bookstore.transactions.unit_of_work import AUTOCOMMIT
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.request_id import request_id

log = logging.getLogger(__name__)

View = Callable[[Any, Request], Response]


def transactional(view: View) -> View:
    """Decorator for views that write: all or nothing, tried again if the database asks for it."""

    def run(context: Any, request: Request) -> Response:
        return _transaction_of(request).run(view, context, request)

    return run


def one_statement(view: View) -> View:
    """Decorator for views that write with a single statement, which may go in autocommit: one round
    trip instead of three (6 to 17 % of a request)."""

    def run(context: Any, request: Request) -> Response:
        strategy = Autocommit() if _may_autocommit(request) else _transaction_of(request)
        return strategy.run(view, context, request)

    return run


def _may_autocommit(request: Request) -> bool:
    database = Mount.of(request.registry).database
    environ = request.environ
    return not (
        database is None
        or database.in_memory
        or active_manager(request) is not None
        or "app.dbsession" in environ
        or "HTTP_IDEMPOTENCY_KEY" in environ
        or has_subscribers(request)
    )


def _transaction_of(request: Request) -> "Strategy":
    if active_manager(request) is not None:
        return HostTransaction()
    manager = _hosts_manager(request)
    if manager is None and Mount.of(request.registry).database is None:
        return HostSession()
    return OwnTransaction(manager or explicit_manager(request))


def _hosts_manager(request: Request) -> TransactionManager | None:
    """The host's transaction manager, where it has one that does not run for this request."""
    manager: TransactionManager | None = getattr(request, "tm", None)
    if manager is None and Mount.of(request.registry).database is None:
        registered = registration(session_of(request))
        manager = registered.transaction_manager if registered else None
    return manager


class Strategy(ABC):
    """How a writing view is run, and who ends its transaction."""

    @abstractmethod
    def run(self, view: View, context: Any, request: Request) -> Response:
        """The view's answer, once what it wrote is committed, or is part of the host's."""


class HostTransaction(Strategy):
    """The host commits, tries again, or gives up."""

    def run(self, view: View, context: Any, request: Request) -> Response:
        return view(context, request)


class HostSession(Strategy):
    """A host with a session but no transaction manager: its session is committed here."""

    def run(self, view: View, context: Any, request: Request) -> Response:
        session = session_of(request)
        try:
            response = view(context, request)
            session.commit()
        except Exception:
            session.rollback()
            raise
        return response


class _Retryable(Exception):
    """The attempt left nothing behind, and another one may succeed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Retrying(Strategy):
    """Runs the view again while the database asks for it, `bookstore.retry.attempts` times."""

    def run(self, view: View, context: Any, request: Request) -> Response:
        left = Mount.of(request.registry).settings.retry_attempts
        while True:
            try:
                return self.attempt(view, context, request)
            except _Retryable as failed:
                left -= 1
                if not left:
                    raise failed.error from None
                said = getattr(failed.error, "orig", None) or failed.error
                log.info("Request %s is tried again: %s", request_id(request), said)

    @abstractmethod
    def attempt(self, view: View, context: Any, request: Request) -> Response:
        """Run it once; raises `_Retryable` where it left nothing behind."""


class Autocommit(_Retrying):
    """On a connection in autocommit mode, taken when the view comes to writing: what is refused
    before needs no database."""

    def attempt(self, view: View, context: Any, request: Request) -> Response:
        database = Mount.of(request.registry).database
        assert database is not None, "_may_autocommit looked"
        with ExitStack() as stack:

            @cache
            def open_connection() -> Connection:
                taken = stack.enter_context(database.reading.connect())
                # A statement that was lost on its way may have been carried out, so it is not sent
                # again. A connection that was closed in the pool is therefore found out before.
                if database.dialect.is_disconnected(taken.connection.dbapi_connection):
                    taken.invalidate()
                return taken

            request.__dict__[AUTOCOMMIT] = open_connection
            try:
                return view(context, request)
            except Exception as error:
                found = diagnose(error)
                # Refused by a server that became read-only: a new connection may reach its
                # successor.
                if found.kind == "retry" or found is READ_ONLY:
                    raise _Retryable(error) from error
                raise
            finally:
                del request.__dict__[AUTOCOMMIT]


class OwnTransaction(_Retrying):
    """A transaction of ours, with pyramid_tm's words in the environ so that all take part in it."""

    def __init__(self, manager: TransactionManager) -> None:
        self._manager = manager

    def attempt(self, view: View, context: Any, request: Request) -> Response:
        manager, environ = self._manager, request.environ
        environ["tm.active"] = True
        environ["tm.manager"] = manager
        if manager.explicit:  # one that is not begins by itself, and may have done so for the host
            manager.begin()
        try:
            response = view(context, request)
        except Exception as error:
            manager.abort()
            # Nothing was committed, so a connection found closed is as good as a lost race.
            if diagnose(error).kind == "retry" or lost_connection(error):
                raise _Retryable(error) from error
            raise
        else:
            self._commit()
            return response
        finally:
            environ.pop("tm.active", None)
            environ.pop("tm.manager", None)

    def _commit(self) -> None:
        try:
            self._manager.commit()
        except Exception as error:
            self._manager.abort()
            # Only where the database said that it rolled back. After a connection lost during
            # COMMIT nobody knows, and doing it again might do it twice.
            if diagnose(error).kind == "retry":
                raise _Retryable(error) from error
            raise
