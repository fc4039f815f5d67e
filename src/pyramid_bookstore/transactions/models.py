"""The table of answers that are stored under idempotency keys."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, SmallInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from pyramid_bookstore.db.base import Base
from pyramid_bookstore.db.types import UTCDateTime


class IdempotencyKey(Base):
    """An answer that is stored under an idempotency key."""

    __tablename__ = "bookstore_idempotency_keys"
    __table_args__ = (Index("bookstore_idempotency_keys_expires_at_idx", "expires_at"),)

    #: A digest of caller, route and key, so that the keys themselves are not stored.
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    #: A digest of the request's body.
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(SmallInteger)
    #: A JSON object.
    headers: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
