"""The oldest code that can work with the schema, for processes that meet one newer than theirs.

While a service is upgraded, old processes go on beside the new ones. A revision with which the code
of the one before can work says ``compatible_with_previous = True`` and leaves the row as it is; any
other sets it to its own name, and its downgrade to the name that was there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "bookstore_0006"
down_revision = "bookstore_0005"
branch_labels = None
depends_on = None
#: Code before it does not know of the row.
compatible_with_previous = False


def upgrade() -> None:
    """One row for good."""
    made = op.create_table(
        "bookstore_compatibility",
        sa.Column("oldest", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name=op.f("bookstore_compatibility_pkey")),
    )
    assert made is not None, "Alembic returns the table"
    op.bulk_insert(made, [{"oldest": revision}])


def downgrade() -> None:
    """It goes."""
    op.drop_table("bookstore_compatibility")
