"""Who commits: each writing view runs by one of these strategies.

=====================  ========================================  ==========================
strategy               applies when                              who commits
=====================  ========================================  ==========================
`HostTransaction`      a transaction manager is active for the   the host (pyramid_tm, or
                       request                                   a test)
`Autocommit`           the view sends one writing statement;     the database, with the
                       there is no host's transaction or         statement; we retry
                       session, no subscriber, no idempotency
                       key, and neither holds nor a log of stock
`OwnTransaction`       none is active; the session is our own,   we, by a manager of our
                       or the host's is registered with a        own or the host's; we
                       transaction manager                       retry
`HostSession`          none is active, and the host's session    we, by ``session.commit``
                       (``bookstore.dbsession``) has no manager
=====================  ========================================  ==========================

There is no tween for this, because a tween would act on all routes of the host.
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

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.diagnosis import READ_ONLY
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.errors import diagnose, lost_connection
from pyramid_bookstore.errors import BookInUse
from pyramid_bookstore.transactions.events import has_subscribers
from pyramid_bookstore.transactions.sessions import (
    active_manager,
    registration,
    session_of,
)
from pyramid_bookstore.transactions.unit_of_work import AUTOCOMMIT, GONE
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.request_id import request_id

log = logging.getLogger(__name__)

View = Callable[[Any, Request], Response]


def transactional(view: View) -> View:
    """Decorator for views that write in a transaction."""

    checked = _checked(view)

    def run(context: Any, request: Request) -> Response:
        return _transaction_of(request).run(checked, context, request)

    return run


def one_statement(view: View) -> View:
    """Decorator for views that write with a single statement, so that autocommit is possible: one
    round trip instead of three (6 to 17 % of a request)."""

    checked = _checked(view)

    def run(context: Any, request: Request) -> Response:
        strategy = Autocommit() if _may_autocommit(request) else _transaction_of(request)
        return strategy.run(checked, context, request)

    return run


def _checked(view: View) -> View:
    """The view, which raises `BookInUse` for a deferred foreign key: at the host's commit it would
    speak above our error view. Subscribers had their chance to delete what refers to the book."""

    def run(context: Any, request: Request) -> Response:
        request.__dict__.pop(GONE, None)
        response = view(context, request)
        for books in request.__dict__.pop(GONE, ()):
            connection = session_of(request).connection(BIND)
            if dialect_named(connection.dialect.name).is_referenced(connection, books):
                raise BookInUse
        return response

    return run


def _may_autocommit(request: Request) -> bool:
    mount, environ = Mount.of(request.registry), request.environ
    database = mount.database
    return not (
        database is None
        # With these, a change may be more than one statement.
        or mount.settings.holds
        or mount.settings.stock_log
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
    """The host's transaction manager, if it has one; it is not active for this request."""
    manager: TransactionManager | None = getattr(request, "tm", None)
    if manager is None and Mount.of(request.registry).database is None:
        registered = registration(session_of(request))
        manager = registered.transaction_manager if registered else None
    return manager


class Strategy(ABC):
    """How a writing view is run, and who ends its transaction."""

    @abstractmethod
    def run(self, view: View, context: Any, request: Request) -> Response:
        """The view's answer; its writes are committed, or in the host's transaction."""


class HostTransaction(Strategy):
    """The host commits and retries."""

    def run(self, view: View, context: Any, request: Request) -> Response:
        return view(context, request)


class HostSession(Strategy):
    """The host has a session but no transaction manager."""

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
    """The attempt wrote nothing, and another one may succeed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Retrying(Strategy):
    """Retries the view, up to `bookstore.retry.attempts` in all."""

    def run(self, view: View, context: Any, request: Request) -> Response:
        attempts_left = Mount.of(request.registry).settings.retry_attempts
        while True:
            try:
                return self.attempt(view, context, request)
            except _Retryable as failed:
                attempts_left -= 1
                if not attempts_left:
                    raise failed.error from None
                reason = getattr(failed.error, "orig", None) or failed.error
                log.info("Request %s is tried again: %s", request_id(request), reason)

    @abstractmethod
    def attempt(self, view: View, context: Any, request: Request) -> Response:
        """Run the view once; raises `_Retryable`."""


class Autocommit(_Retrying):
    """Uses a connection in autocommit mode, taken at the first statement, so that a request that is
    refused before needs no database."""

    def attempt(self, view: View, context: Any, request: Request) -> Response:
        database = Mount.of(request.registry).database
        assert database is not None, "see _may_autocommit"
        with ExitStack() as stack:

            @cache
            def open_connection() -> Connection:
                connection = stack.enter_context(database.reading.connect())
                # A statement must not be sent again if the connection fails during it, because it
                # may have been executed. So connections that are closed already are found before.
                if database.dialect.is_disconnected(connection.connection.dbapi_connection):
                    connection.invalidate()
                return connection

            request.__dict__[AUTOCOMMIT] = open_connection
            try:
                return view(context, request)
            except Exception as error:
                diagnosis = diagnose(error)
                # After a failover the old primary is read-only; a new connection may reach the new
                # one.
                if diagnosis.kind == "retry" or diagnosis is READ_ONLY:
                    raise _Retryable(error) from error
                raise
            finally:
                del request.__dict__[AUTOCOMMIT]


class OwnTransaction(_Retrying):
    """Begins and commits a transaction, with pyramid_tm's keys in the environ, so that `sessions`
    and the host's code join it."""

    def __init__(self, manager: TransactionManager) -> None:
        self._manager = manager

    def attempt(self, view: View, context: Any, request: Request) -> Response:
        manager, environ = self._manager, request.environ
        environ["tm.active"] = True
        environ["tm.manager"] = manager
        if manager.explicit:  # others begin by themselves, and may have begun for the host
            manager.begin()
        try:
            response = view(context, request)
        except Exception as error:
            manager.abort()
            # Nothing was committed, so a lost connection can be retried as well.
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
            # Only if the database reports a rollback. After a connection lost during COMMIT the
            # result is unknown, and a retry could write twice.
            if diagnose(error).kind == "retry":
                raise _Retryable(error) from error
            raise
