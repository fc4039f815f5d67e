"""PostgreSQL: digits are looked for in the sample as in all books.

The sample had whole ISBNs. Where all begin alike, the trigrams of that beginning are in each of
them, and to count those with eight more digits took 90 ms among a million books; now it takes 2.
"""

from __future__ import annotations

from alembic import op

revision = "bookstore_0009"
down_revision = "bookstore_0008"
branch_labels = None
depends_on = None
#: The code from before finds the same by these indexes, a little slower.
compatible_with_previous = True

_WHOLE, _REST = "isbn", "substr((isbn)::text, 4)"  # as PostgreSQL writes them

# The definition that is there, changed in one place: operator classes keep their schema.
_REINDEX = """
DO $$
DECLARE
    definition text := pg_catalog.pg_get_indexdef(
        pg_catalog.to_regclass('bookstore_books_sample_idx')
    );
BEGIN
    DROP INDEX bookstore_books_sample_idx;
    EXECUTE pg_catalog.replace(definition, ', {old} ', ', {new} ');
END
$$
"""


def upgrade() -> None:
    """The sample's index, and one of its ISBNs for what they begin with."""
    if op.get_context().dialect.name == "sqlite":
        return
    op.execute(_REINDEX.format(old=_WHOLE, new=_REST))
    op.execute(
        "CREATE INDEX bookstore_books_sample_isbn_idx ON bookstore_books (isbn)"
        " WHERE pg_catalog.get_byte(pg_catalog.uuid_send(id), 15) < 4"
    )


def downgrade() -> None:
    """As it was."""
    if op.get_context().dialect.name == "sqlite":
        return
    op.execute("DROP INDEX bookstore_books_sample_isbn_idx")
    op.execute(_REINDEX.format(old=_REST, new=_WHOLE))
