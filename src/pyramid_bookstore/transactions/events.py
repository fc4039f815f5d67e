"""Events: to subscribers inside the transaction, and after the commit."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyramid.request import Request
from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction
from zope.interface import implementedBy

from pyramid_bookstore.transactions.sessions import session_and_manager

log = logging.getLogger(__name__)

#: The key of `Session.info` with the announcers of its current transaction.
_ANNOUNCERS = "bookstore_announcers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The base class of events; the capabilities declare the kinds."""

    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesCommitted:
    """The transaction with these changes, in order, is committed."""

    request: Request
    changes: tuple[Change, ...]


def has_subscribers(request: Request) -> bool:
    """Whether there is a subscriber to any kind of event."""
    subscriptions = request.registry.adapters.subscriptions
    return any(subscriptions([kind], None) for kind in _kinds())


@cache
def _kinds() -> tuple[Any, ...]:
    """What to look up for every kind of event that is sent; all are imported before the first
    request. A subscriber to a base class is found by each of them."""
    kinds: list[type] = [ChangesCommitted, Change]
    for kind in kinds:
        kinds += kind.__subclasses__()
    # `dataclass(slots=True)` makes each class a second time; the second one is in use.
    found = {kind.__qualname__: kind for kind in kinds}.values()
    return tuple(implementedBy(kind) for kind in found if not kind.__subclasses__())


class Announcer:
    """Sends the events of a request: each change at once, and all of them after the commit."""

    def __init__(self, request: Request) -> None:
        self._request = request
        #: Each change, with the savepoint that was active.
        self._changes: list[tuple[Change, SessionTransaction | None]] = []

    def __call__(self, kind: type[Change], **members: Any) -> None:
        """Send an event of this class with these members, if there are subscribers."""
        request = self._request
        if not has_subscribers(request):
            return
        change = kind(request=request, **members)
        session, manager = session_and_manager(request)
        _follow(session, self, own_commit=manager is None)
        if manager is not None and not self._changes:
            # With a manager the transaction ends when all of its databases have committed.
            manager.get().addAfterCommitHook(self.transaction_ended)
        self._changes.append((change, session.get_nested_transaction()))
        request.registry.notify(change)

    def savepoint_rolled_back(self, savepoint: SessionTransaction) -> None:
        """Forget the changes within the savepoint."""
        self._changes = [
            (change, active)
            for change, active in self._changes
            if savepoint not in _with_parents(active)
        ]

    def transaction_ended(self, committed: bool) -> None:
        """Send `ChangesCommitted` if there were changes and they are committed."""
        changes, self._changes = tuple(change for change, _ in self._changes), []
        if not (committed and changes):
            return
        try:
            notice = ChangesCommitted(request=self._request, changes=changes)
            self._request.registry.notify(notice)
        except Exception:  # too late to fail the request: the changes are committed
            log.exception("A subscriber of ChangesCommitted failed.")


def _follow(session: Session, announcer: Announcer, *, own_commit: bool) -> None:
    """Call the announcer at rolled back savepoints; with ``own_commit``, which is without a
    transaction manager, also at the end of the session's transaction.

    A session gets the listeners once and keeps them, because SQLAlchemy does not allow to remove
    them while they run. Without announcers they do nothing.
    """
    if _ANNOUNCERS not in session.info:
        session.info[_ANNOUNCERS] = {}
        event.listen(session, "after_commit", _committed)
        event.listen(session, "after_soft_rollback", _rolled_back)
        event.listen(session, "after_transaction_end", _ended)
    session.info[_ANNOUNCERS].setdefault(announcer, own_commit)


def _committed(session: Session) -> None:
    if session.in_nested_transaction():
        return  # released savepoints are not committed yet
    for announcer, own_commit in [*session.info[_ANNOUNCERS].items()]:
        if own_commit:
            announcer.transaction_ended(committed=True)


def _rolled_back(session: Session, transaction: SessionTransaction) -> None:
    if transaction.nested:
        for announcer in session.info[_ANNOUNCERS]:
            announcer.savepoint_rolled_back(transaction)


def _ended(session: Session, transaction: SessionTransaction) -> None:
    """Comes after `_committed`; announcers that still have changes were not committed."""
    if transaction.parent is not None:
        return
    announcers, session.info[_ANNOUNCERS] = session.info[_ANNOUNCERS], {}
    for announcer, own_commit in announcers.items():
        if own_commit:
            announcer.transaction_ended(committed=False)


def _with_parents(savepoint: SessionTransaction | None) -> Iterator[SessionTransaction]:
    """The savepoint and those around it."""
    while savepoint is not None:
        yield savepoint
        savepoint = savepoint.parent
