"""Answers stored under idempotency keys (IETF draft "The Idempotency-Key HTTP Header Field").

Key, write and answer are committed in one transaction. So a repeated request gets the answer if the
first one was carried out, and is carried out if it was not.
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

#: How many expired answers a request with a key deletes: more than it adds, so no other cleanup is
#: needed.
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
        # Concurrent requests delete different rows, and do not wait for each other.
        .with_for_update(skip_locked=True)
    )
)


class StoredAnswer(NamedTuple):
    """An answer as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def digest(*parts: bytes) -> str:
    """A digest of these parts; their lengths count, so ``ab``, ``c`` differs from ``a``, ``bc``."""
    state = hashlib.blake2b(digest_size=32)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.hexdigest()


class RunningKeys:
    """The keys of the requests that this process serves now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    def enter(self, key: str) -> None:
        """Add a key; raises `IdempotencyInProgress` if it is there."""
        with self._lock:
            if key in self._keys:
                raise IdempotencyInProgress
            self._keys.add(key)

    def leave(self, key: str) -> None:
        """Remove a key."""
        with self._lock:
            self._keys.discard(key)


class IdempotencyStore:
    """The stored answers, read and written in the transaction of one session."""

    def __init__(self, session: Session) -> None:
        self._connection = session.connection(BIND)
        self._dialect = dialect_named(self._connection.dialect.name)
        self._dialect.begin_writing(self._connection)

    def find(self, key: str, fingerprint: str) -> StoredAnswer | None:
        """The answer that was stored under the key; `None` for a new key.

        Raises `IdempotencyInProgress` while another transaction has the key, and
        `IdempotencyKeyReused` if the key belongs to a request with another fingerprint.
        """
        if not self._dialect.try_lock(self._connection, key):
            raise IdempotencyInProgress
        row = self._connection.execute(_FIND, {"key": key}).first()
        if row is None or row.expires_at <= datetime.now(UTC):
            return None
        if row.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        return StoredAnswer(row.status, json.loads(row.headers), row.body)

    def save(self, key: str, fingerprint: str, answer: StoredAnswer, *, ttl: int) -> None:
        """Store an answer for ``ttl`` seconds, and delete some expired ones."""
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
        changed = {name: insert.excluded[name] for name in row if name != "key"}
        # There may be an expired answer under the same key.
        self._connection.execute(
            insert.on_conflict_do_update(index_elements=[_KEYS.c.key], set_=changed)
        )
