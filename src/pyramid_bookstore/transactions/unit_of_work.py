"""What the services see of a transaction: the session, how to read and write, and who hears of
changes. Who commits is decided in `strategies`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyramid.request import Request
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import Reader, SessionReader
from pyramid_bookstore.transactions.events import Announcer, Change, has_subscribers
from pyramid_bookstore.transactions.sessions import (
    joined,
    mark_changed,
    reader_of,
    session_of,
)
from pyramid_bookstore.transactions.writers import AutocommitWriter, TransactionWriter, Writer

#: Where a request keeps what opens the connection of the `Autocommit` strategy.
AUTOCOMMIT = "_bookstore_autocommit"


class UnitOfWork:
    """A session that somebody else commits, without a request and without subscribers."""

    has_subscribers = False

    def __init__(self, session: Session | None = None) -> None:
        self._session = session

    @property
    def session(self) -> Session:
        """The session of the transaction."""
        assert self._session is not None, "RequestUnit looks for its own"
        return self._session

    def connection(self) -> Connection:
        """The session's connection to our database, its transaction begun, ready for savepoints."""
        connection = self.session.connection(BIND)
        dialect_named(connection.dialect.name).begin_writing(connection)
        return connection

    def reader(self) -> Reader:
        """How to read."""
        return SessionReader(self.session)

    def writer(self) -> Writer:
        """How to write."""
        return TransactionWriter(self.connection(), self.mark_changed)

    def mark_changed(self) -> None:
        """Say that there is something to commit."""

    def announce(self, kind: type[Change], **members: Any) -> None:
        """Tell the subscribers of an event of this class, with these members."""

    @contextmanager
    def undoable(self) -> Iterator[None]:
        """A change and its events. What a subscriber raises undoes the change by itself, as whoever
        asked for it may catch that and go on."""
        if not self.has_subscribers:
            yield
            return
        session = self.session
        with session.begin_nested():
            # A connection is part of it from when the session is asked for it.
            session.connection(BIND)
            yield


class RequestUnit(UnitOfWork):
    """A request's. Everything is looked up when it is needed: a host may begin its transaction, or
    make its session, after it has touched `request.bookstore`."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request
        self._announcer = Announcer(request, lambda: joined(request))

    @property
    def session(self) -> Session:
        return session_of(self._request)

    @property
    def has_subscribers(self) -> bool:  # type: ignore[override]  # what is fixed there is asked here
        return has_subscribers(self._request)

    def reader(self) -> Reader:
        return reader_of(self._request)

    def writer(self) -> Writer:
        open_connection = self._request.__dict__.get(AUTOCOMMIT)
        return super().writer() if open_connection is None else AutocommitWriter(open_connection())

    def mark_changed(self) -> None:
        mark_changed(self._request)

    def announce(self, kind: type[Change], **members: Any) -> None:
        self._announcer(kind, **members)
