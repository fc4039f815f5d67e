"""A read replica: whether it may be asked just now, and the way back to the primary.

Nothing here runs where no replica is set. With one, the replica itself is asked at most once a
second per process how far behind it is, by the request that finds the last answer too old.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from pyramid_bookstore.db import diagnosis
from pyramid_bookstore.db.dialects import Dialect, dialect_named
from pyramid_bookstore.db.engines import make_reading_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.query import LeanReader, Query, Reader, Row

log = logging.getLogger(__name__)

#: Seconds for which an answer about the lag is good.
CHECKED_EVERY = 1.0
#: Seconds until a replica that failed is tried again.
TRIED_AGAIN_AFTER = 5.0


class Standing(Enum):
    """How a replica stands; the values are what ``/ready`` says."""

    FIT = "ok"
    BEHIND = "behind"
    #: It takes writes: a standby that was promoted, whose data may have parted from ours.
    PROMOTED = "not a replica"
    AWAY = "unreachable"


class Replica:
    """A read replica and what this process last knew of it. Usable from all threads."""

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        max_lag: float,
        statement_timeout: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``max_lag`` in seconds; ``clock`` counts seconds. Nothing connects yet."""
        self.engine = make_reading_engine(options, statement_timeout=statement_timeout)
        self.dialect: Dialect = dialect_named(self.engine.dialect.name)
        self.reader = LeanReader(self.engine, self.dialect)
        self._max_lag = max_lag
        self._clock = clock
        self._question = Query(self.dialect.replica_check())
        self._standing = Standing.AWAY
        self._due = float("-inf")
        self._checking = threading.Lock()

    def dispose(self, *, close: bool = True) -> None:
        """Let the connections go and forget what was known of the replica.

        ``close=False`` in a forked child, whose parent goes on using them.
        """
        self.engine.dispose(close=close)
        # Another thread of the parent may have held the lock when it forked.
        self._checking = threading.Lock()
        self._due = float("-inf")

    def standing(self) -> Standing:
        """How the replica stands, as known since a second ago at most.

        Of several threads one looks, the others go by what was known before.
        """
        lock = self._checking
        if self._clock() >= self._due and lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                lock.release()
        return self._standing

    def let_down(self, error: Exception) -> bool:
        """Whether the primary may do better with the read that failed so; remembers a replica
        that is not to be relied on."""
        found = diagnose(error)
        if found.kind == "unavailable" and found is not diagnosis.TOO_SLOW:
            self._say(Standing.AWAY, TRIED_AGAIN_AFTER, f"{found.reason} {error}")
            return True
        # "retry": replaying what the primary did went before the read, which says nothing of the
        # next one. What took too long here would take as long there.
        return found.kind == "retry"

    def _look(self) -> None:
        try:
            ((replays, lag),) = self.reader.rows(self._question, {})
        except Exception as error:  # noqa: BLE001 -- whatever it is, there is the primary
            self._say(Standing.AWAY, TRIED_AGAIN_AFTER, str(error))
            return
        if not replays:
            # With several hosts in its URL a new connection may find another standby.
            self.engine.dispose()
            self._say(Standing.PROMOTED, TRIED_AGAIN_AFTER, "it takes writes itself")
        elif lag is None or lag > self._max_lag:
            behind = "it is not known how far" if lag is None else f"{lag:.1f} s"
            self._say(Standing.BEHIND, CHECKED_EVERY, behind)
        else:
            self._say(Standing.FIT, CHECKED_EVERY, "")

    def _say(self, standing: Standing, wait: float, why: str) -> None:
        if standing is not self._standing:
            if standing is Standing.FIT:
                log.info("The replica is read.")
            else:
                log.warning("The replica is passed over, %s: %s", standing.value, why)
        self._standing = standing
        self._due = self._clock() + wait


class ReplicaReader:
    """Reads for one request: from the replica, and from the first trouble on from the primary."""

    __slots__ = ("_primary", "_replica", "_standing")

    def __init__(self, replica: Replica, primary: Reader) -> None:
        self._replica = replica
        self._primary = primary
        # Asked for with the first read: many requests are refused before they come to one.
        self._standing: Standing | None = None

    @property
    def dialect(self) -> Dialect:
        return self._primary.dialect

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        if self._standing is None:
            self._standing = self._replica.standing()
        if self._standing is Standing.FIT:
            try:
                return self._replica.reader.rows(query, values)
            except Exception as error:
                if not self._replica.let_down(error):
                    raise
                self._standing = Standing.AWAY
        try:
            return self._primary.rows(query, values)
        except Exception as error:
            # Without its primary a standby falls behind by the clock alone, and has the newest
            # books there are.
            alone = diagnose(error).reason == diagnosis.UNREACHABLE.reason
            if not alone or self._standing is not Standing.BEHIND:
                raise
            return self._replica.reader.rows(query, values)
