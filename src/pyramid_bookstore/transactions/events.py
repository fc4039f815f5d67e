"""Events: to subscribers inside the transaction, and after the commit."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyramid.request import Request
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction
from transaction import TransactionManager
from zope.interface import implementedBy

log = logging.getLogger(__name__)

#: Where a session keeps the announcers of the transaction that it is in.
_WAITING = "bookstore_announcers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that subscribers hear of; the capabilities declare the kinds."""

    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesCommitted:
    """The transaction with these changes is committed; in the order in which they were made."""

    request: Request
    changes: tuple[Change, ...]


def has_subscribers(request: Request) -> bool:
    """Whether anybody subscribed to changes."""
    subscriptions = request.registry.adapters.subscriptions
    return any(subscriptions([implementedBy(kind)], None) for kind in _kinds())


@cache
def _kinds() -> tuple[type, ...]:
    """Every kind of event; all are declared before the first request is served."""
    kinds: list[type] = [ChangesCommitted, Change]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return tuple(kinds)


class Announcer:
    """Called with the class of an event and its members; tells the application's subscribers.

    ``joined`` gives the session that the request writes in, and the manager of its transaction, if
    one has it.
    """

    def __init__(
        self, request: Request, joined: Callable[[], tuple[Session, TransactionManager | None]]
    ) -> None:
        self._request = request
        self._joined = joined
        #: Each change, with the savepoint it was made behind.
        self._changes: list[tuple[Change, SessionTransaction | None]] = []

    def __call__(self, kind: type[Change], **members: Any) -> None:
        request = self._request
        if not has_subscribers(request):
            return
        change = kind(request=request, **members)
        session, manager = self._joined()
        _wait(session, self, alone=manager is None)
        if manager is not None and not self._changes:
            # The end comes when all databases that take part are committed, not with the session's.
            manager.get().addAfterCommitHook(self.ended)
        self._changes.append((change, session.get_nested_transaction()))
        request.registry.notify(change)

    def undone(self, savepoint: SessionTransaction) -> None:
        """Forget what was changed behind the savepoint."""
        self._changes = [made for made in self._changes if savepoint not in _behind(made[1])]

    def ended(self, committed: bool) -> None:
        """The transaction is over; what it changed is told now, or never."""
        changes, self._changes = tuple(change for change, _ in self._changes), []
        if not (committed and changes):
            return
        try:
            notice = ChangesCommitted(request=self._request, changes=changes)
            self._request.registry.notify(notice)
        except Exception:  # committed is committed, whatever a subscriber meets
            log.exception("A subscriber of ChangesCommitted failed.")


def _wait(session: Session, announcer: Announcer, *, alone: bool) -> None:
    """Have the announcer told of savepoints undone and, with the session ``alone``, of the end.

    The listeners stay: SQLAlchemy lets none be taken away while it goes through them. A session
    that outlives its transactions gets them once, and they do nothing where nobody waits.
    """
    if _WAITING not in session.info:
        session.info[_WAITING] = {}
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_soft_rollback", _rolled_back)
        event.listen(session, "after_transaction_end", _over)
    session.info[_WAITING].setdefault(announcer, alone)


def _committed(session: Session) -> None:
    if session.in_nested_transaction():
        return  # a savepoint was released, which commits nothing yet
    for announcer, alone in [*session.info[_WAITING].items()]:
        if alone:
            announcer.ended(committed=True)


def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        for announcer in session.info[_WAITING]:
            announcer.undone(transaction)


def _over(session: Session, transaction: SessionTransaction) -> None:
    """Who was not told of a commit by now will not be: rolled back, or closed without a word."""
    if transaction.parent is not None:
        return
    waiting, session.info[_WAITING] = session.info[_WAITING], {}
    for announcer, alone in waiting.items():
        if alone:
            announcer.ended(committed=False)


def _behind(savepoint: SessionTransaction | None) -> Iterator[SessionTransaction]:
    """The savepoint and those around it."""
    while savepoint is not None:
        yield savepoint
        savepoint = savepoint.parent
