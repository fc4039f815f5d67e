"""Answers kept under idempotency keys, in the transaction of the write they answer.

Key, write and answer are committed together or not at all, so whether a request that got no answer
was carried out is known to the second one with its key. (IETF draft
"The Idempotency-Key HTTP Header Field".)
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.errors import IdempotencyInProgress, IdempotencyKeyReused
from pyramid_bookstore.transactions.models import IdempotencyKey

_KEYS = cast(sa.Table, IdempotencyKey.__table__)

#: How many expired answers a request with a key takes along: more than the one it adds, so that
#: they get fewer without anybody having to clean up.
CLEANED = 8

_FIND = sa.select(
    _KEYS.c.fingerprint, _KEYS.c.status, _KEYS.c.headers, _KEYS.c.body, _KEYS.c.expires_at
).where(_KEYS.c.key == sa.bindparam("key"))

_CLEAN = sa.delete(_KEYS).where(
    _KEYS.c.key.in_(
        sa.select(_KEYS.c.key)
        .where(_KEYS.c.expires_at < sa.bindparam("now", type_=_KEYS.c.expires_at.type))
        .order_by(_KEYS.c.expires_at)
        .limit(CLEANED)
        # Two that clean at the same time take different ones, and neither waits.
        .with_for_update(skip_locked=True)
    )
)


class KeptAnswer(NamedTuple):
    """An answer as it was given."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def digest(*parts: bytes) -> str:
    """A name for these parts, in this order; no two lists of parts share one."""
    state = hashlib.blake2b(digest_size=32)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


class RunningKeys:
    """The keys that this process is serving now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    def enter(self, key: str) -> None:
        """Raises `IdempotencyInProgress` if the key is being served."""
        with self._lock:
            if key in self._keys:
                raise IdempotencyInProgress
            self._keys.add(key)

    def leave(self, key: str) -> None:
        """The key is not served any more."""
        with self._lock:
            self._keys.discard(key)


class IdempotencyStore:
    """The kept answers, on one session, in its transaction."""

    def __init__(self, session: Session) -> None:
        self._connection = session.connection(BIND)
        self._dialect = dialect_named(self._connection.dialect.name)
        self._dialect.begin_writing(self._connection)

    def find(self, key: str, fingerprint: str) -> KeptAnswer | None:
        """The answer that was given under the key; `None` for a new one.

        Raises `IdempotencyInProgress` while another transaction serves it, and
        `IdempotencyKeyReused` where it was given to a request with another fingerprint.
        """
        if not self._dialect.try_lock(self._connection, key):
            raise IdempotencyInProgress
        row = self._connection.execute(_FIND, {"key": key}).first()
        if row is None or row.expires_at <= datetime.now(UTC):
            return None
        if row.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        return KeptAnswer(row.status, json.loads(row.headers), row.body)

    def keep(self, key: str, fingerprint: str, answer: KeptAnswer, *, ttl: int) -> None:
        """Keep an answer for ``ttl`` seconds, and let a few go whose time is over."""
        now = datetime.now(UTC)
        self._connection.execute(_CLEAN, {"now": now})
        row = {
            "key": key,
            "fingerprint": fingerprint,
            "status": answer.status,
            "headers": json.dumps(dict(answer.headers)),
            "body": answer.body,
            "expires_at": now + timedelta(seconds=ttl),
        }
        insert = self._dialect.insert(_KEYS).values(row)
        fresh = {name: insert.excluded[name] for name in row if name != "key"}
        # An expired answer of the same key may still lie there.
        self._connection.execute(
            insert.on_conflict_do_update(index_elements=[_KEYS.c.key], set_=fresh)
        )
