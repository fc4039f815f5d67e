"""The transaction around a request that writes.

Where the host runs one (pyramid_tm, or a test), the request is part of it, and it is the host that
commits, retries or gives up. Where none runs, the bookstore's own writing views run in one of their
own, so that the plug-in needs no tween: a tween would act on all the host's routes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

from pyramid.request import Request
from pyramid.response import Response
from pyramid_tm import explicit_manager
from sqlalchemy import Connection
from transaction import TransactionManager

from pyramid_bookstore.announcing import heard
from pyramid_bookstore.db.diagnosis import READ_ONLY
from pyramid_bookstore.db.errors import diagnose, lost_connection
from pyramid_bookstore.http.request_id import request_id
from pyramid_bookstore.mount import Mount
from pyramid_bookstore.sessions import ALONE, active_manager, registration, session_of

log = logging.getLogger(__name__)

View = Callable[[Any, Request], Response]


def unit_of_work(view: View) -> View:
    """Decorator for views that write: all or nothing, tried again if the database asks for it."""

    def in_transaction(context: Any, request: Request) -> Response:
        if active_manager(request) is not None:
            return view(context, request)
        mount = Mount.of(request.registry)
        if mount.database is None and _hosts_manager(request) is None:
            return _in_hosts_session(view, context, request)
        return _again_and_again(_attempt, view, context, request)

    return in_transaction


def one_statement(view: View) -> View:
    """Decorator for views that write with a single statement.

    A statement is a transaction of its own, so where nobody else takes part (no host's transaction
    or session, no subscriber, no idempotency key) it goes alone, in one round trip instead of
    three. Otherwise this is `unit_of_work`.
    """
    in_transaction = unit_of_work(view)

    def perhaps_alone(context: Any, request: Request) -> Response:
        database = Mount.of(request.registry).database
        environ = request.environ
        if (
            database is None
            or database.in_memory
            or active_manager(request) is not None
            or "app.dbsession" in environ
            or "HTTP_IDEMPOTENCY_KEY" in environ
            or heard(request)
        ):
            return in_transaction(context, request)
        return _again_and_again(_alone, view, context, request)

    return perhaps_alone


def _again_and_again(
    attempt: Callable[[View, Any, Request], Response], view: View, context: Any, request: Request
) -> Response:
    left = Mount.of(request.registry).settings.retry_attempts
    while True:
        try:
            return attempt(view, context, request)
        except _Retryable as overtaken:
            left -= 1
            if not left:
                raise overtaken.error from None
            said = getattr(overtaken.error, "orig", None) or overtaken.error
            log.info("Request %s is tried again: %s", request_id(request), said)


def _alone(view: View, context: Any, request: Request) -> Response:
    """One attempt on a connection in autocommit mode, taken when the view comes to writing: what
    is refused before needs no database."""
    database = Mount.of(request.registry).database
    assert database is not None, "one_statement looked"
    with ExitStack() as stack:

        @cache
        def connection() -> Connection:
            taken = stack.enter_context(database.reading.connect())
            # A statement that was lost on its way may have been carried out, so it is not sent
            # again. A connection that died in the pool is therefore found out before.
            if database.dialect.died(taken.connection.dbapi_connection):
                taken.invalidate()
            return taken

        request.__dict__[ALONE] = connection
        try:
            return view(context, request)
        except Exception as error:
            found = diagnose(error)
            # Refused by a server that became read-only: a new connection may reach its successor.
            if found.kind == "retry" or found is READ_ONLY:
                raise _Retryable(error) from error
            raise
        finally:
            del request.__dict__[ALONE]


class _Retryable(Exception):
    """The attempt left nothing behind, and another one may succeed."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _attempt(view: View, context: Any, request: Request) -> Response:
    """One transaction, with pyramid_tm's words in the environ so that all take part in it."""
    manager = _hosts_manager(request) or explicit_manager(request)
    environ = request.environ
    environ["tm.active"] = True
    environ["tm.manager"] = manager
    if manager.explicit:  # one that is not begins by itself, and may have done so for the host
        manager.begin()
    try:
        response = view(context, request)
    except Exception as error:
        manager.abort()
        # Nothing was committed, so a connection found dead is as good as a lost race.
        if diagnose(error).kind == "retry" or lost_connection(error):
            raise _Retryable(error) from error
        raise
    else:
        try:
            manager.commit()
        except Exception as error:
            manager.abort()
            # Only where the database said that it rolled back. After a connection lost during
            # COMMIT nobody knows, and doing it again might do it twice.
            if diagnose(error).kind == "retry":
                raise _Retryable(error) from error
            raise
        return response
    finally:
        environ.pop("tm.active", None)
        environ.pop("tm.manager", None)


def _hosts_manager(request: Request) -> TransactionManager | None:
    """The host's transaction manager, where it has one that does not run for this request."""
    manager: TransactionManager | None = getattr(request, "tm", None)
    if manager is None and Mount.of(request.registry).database is None:
        registered = registration(session_of(request))
        manager = registered.transaction_manager if registered else None
    return manager


def _in_hosts_session(view: View, context: Any, request: Request) -> Response:
    """A host with a session but no transaction manager: its session is committed here."""
    session = session_of(request)
    try:
        response = view(context, request)
        session.commit()
    except Exception:
        session.rollback()
        raise
    return response
