"""The session of a request, the manager of its transaction, and the reader."""

import logging
from typing import Any

import transaction as transactions
import zope.sqlalchemy
from pyramid.request import Request
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session, scoped_session
from transaction import TransactionManager
from transaction.interfaces import NoTransaction
from zope.sqlalchemy.datamanager import ZopeTransactionEvents, join_transaction

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.database import Database
from pyramid_bookstore.db.diagnosis import UnfitDatabase
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import LeanReader, Reader, SessionReader
from pyramid_bookstore.db.replica import ReplicaReader
from pyramid_bookstore.web.mount import Mount

log = logging.getLogger("pyramid_bookstore")

#: The prefix of all names that the plug-in registers with Pyramid.
OWN = "bookstore."

#: The end of a sentence about a session whose ``binds`` do not know our tables.
UNBOUND = (
    "has no engine for the bookstore's tables: add pyramid_bookstore.Book to its binds, as in"
    " sessionmaker(binds={…, pyramid_bookstore.Book: engine})."
)

#: Methods that change nothing (RFC 9110, section 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def active_manager(request: Request) -> TransactionManager | None:
    """The manager of the transaction around this request, if there is one.

    pyramid_tm sets ``tm.active`` and ``tm.manager``; repoze.tm2 sets ``repoze.tm.active`` and uses
    the manager of the thread.
    """
    environ = request.environ
    if environ.get("tm.active"):
        return environ.get("tm.manager") or request.tm
    return transactions.manager if environ.get("repoze.tm.active") else None


def registration(session: Session) -> ZopeTransactionEvents | None:
    """The registration of the session with a transaction manager (``zope.sqlalchemy.register``), if
    it has one; the session can then only be committed by that manager."""
    for listener in session.dispatch.before_commit:
        owner = getattr(listener, "__self__", None)
        if isinstance(owner, ZopeTransactionEvents):
            return owner
    return None


def session_of(request: Request) -> Session:
    """The session in which this request writes, joined to the transaction.

    It is the host's with `bookstore.dbsession`, or a test's in the environ (``app.dbsession``) on
    our database; otherwise our own, which ends with the transaction. Raises `RuntimeError` without
    a transaction that would commit.
    """
    mount = Mount.of(request.registry)
    if mount.database is None:
        return _hosts_session(request, mount.settings.dbsession or "")
    session = _tests_session(request, mount.database)
    if session is not None:
        return session
    manager = active_manager(request)
    if manager is None:
        raise RuntimeError(
            "request.bookstore can write only inside a transaction, and nothing began one for this"
            " request: include pyramid_tm in the application, or name the application's own session"
            " in bookstore.dbsession."
        )
    return _own_session(manager, mount.database)


def mark_changed(request: Request) -> None:
    """Tell zope.sqlalchemy that there is something to commit; it detects only writes by the ORM."""
    session = session_of(request)
    registered = registration(session)
    if registered is not None:
        registered.mark_changed(session)
    elif (manager := active_manager(request)) is not None:
        zope.sqlalchemy.mark_changed(session, manager)


def _hosts_session(request: Request, name: str) -> Session:
    """Raises `RuntimeError` for what cannot be used as the session of a request."""
    named = f"bookstore.dbsession names request.{name}, which"
    try:
        found: Any = getattr(request, name)
    except AttributeError as error:
        raise RuntimeError(f"{named} there is not: {error}") from error
    # A reified attribute is kept there. Any other may be a new session at each access, of which
    # the transaction would commit only one.
    if name not in request.__dict__ and getattr(request, name) is not found:
        raise RuntimeError(
            f"{named} is another object at each access: add it with"
            f" config.add_request_method(…, {name!r}, reify=True)."
        )
    # A scoped_session has most attributes of a session, but not all.
    session = found() if isinstance(found, scoped_session) else found
    if not isinstance(session, Session):
        raise RuntimeError(
            f"{named} is a {type(session).__name__} and no Session of SQLAlchemy's: add a property,"
            f" with config.add_request_method(…, {name!r}, reify=True)."
        )
    if session.bind is None:
        try:
            session.get_bind(**BIND)
        except UnboundExecutionError as error:
            raise RuntimeError(f"{named} {UNBOUND}") from error
    return session


