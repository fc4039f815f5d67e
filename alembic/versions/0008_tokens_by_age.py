"""SQLite: the tokens of declared fields have their books in the order of age."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "bookstore_0008"
down_revision = "bookstore_0007"
branch_labels = None
depends_on = None
#: Triggers write the table, and what was read of it is there.
compatible_with_previous = True


def _tokens(*columns: str) -> tuple[str, ...]:
    """The table with these columns beside the token, and the triggers that keep it."""
    names = ", ".join(columns)

    def add(row: str) -> str:
        values = ", ".join(f"{row}.{column}" for column in columns)
        return (
            f"INSERT OR IGNORE INTO bookstore_attributes (token, {names})"
            f" SELECT value, {values} FROM json_each({row}.attributes);"
        )

    same = " AND ".join(f"{column} = old.{column}" for column in columns)
    take_out = (
        f"DELETE FROM bookstore_attributes WHERE {same}"
        " AND token IN (SELECT value FROM json_each(old.attributes));"
    )
    watched = ("attributes", *columns)
    changed = " OR ".join(f"old.{column} IS NOT new.{column}" for column in watched)
    typed = ", ".join(f"{column} INTEGER NOT NULL" for column in columns)
    trigger = "CREATE TRIGGER bookstore_attributes_"
    return (
        f"""
        CREATE TABLE bookstore_attributes (
            token TEXT NOT NULL, {typed}, PRIMARY KEY (token, {names})
        ) WITHOUT ROWID
        """,
        f"""
        INSERT INTO bookstore_attributes (token, {names})
        SELECT DISTINCT value, {names} FROM bookstore_books, json_each(attributes)
        """,
        f"""
        {trigger}added AFTER INSERT ON bookstore_books
        WHEN new.attributes IS NOT NULL BEGIN {add("new")} END
        """,
        f"""
        {trigger}removed AFTER DELETE ON bookstore_books
        WHEN old.attributes IS NOT NULL BEGIN {take_out} END
        """,
        f"""
        {trigger}changed AFTER UPDATE OF {", ".join(watched)} ON bookstore_books
        WHEN {changed} BEGIN {take_out} {add("new")} END
        """,
    )


def upgrade() -> None:
    """The table is made anew where `bookstore reindex` made it."""
    _make_anew("created_at", "seq")


def downgrade() -> None:
    """As it was."""
    _make_anew("seq")


def _make_anew(*columns: str) -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    offline = context.is_offline_mode()
    there = not offline and sa.inspect(op.get_bind()).has_table("bookstore_attributes")
    if there or offline:
        for name in ("added", "removed", "changed"):
            op.execute(f"DROP TRIGGER IF EXISTS bookstore_attributes_{name}")
        op.execute("DROP TABLE IF EXISTS bookstore_attributes")
    # Printed statements cannot ask whether it was there: `bookstore reindex` then makes it.
    for statement in _tokens(*columns) if there else ():
        op.execute(statement)
