"""Kept for databases that are at this revision: the first search, of which 0003 leaves nothing."""

from __future__ import annotations

revision = "bookstore_0002"
down_revision = "bookstore_0001"
branch_labels = None
depends_on = None
compatible_with_previous = False


def upgrade() -> None:
    """Nothing to do for a new database."""


def downgrade() -> None:
    """Nothing to do."""
