"""Which books came with which source, for imports of whole files (``--source``)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "bookstore_0005"
down_revision = "bookstore_0004"
branch_labels = None
depends_on = None
compatible_with_previous = False

# Triggers instead of a foreign key: PostgreSQL refuses to TRUNCATE a table that a key refers to,
# and SQLite looks at keys only on connections that ask for it, which a host's may not. As with a
# key, the role that deletes a book needs no right on this table. Nobody else may use the function
# in a trigger of theirs, which would act with the owner's rights as well.
POSTGRESQL = (
    """
    CREATE FUNCTION bookstore_sources_removed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        IF TG_OP = 'TRUNCATE' THEN
            EXECUTE format('DELETE FROM %I.bookstore_sources', TG_TABLE_SCHEMA);
        ELSE
            EXECUTE format(
                'DELETE FROM %I.bookstore_sources'
                ' WHERE book_id IN (SELECT id FROM bookstore_removed)',
                TG_TABLE_SCHEMA
            );
        END IF;
        RETURN NULL;
    END
    $$
    """,
    "REVOKE ALL ON FUNCTION bookstore_sources_removed() FROM PUBLIC",
    """
    CREATE TRIGGER bookstore_sources_removed AFTER DELETE ON bookstore_books
    REFERENCING OLD TABLE AS bookstore_removed
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_sources_removed()
    """,
    """
    CREATE TRIGGER bookstore_sources_truncated AFTER TRUNCATE ON bookstore_books
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_sources_removed()
    """,
)

SQLITE = (
    """
    CREATE TRIGGER bookstore_sources_removed AFTER DELETE ON bookstore_books
    BEGIN
        DELETE FROM bookstore_sources WHERE book_id = old.id;
    END
    """,
)

POSTGRESQL_DOWN = (
    "DROP TRIGGER bookstore_sources_removed ON bookstore_books",
    "DROP TRIGGER bookstore_sources_truncated ON bookstore_books",
    "DROP FUNCTION bookstore_sources_removed()",
)

SQLITE_DOWN = ("DROP TRIGGER bookstore_sources_removed",)


def upgrade() -> None:
    """A table without rows, which follows the books that are deleted."""
    op.create_table(
        "bookstore_sources",
        sa.Column("source", sa.String(100), nullable=False),
        sa.Column("book_id", sa.Uuid(), nullable=False),
        sa.Column("absent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "book_id", name=op.f("bookstore_sources_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("bookstore_sources_book_id_idx"), "bookstore_sources", ["book_id"])
    _run(SQLITE if _on_sqlite() else POSTGRESQL)


def downgrade() -> None:
    """The books stay; which source they came with is forgotten."""
    _run(SQLITE_DOWN if _on_sqlite() else POSTGRESQL_DOWN)
    op.drop_table("bookstore_sources")


def _on_sqlite() -> bool:
    return op.get_context().dialect.name == "sqlite"


def _run(statements: tuple[str, ...]) -> None:
    for statement in statements:
        op.execute(statement)
