"""What a service knows of a transaction: session, reader, writer and events.

Who commits is decided in `strategies`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyramid.request import Request
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import GatedReader, Reader, SessionReader
from pyramid_bookstore.transactions.events import Announcer, Change, has_subscribers
from pyramid_bookstore.transactions.sessions import (
    check_connection,
    mark_changed,
    reader_of,
    session_of,
)
from pyramid_bookstore.transactions.writers import AutocommitWriter, TransactionWriter, Writer
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.request_id import request_id

#: The attribute of a request with the function that opens the `Autocommit` strategy's connection.
AUTOCOMMIT = "_bookstore_autocommit"
#: The attribute of a request with what `UnitOfWork.check_references` was given.
GONE = "_bookstore_gone"


class UnitOfWork:
    """On a session that the caller commits, without a request and without subscribers."""

    has_subscribers = False

    def __init__(self, session: Session | None = None) -> None:
        self._session = session

    @property
    def session(self) -> Session:
        """The session of the transaction."""
        assert self._session is not None, "RequestUnit looks for its own"
        return self._session

    def connection(self) -> Connection:
        """The session's connection to our database, with its transaction begun."""
        connection = self.session.connection(BIND)
        dialect_named(connection.dialect.name).begin_writing(connection)
        return connection

    def reader(self) -> Reader:
        """A reader on this transaction."""
        return SessionReader(self.session)

    def list_reader(self) -> Reader:
        """A reader for lists, which may cost much."""
        return self.reader()

    def writer(self) -> Writer:
        """A writer on this transaction."""
        return TransactionWriter(self.connection(), self.mark_changed)

    @property
    def origin(self) -> tuple[str | None, str | None]:
        """The ids of the caller and of the request, if there are any."""
        return None, None

    def mark_changed(self) -> None:
        """Note that there is something to commit."""

    def announce(self, kind: type[Change], **members: Any) -> None:
        """Send an event of this class with these members to the subscribers."""

    def check_references(self, books: Mapping[str, Any]) -> None:
        """Look for deferred foreign keys to what was deleted, when our view has done its work; as
        `Dialect.is_referenced`. Without a view of ours they speak at the caller's commit."""

    @contextmanager
    def event_savepoint(self) -> Iterator[None]:
        """A savepoint around a change and its events, if there are subscribers: what one of them
        raises rolls back the change, also if the caller catches it and goes on."""
        if not self.has_subscribers:
            yield
            return
        session = self.session
        with session.begin_nested():
            session.connection(BIND)  # the savepoint begins when the connection is used
            yield


class RequestUnit(UnitOfWork):
    """The unit of work of a request. It looks everything up when it is used, as a host may begin
    its transaction or make its session after the first use of `request.bookstore`."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request
        self._announcer = Announcer(request)

    @property
    def session(self) -> Session:
        return session_of(self._request)

    def connection(self) -> Connection:
        if Mount.of(self._request.registry).database is None:
            check_connection(self._request, self.session)
        return super().connection()

    @property
    def has_subscribers(self) -> bool:  # type: ignore[override]  # a constant in the base class
        return has_subscribers(self._request)

    def reader(self) -> Reader:
        return reader_of(self._request)

    def list_reader(self) -> Reader:
        """With few costly lists at once in all requests of the application."""
        return GatedReader(self.reader(), Mount.of(self._request.registry).searches)

    def writer(self) -> Writer:
        open_connection = self._request.__dict__.get(AUTOCOMMIT)
        return super().writer() if open_connection is None else AutocommitWriter(open_connection())

    @property
    def origin(self) -> tuple[str | None, str | None]:
        caller = self._request.authenticated_userid
        return None if caller is None else str(caller), request_id(self._request)

    def mark_changed(self) -> None:
        mark_changed(self._request)

    def check_references(self, books: Mapping[str, Any]) -> None:
        if AUTOCOMMIT not in self._request.__dict__:  # there each statement is a commit
            self._request.__dict__.setdefault(GONE, []).append(books)

    def announce(self, kind: type[Change], **members: Any) -> None:
        self._announcer(kind, **members)
