"""The table of holds; their lines are in `catalogue.availability`."""

from datetime import datetime
from typing import cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from pyramid_bookstore.catalogue.movements import LONGEST_REFERENCE
from pyramid_bookstore.db.base import Base
from pyramid_bookstore.db.types import UTCDateTime


class StoredHold(Base):
    """A hold, also for a day after its end, so that it can be said that it is over."""

    __tablename__ = "bookstore_holds"
    __table_args__ = (
        sa.Index("bookstore_holds_expires_at_idx", "expires_at"),
        {"sqlite_with_rowid": False},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    #: How many lines it had. One that has fewer left has run out, whatever the clock says now.
    lines: Mapped[int]
    #: ``committed`` or ``released``.
    ended: Mapped[str | None] = mapped_column(sa.String(9))
    reference: Mapped[str | None] = mapped_column(sa.String(LONGEST_REFERENCE))


HOLDS = cast(sa.Table, StoredHold.__table__)
