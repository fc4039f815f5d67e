"""Holds, the log of movements, and how many copies of each book are held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "bookstore_0007"
down_revision = "bookstore_0006"
branch_labels = None
depends_on = None
#: Nothing that it reads or writes is any different.
compatible_with_previous = True

#: As `pyramid_bookstore.db.types.UTCDateTime`.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Tables without rows, and a column that is 0."""
    op.add_column(
        "bookstore_books",
        sa.Column(
            "held",
            sa.Integer(),
            sa.CheckConstraint("held >= 0", name=op.f("bookstore_books_held_check")),
            nullable=False,
            server_default="0",
        ),
    )
    op.create_table(
        "bookstore_holds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("ended", sa.String(9)),
        sa.Column("reference", sa.String(255)),
        sa.PrimaryKeyConstraint("id", name=op.f("bookstore_holds_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("bookstore_holds_expires_at_idx"), "bookstore_holds", ["expires_at"])
    op.create_table(
        "bookstore_hold_lines",
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("book_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("isbn", sa.String(13), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("hold_id", "book_id", name=op.f("bookstore_hold_lines_pkey")),
        sqlite_with_rowid=False,
    )
    # With the quantity, so that what has run out is summed from the index alone.
    op.create_index(
        op.f("bookstore_hold_lines_book_id_idx"),
        "bookstore_hold_lines",
        ["book_id", "expires_at", "quantity"],
    )
    op.create_index(
        op.f("bookstore_hold_lines_expires_at_idx"), "bookstore_hold_lines", ["expires_at"]
    )
    op.create_table(
        "bookstore_movements",
        sa.Column("seq", NUMBER, sa.Identity(), nullable=False),
        sa.Column("book_id", sa.Uuid(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(100)),
        sa.Column("reference", sa.String(255)),
        sa.Column("by", sa.String(255)),
        sa.Column("request_id", sa.String(128)),
        sa.PrimaryKeyConstraint("seq", name=op.f("bookstore_movements_pkey")),
    )
    op.create_index(
        op.f("bookstore_movements_book_id_idx"), "bookstore_movements", ["book_id", "seq"]
    )


def downgrade() -> None:
    """Holds and movements are forgotten; the stock stays."""
    for table in ("bookstore_movements", "bookstore_hold_lines", "bookstore_holds"):
        op.drop_table(table)
    op.drop_column("bookstore_books", "held")