class CheckedConnection:
    """Whether the connection of the host's session was looked at, and found good, since start; and
    whether the log has what is to be changed about it."""

    def __init__(self) -> None:
        self.done = False
        self.advised = False


def check_connection(request: Request, session: Session) -> None:
    """At the first use of the host's session, look at how its connections are set up, which is the
    host's affair: log what the host should know; raise `UnfitDatabase` where it cannot work."""
    checked = Mount.of(request.registry).part(CheckedConnection)
    if checked.done:
        return
    connection = session.connection(BIND)
    dialect = dialect_named(connection.dialect.name)
    faults = [*dialect.faults_of_shared(connection)]
    if faults:
        raise UnfitDatabase(" ".join(faults))
    for warning in dialect.warnings_of_shared(connection):
        log.warning("%s", warning)
    checked.done = True


def advise(request: Request, advice: str) -> None:
    """Log once what the host can change about the connections of its session."""
    mount = Mount.of(request.registry)
    checked = mount.part(CheckedConnection)
    if advice and mount.database is None and not checked.advised:
        checked.advised = True
        log.warning("%s", advice)


def _tests_session(request: Request, database: Database) -> Session | None:
    """The test's session in the environ, unless it is on another database of the host's."""
    session: Session | None = request.environ.get("app.dbsession")
    if session is None:
        return None
    try:
        engine = session.get_bind(**BIND).engine
    except UnboundExecutionError:
        return None
    ours = database.writing
    same = engine is ours or engine.url.set(drivername=ours.url.drivername) == ours.url
    return session if same else None


def _own_session(manager: TransactionManager, database: Database) -> Session:
    transaction = manager.get()
    try:
        session: Session = transaction.data(database)
    except KeyError:
        session = Session(database.writing, autoflush=False)
        join_transaction(session, transaction_manager=manager)
        transaction.set_data(database, session)
    return session


def _has_own_session(manager: TransactionManager, database: Database) -> bool:
    try:
        manager.get().data(database)
    except (KeyError, NoTransaction):
        return False
    return True


def reader_of(request: Request) -> Reader:
    """The reader of this request: lean, unless its transaction may have writes of the bookstore."""
    database = Mount.of(request.registry).database
    if database is None:
        session = session_of(request)
        check_connection(request, session)
        return SessionReader(session)
    if _tests_session(request, database) is not None:
        return SessionReader(session_of(request))
    manager = active_manager(request)
    if manager is not None and not (_is_read(request) and not _has_own_session(manager, database)):
        return SessionReader(session_of(request))
    primary = LeanReader(database.reading, database.dialect)
    if database.replica is not None and _is_read(request) and not _wants_primary(request):
        return ReplicaReader(database.replica, primary)
    return primary


def _is_read(request: Request) -> bool:
    """Whether this is a safe method of one of our routes."""
    route = getattr(request, "matched_route", None)
    if route is None or not route.name.startswith(OWN):
        return False
    # A lookup reads; it is a POST for the size of what it asks for.
    return request.method in SAFE_METHODS or route.name == f"{OWN}lookup"


def _wants_primary(request: Request) -> bool:
    """Whether the client asks for current data (RFC 9111, 5.2.1.4, and 5.4 for Pragma)."""
    header: str | None = request.environ.get("HTTP_CACHE_CONTROL")
    if header is None:
        header = request.environ.get("HTTP_PRAGMA", "")
    return any(word.strip().lower() == "no-cache" for word in header.split(","))


def session_and_manager(request: Request) -> tuple[Session, TransactionManager | None]:
    """The session in which the request writes, and the manager of its transaction, if any."""
    session = session_of(request)
    registered = registration(session)
    manager = registered.transaction_manager if registered else active_manager(request)
    return session, manager
