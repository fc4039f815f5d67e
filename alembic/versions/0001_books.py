"""The books, how many there are, and the answers kept for idempotency keys.

The types are written out, not taken from the models: what this revision makes stays the same when
the models move on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "bookstore_0001"
down_revision = None
branch_labels = ("bookstore",)
depends_on = None
compatible_with_previous = False

MONEY = sa.Numeric(10, 2).with_variant(sa.Integer(), "sqlite")  # cents
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")  # microseconds
DOCUMENT = sa.Text().with_variant(postgresql.JSON(), "postgresql")
FOLDED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

#: Column of each index beside the id that breaks ties.
SORTED_BY = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "title": "title_words",
    "author": "author_words",
    "price": "price",
    "stock": "stock",
}

#: Slots of the total on PostgreSQL. All are there from the start: a writer then only ever updates
#: one, and a TRUNCATE finds every one, whatever its snapshot.
SLOTS = 64

# FROM CURRENT: the functions work for a session with another search path, as pg_restore's is.
POSTGRESQL = (
    """
    CREATE FUNCTION bookstore_books_added() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE
        number bigint;
    BEGIN
        SELECT count(*) INTO number FROM bookstore_added;
        IF number > 0 THEN
            INSERT INTO bookstore_totals AS total (slot, books)
            VALUES (mod(pg_backend_pid(), 64), number)
            ON CONFLICT (slot) DO UPDATE SET books = total.books + excluded.books;
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE FUNCTION bookstore_books_removed() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    DECLARE
        number bigint;
    BEGIN
        SELECT count(*) INTO number FROM bookstore_removed;
        IF number > 0 THEN
            INSERT INTO bookstore_totals AS total (slot, books)
            VALUES (mod(pg_backend_pid(), 64), -number)
            ON CONFLICT (slot) DO UPDATE SET books = total.books + excluded.books;
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE FUNCTION bookstore_totals_reset() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        INSERT INTO bookstore_totals AS total (slot, books)
        SELECT slot, CASE slot WHEN 0 THEN (SELECT count(*) FROM bookstore_books) ELSE 0 END
        FROM generate_series(0, 63) AS slot
        ON CONFLICT (slot) DO UPDATE SET books = excluded.books;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE FUNCTION bookstore_totals_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE TRIGGER bookstore_books_added AFTER INSERT ON bookstore_books
    REFERENCING NEW TABLE AS bookstore_added
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_books_added()
    """,
    """
    CREATE TRIGGER bookstore_books_removed AFTER DELETE ON bookstore_books
    REFERENCING OLD TABLE AS bookstore_removed
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_books_removed()
    """,
    """
    CREATE TRIGGER bookstore_books_truncated AFTER TRUNCATE ON bookstore_books
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_totals_reset()
    """,
    # The totals follow the books and nothing else: emptying every table of a database, in whatever
    # order, must not leave a total behind that is off for good.
    """
    CREATE TRIGGER bookstore_totals_truncated AFTER TRUNCATE ON bookstore_totals
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_totals_reset()
    """,
    """
    CREATE TRIGGER bookstore_totals_kept BEFORE DELETE ON bookstore_totals
    FOR EACH ROW EXECUTE FUNCTION bookstore_totals_kept()
    """,
)

SQLITE = (
    """
    CREATE TRIGGER bookstore_books_added AFTER INSERT ON bookstore_books
    BEGIN
        UPDATE bookstore_totals SET books = books + 1 WHERE slot = 0;
    END
    """,
    """
    CREATE TRIGGER bookstore_books_removed AFTER DELETE ON bookstore_books
    BEGIN
        UPDATE bookstore_totals SET books = books - 1 WHERE slot = 0;
    END
    """,
    """
    CREATE TRIGGER bookstore_totals_kept BEFORE DELETE ON bookstore_totals
    BEGIN
        SELECT RAISE(IGNORE);
    END
    """,
)


def upgrade() -> None:
    """The tables, and the triggers that keep the total in step with the books."""
    sqlite = op.get_context().dialect.name == "sqlite"
    op.create_table(
        "bookstore_books",
        *(_sqlite_key() if sqlite else _key()),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("author", sa.String(255), nullable=False),
        sa.Column("isbn", sa.String(13), nullable=False),
        sa.Column("price", MONEY, nullable=False),
        sa.Column("stock", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("extra", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("title_words", FOLDED, nullable=False),
        sa.Column("author_words", FOLDED, nullable=False),
        sa.UniqueConstraint("isbn", name=op.f("bookstore_books_isbn_key")),
        sa.CheckConstraint("price >= 0", name=op.f("bookstore_books_price_check")),
        sa.CheckConstraint(
            "stock >= 0 AND stock <= 2147483647", name=op.f("bookstore_books_stock_check")
        ),
        sa.CheckConstraint("price > 0 OR stock = 0", name=op.f("bookstore_books_free_stock_check")),
        sa.CheckConstraint("length(isbn) = 13", name=op.f("bookstore_books_isbn_check")),
        sa.CheckConstraint(
            "length(title) >= 1 AND length(title) <= 255", name=op.f("bookstore_books_title_check")
        ),
        sa.CheckConstraint(
            "length(author) >= 1 AND length(author) <= 255",
            name=op.f("bookstore_books_author_check"),
        ),
        sa.CheckConstraint(
            "length(description) <= 10000", name=op.f("bookstore_books_description_check")
        ),
    )
    for name, column in SORTED_BY.items():
        op.create_index(op.f(f"bookstore_books_{name}_idx"), "bookstore_books", [column, "id"])
    op.create_table(
        "bookstore_totals",
        sa.Column("slot", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("books", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("bookstore_totals_pkey")),
    )
    op.create_table(
        "bookstore_idempotency_keys",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("bookstore_idempotency_keys_pkey")),
    )
    op.create_index(
        op.f("bookstore_idempotency_keys_expires_at_idx"),
        "bookstore_idempotency_keys",
        ["expires_at"],
    )
    values = "(0, 0)" if sqlite else ", ".join(f"({slot}, 0)" for slot in range(SLOTS))
    op.execute(f"INSERT INTO bookstore_totals (slot, books) VALUES {values}")
    for statement in SQLITE if sqlite else POSTGRESQL:
        op.execute(statement)


def downgrade() -> None:
    """All of it goes, the books too; triggers go with their tables."""
    op.drop_table("bookstore_idempotency_keys")
    op.drop_table("bookstore_totals")
    op.drop_table("bookstore_books")
    if op.get_context().dialect.name == "postgresql":
        for name in ("books_added", "books_removed", "totals_reset", "totals_kept"):
            op.execute(f"DROP FUNCTION bookstore_{name}()")


def _key() -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("bookstore_books_pkey")),
    ]


def _sqlite_key() -> list[sa.schema.SchemaItem]:
    """A number for each row that lasts (SQLite renumbers rows without one at VACUUM), for the
    search index to refer to; the key that everyone else uses is ``id``."""
    return [
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("bookstore_books_seq")),
        sa.UniqueConstraint("id", name=op.f("bookstore_books_pkey")),
    ]
