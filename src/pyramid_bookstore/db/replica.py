"""A read replica: whether it can be read now, and reading the primary instead.

Nothing here runs without a replica. With one, each process asks the replica at most once a second
how far it is behind; the request that finds the last answer too old asks.
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

#: Seconds for which an answer about the lag is valid.
CHECK_INTERVAL = 1.0
#: Seconds until a replica that failed is checked again.
RETRY_AFTER = 5.0


class ReplicaState(Enum):
    """The state of a replica; the values are in the answer of ``/ready``."""

    UP_TO_DATE = "ok"
    BEHIND = "behind"
    #: It accepts writes: a standby that was promoted, whose data may differ from the primary's.
    PROMOTED = "not a replica"
    UNREACHABLE = "unreachable"


class Replica:
    """A read replica and its last known state in this process. Thread-safe."""

    def __init__(
        self,
        options: Mapping[str, Any],
        *,
        max_lag: float,
        statement_timeout: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``max_lag`` in seconds, ``statement_timeout`` in milliseconds; ``clock`` counts seconds.
        Nothing connects yet."""
        self.engine = make_reading_engine(options, statement_timeout=statement_timeout)
        self.dialect: Dialect = dialect_named(self.engine.dialect.name)
        self.reader = LeanReader(self.engine, self.dialect)
        self._max_lag = max_lag
        self._clock = clock
        self._lag_query = Query(self.dialect.replica_check())
        self._state = ReplicaState.UNREACHABLE
        self._next_check = float("-inf")
        self._checking = threading.Lock()

    def dispose(self, *, close: bool = True) -> None:
        """Empty the pool and forget the state.

        ``close=False`` in a forked child: the parent still uses the connections.
        """
        self.engine.dispose(close=close)
        # Another thread of the parent may have held the lock when it forked.
        self._checking = threading.Lock()
        self._next_check = float("-inf")

    def state(self) -> ReplicaState:
        """The state of the replica, at most `CHECK_INTERVAL` or `RETRY_AFTER` seconds old.

        One thread checks at a time; the others use the last known state meanwhile.
        """
        lock = self._checking
        if self._clock() >= self._next_check and lock.acquire(blocking=False):
            try:
                self._check()
            finally:
                lock.release()
        return self._state

    def mark_failed(self, error: Exception) -> bool:
        """Whether to repeat a read that failed with ``error`` on the primary; if the replica is
        unavailable, requests do not use it for `RETRY_AFTER` seconds."""
        found = diagnose(error)
        if found.kind == "unavailable" and found is not diagnosis.TOO_SLOW:
            self._set_state(ReplicaState.UNREACHABLE, RETRY_AFTER, f"{found.reason} {error}")
            return True
        # "retry" is a conflict of this read with replication; the next read may succeed. What was
        # too slow on the replica would be too slow on the primary.
        return found.kind == "retry"

    def _check(self) -> None:
        try:
            ((is_replica, lag),) = self.reader.rows(self._lag_query, {})
        except Exception as error:  # noqa: BLE001 -- whatever it is, the primary is read instead
            self._set_state(ReplicaState.UNREACHABLE, RETRY_AFTER, str(error))
            return
        if not is_replica:
            # If the URL names several hosts, a new connection may find another standby.
            self.engine.dispose()
            self._set_state(ReplicaState.PROMOTED, RETRY_AFTER, "it accepts writes")
        elif lag is None or lag > self._max_lag:
            lag_text = "its lag is unknown" if lag is None else f"{lag:.1f} s"
            self._set_state(ReplicaState.BEHIND, CHECK_INTERVAL, lag_text)
        else:
            self._set_state(ReplicaState.UP_TO_DATE, CHECK_INTERVAL, "")

    def _set_state(self, state: ReplicaState, wait: float, reason: str) -> None:
        if state is not self._state:
            if state is ReplicaState.UP_TO_DATE:
                log.info("Reads use the replica.")
            else:
                log.warning("Reads do not use the replica, %s: %s", state.value, reason)
        self._state = state
        self._next_check = self._clock() + wait


class ReplicaReader:
    """Reads for one request: from the replica, and after its first failure from the primary."""

    __slots__ = ("_primary", "_replica", "_state")

    def __init__(self, replica: Replica, primary: Reader) -> None:
        self._replica = replica
        self._primary = primary
        # Found out with the first read: many requests are refused before one.
        self._state: ReplicaState | None = None

    @property
    def dialect(self) -> Dialect:
        return self._primary.dialect

    def rows(self, query: Query, values: Mapping[str, Any]) -> Sequence[Row]:
        if self._state is None:
            self._state = self._replica.state()
        if self._state is ReplicaState.UP_TO_DATE:
            try:
                return self._replica.reader.rows(query, values)
            except Exception as error:
                if not self._replica.mark_failed(error):
                    raise
                self._state = ReplicaState.UNREACHABLE
        try:
            return self._primary.rows(query, values)
        except Exception as error:
            # Without its primary, the measured lag of a standby only grows, while it has the
            # newest books that can be read.
            primary_down = diagnose(error).reason == diagnosis.UNREACHABLE.reason
            if not primary_down or self._state is not ReplicaState.BEHIND:
                raise
            return self._replica.reader.rows(query, values)
