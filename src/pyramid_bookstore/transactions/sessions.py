"""Which session a request works on, who manages its transaction, and how it reads."""

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
from pyramid_bookstore.db.query import LeanReader, Reader, SessionReader
from pyramid_bookstore.db.replica import ReplicaReader
from pyramid_bookstore.web.mount import Mount

#: The prefix of all names that the plug-in registers with Pyramid.
OWN = "bookstore."

#: Methods that change nothing (RFC 9110, 9.2.1).
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def active_manager(request: Request) -> TransactionManager | None:
    """The manager of the transaction that runs around this request, if one does.

    ``tm.active`` and ``tm.manager`` are the words of pyramid_tm, which others speak too;
    ``repoze.tm.active`` that of repoze.tm2, which goes by the thread's manager.
    """
    environ = request.environ
    if environ.get("tm.active"):
        return environ.get("tm.manager") or request.tm
    return transactions.manager if environ.get("repoze.tm.active") else None


def registration(session: Session) -> ZopeTransactionEvents | None:
    """What ties the session to a transaction manager (``zope.sqlalchemy.register``), if anything
    does; the session can then only be committed through that manager."""
    for listener in session.dispatch.before_commit:
        found = getattr(listener, "__self__", None)
        if isinstance(found, ZopeTransactionEvents):
            return found
    return None


def session_of(request: Request) -> Session:
    """The session in which this request writes, joined to the transaction.

    It is the host's where `bookstore.dbsession` names one, or where a test put one on our database
    into the environ (``app.dbsession``); else one of our own, which lives as long as the
    transaction. Raises `RuntimeError` where nothing would commit what is written.
    """
    mount = Mount.of(request.registry)
    if mount.database is None:
        return _hosts_session(request, mount.settings.dbsession or "")
    given = _given_session(request, mount.database)
    if given is not None:
        return given
    manager = active_manager(request)
    if manager is None:
        raise RuntimeError(
            "request.bookstore can write only inside a transaction, and nothing began one for this"
            " request: include pyramid_tm in the application, or name the application's own session"
            " in bookstore.dbsession."
        )
    return _own_session(manager, mount.database)


def mark_changed(request: Request) -> None:
    """Say that there is something to commit: zope.sqlalchemy itself sees only the ORM's writes."""
    session = session_of(request)
    registered = registration(session)
    if registered is not None:
        registered.mark_changed(session)
    elif (manager := active_manager(request)) is not None:
        zope.sqlalchemy.mark_changed(session, manager)


def _hosts_session(request: Request, name: str) -> Session:
    try:
        session: Session | scoped_session[Session] = getattr(request, name)
    except AttributeError as error:
        raise RuntimeError(
            f"bookstore.dbsession names request.{name}, which there is not: {error}"
        ) from error
    # A registry of sessions passes on most of what is asked of it, not all.
    return session() if isinstance(session, scoped_session) else session


def _given_session(request: Request, database: Database) -> Session | None:
    """The test's session, unless it is one on another database of the host's."""
    session: Session | None = request.environ.get("app.dbsession")
    if session is None:
        return None
    try:
        engine = session.get_bind(**BIND).engine
    except UnboundExecutionError:
        return None
    ours = database.writing
    return session if engine is ours or engine.url == ours.url else None


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
    """How this request reads: lean where it sees no less than its transaction would show."""
    database = Mount.of(request.registry).database
    if database is None or _given_session(request, database) is not None:
        return SessionReader(session_of(request))
    manager = active_manager(request)
    if manager is not None and not _may_read_lean(request, manager, database):
        return SessionReader(session_of(request))
    primary = LeanReader(database.reading, database.dialect)
    if database.replica is not None and _is_read(request) and not _wants_primary(request):
        return ReplicaReader(database.replica, primary)
    return primary


def _may_read_lean(request: Request, manager: TransactionManager, database: Database) -> bool:
    """Whether the transaction around the request is none of the bookstore's so far."""
    return _is_read(request) and not _has_own_session(manager, database)


def _is_read(request: Request) -> bool:
    """Whether this is one of our routes, and a method that changes nothing."""
    route = getattr(request, "matched_route", None)
    ours = route is not None and route.name.startswith(OWN)
    return ours and request.method in SAFE_METHODS


def _wants_primary(request: Request) -> bool:
    """Whether the client wants what is true now (RFC 9111, 5.2.1.4, and 5.4 for Pragma)."""
    said: str | None = request.environ.get("HTTP_CACHE_CONTROL")
    if said is None:
        said = request.environ.get("HTTP_PRAGMA", "")
    return any(word.strip().lower() == "no-cache" for word in said.split(","))


def joined(request: Request) -> tuple[Session, TransactionManager | None]:
    """The session that the request writes in, and the manager of its transaction, if one has it."""
    session = session_of(request)
    registered = registration(session)
    manager = registered.transaction_manager if registered else active_manager(request)
    return session, manager
