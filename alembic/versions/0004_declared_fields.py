"""Columns for declared fields: what books are found and sorted by, and the words for the search.

`bookstore reindex` makes their indexes, once fields are declared.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "bookstore_0004"
down_revision = "bookstore_0003"
branch_labels = None
depends_on = None
compatible_with_previous = False

TOKENS = sa.Text().with_variant(postgresql.ARRAY(sa.Text()), "postgresql")
FOLDED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KEYS = sa.Text().with_variant(postgresql.JSONB(), "postgresql")

#: The words of titles and authors, as the index of 0003 has them, and of declared fields.
_TEXT = "(title_words || author_words)"
_MORE = "((title_words || author_words) || extra_words)"  # as PostgreSQL writes it

# The definitions that are there, changed in one place: operator classes keep their schema.
_REINDEX = """
DO $$
DECLARE
    name text;
    definition text;
    said text;
BEGIN
    FOREACH name IN ARRAY ARRAY['bookstore_books_search_idx', 'bookstore_books_sample_idx'] LOOP
        definition := pg_catalog.pg_get_indexdef(pg_catalog.to_regclass(name));
        said := pg_catalog.obj_description(pg_catalog.to_regclass(name), 'pg_class');
        EXECUTE 'DROP INDEX ' || name;
        EXECUTE pg_catalog.replace(definition, '{old}', '{new}');
        IF said IS NOT NULL THEN
            EXECUTE pg_catalog.format('COMMENT ON INDEX %I IS %L', name, said);
        END IF;
    END LOOP;
END
$$
"""

_DROP_SEARCH = (
    "DROP TRIGGER bookstore_search_added",
    "DROP TRIGGER bookstore_search_removed",
    "DROP TRIGGER bookstore_search_changed",
    "DROP TABLE bookstore_search_grams",
    "DROP TABLE bookstore_search",
    "DROP VIEW bookstore_search_source",
)


def _search(more: str) -> tuple[str, ...]:
    """The index of texts on SQLite; ``more`` is the third column of words, or nothing."""
    columns = ["title_words", "author_words", *([more] if more else []), "isbn"]
    names = ", ".join(column.removesuffix("_words") for column in columns)

    def values(row: str) -> str:
        kept = [f"{row}.{column}" for column in columns[:-1]]
        return ", ".join([f"{row}.seq", *kept, f"substr({row}.isbn, 4)"])

    add = f"INSERT INTO bookstore_search (rowid, {names}) VALUES ({values('new')});"
    take_out = (
        f"INSERT INTO bookstore_search (bookstore_search, rowid, {names})"
        f" VALUES ('delete', {values('old')});"
    )
    changed = " OR ".join(f"old.{column} IS NOT new.{column}" for column in ["seq", *columns])
    source = ", ".join(f"{column} AS {column.removesuffix('_words')}" for column in columns[:-1])
    return (
        f"""
        CREATE VIEW bookstore_search_source AS
        SELECT seq, {source}, substr(isbn, 4) AS isbn FROM bookstore_books
        """,
        f"""
        CREATE VIRTUAL TABLE bookstore_search USING fts5(
            {names}, content = 'bookstore_search_source', content_rowid = 'seq',
            tokenize = 'trigram case_sensitive 1'
        )
        """,
        "CREATE VIRTUAL TABLE bookstore_search_grams USING"
        " fts5vocab('bookstore_search', 'instance')",
        "INSERT INTO bookstore_search (bookstore_search) VALUES ('rebuild')",
        f"CREATE TRIGGER bookstore_search_added AFTER INSERT ON bookstore_books BEGIN {add} END",
        f"""
        CREATE TRIGGER bookstore_search_removed AFTER DELETE ON bookstore_books
        BEGIN {take_out} END
        """,
        f"""
        CREATE TRIGGER bookstore_search_changed
        AFTER UPDATE OF {", ".join(["seq", *columns])} ON bookstore_books
        WHEN {changed} BEGIN {take_out} {add} END
        """,
    )


def upgrade() -> None:
    """Empty columns, and the index of texts with one of them."""
    op.add_column("bookstore_books", sa.Column("attributes", TOKENS))
    op.add_column("bookstore_books", sa.Column("sort_keys", KEYS))
    op.add_column("bookstore_books", sa.Column("declared", sa.String(12)))
    op.add_column(
        "bookstore_books", sa.Column("extra_words", FOLDED, nullable=False, server_default="")
    )
    _search_anew("extra_words", _TEXT, _MORE)


def downgrade() -> None:
    """The columns go with their indexes."""
    if op.get_context().dialect.name == "sqlite":
        for name in ("added", "removed", "changed"):
            op.execute(f"DROP TRIGGER IF EXISTS bookstore_attributes_{name}")
        op.execute("DROP TABLE IF EXISTS bookstore_attributes")
        if not context.is_offline_mode():
            made = sa.text("SELECT name FROM sqlite_master WHERE name LIKE 'bookstore_declared_%'")
            for name in op.get_bind().scalars(made).all():
                op.execute(f"DROP INDEX {name}")
    _search_anew("", _MORE, _TEXT)
    for name in ("extra_words", "declared", "sort_keys", "attributes"):
        op.drop_column("bookstore_books", name)


def _search_anew(more: str, old: str, new: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        for statement in (*_DROP_SEARCH, *_search(more)):
            op.execute(statement)
    else:
        op.execute(_REINDEX.format(old=old, new=new))
