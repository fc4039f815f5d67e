"""Search by trigrams of the words that 0001 keeps: pg_trgm on PostgreSQL, FTS5 on SQLite.

A database from before has folded texts instead of words, and the tables of the first search.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.db.migrations import ExtensionMissing
from pyramid_bookstore.search.words import stored

revision = "bookstore_0003"
down_revision = "bookstore_0002"
branch_labels = None
depends_on = None
compatible_with_previous = False

#: Written to the index that needs the extension, where this revision created it; read on the way
#: down, so that an extension that others rely on stays.
CREATED = "pg_trgm was created for this index"

#: One book in 64, by the last byte of its id, which is random (RFC 9562, 5.7).
SAMPLED = "pg_catalog.get_byte(pg_catalog.uuid_send(id), 15) < 4"

# Both branches are SQL, so that a printed migration does the same. The operator class is named with
# its schema: an extension that is there already may live off the search path. The limits on the
# pending lists bound what every search has to read besides the indexes themselves.
POSTGRESQL = f"""
DO $$
DECLARE
    home text;
    created boolean := false;
    columns text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_trgm') THEN
        BEGIN
            CREATE EXTENSION pg_trgm;
            created := true;
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'insufficient_privilege',
                    MESSAGE = 'The bookstore''s search needs the extension pg_trgm, and the role '
                        || pg_catalog.quote_ident(current_user) || ' may not create it in the '
                        || 'database ' || pg_catalog.quote_ident(current_database()) || '.',
                    HINT = 'As the owner of the database or a superuser: CREATE EXTENSION '
                        || 'pg_trgm; or grant the right with GRANT CREATE ON DATABASE '
                        || pg_catalog.quote_ident(current_database()) || ' TO '
                        || pg_catalog.quote_ident(current_user) || '; then migrate again.';
            WHEN undefined_file OR feature_not_supported THEN
                RAISE EXCEPTION USING
                    ERRCODE = 'feature_not_supported',
                    MESSAGE = 'The bookstore''s search needs the extension pg_trgm, which this '
                        || 'PostgreSQL server does not have installed.',
                    HINT = 'It comes with PostgreSQL''s contrib modules (Debian: part of the '
                        || 'package postgresql; Red Hat: postgresql-contrib); then migrate again.';
        END;
    END IF;
    SELECT pg_catalog.format(
        'USING gin ((title_words || author_words) %1$I.gin_trgm_ops, '
        'author_words %1$I.gin_trgm_ops, %%s %1$I.gin_trgm_ops)',
        space.nspname
    ) INTO columns
    FROM pg_catalog.pg_extension AS extension
    JOIN pg_catalog.pg_namespace AS space ON space.oid = extension.extnamespace
    WHERE extension.extname = 'pg_trgm';
    EXECUTE 'CREATE INDEX bookstore_books_search_idx ON bookstore_books '
        || pg_catalog.format(columns, 'substr(isbn, 4)') || ' WITH (gin_pending_list_limit = 1024)';
    EXECUTE 'CREATE INDEX bookstore_books_sample_idx ON bookstore_books '
        || pg_catalog.format(columns, 'isbn')
        || ' WITH (gin_pending_list_limit = 128) WHERE {SAMPLED}';
    IF created THEN
        COMMENT ON INDEX bookstore_books_search_idx IS '{CREATED}';
    END IF;
END
$$
"""

COMMENT = """
    SELECT pg_catalog.obj_description(
        pg_catalog.to_regclass('bookstore_books_search_idx'), 'pg_class'
    )
"""

POSTGRESQL_DOWN = f"""
DO $$
DECLARE
    created boolean := coalesce(({COMMENT}) = '{CREATED}', false);
BEGIN
    DROP INDEX bookstore_books_search_idx;
    DROP INDEX bookstore_books_sample_idx;
    IF created THEN
        BEGIN
            DROP EXTENSION pg_trgm;
        EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
            RAISE NOTICE 'pg_trgm stays: others use it.';
        END;
    END IF;
END
$$
"""

_ADD = """
    INSERT INTO bookstore_search (rowid, title, author, isbn)
    VALUES (new.seq, new.title_words, new.author_words, substr(new.isbn, 4));
"""
_TAKE_OUT = """
    INSERT INTO bookstore_search (bookstore_search, rowid, title, author, isbn)
    VALUES ('delete', old.seq, old.title_words, old.author_words, substr(old.isbn, 4));
"""

SQLITE = (
    """
    CREATE VIEW bookstore_search_source AS
    SELECT seq, title_words AS title, author_words AS author, substr(isbn, 4) AS isbn
    FROM bookstore_books
    """,
    # ISBNs without the 978 or 979, which nearly all books share.
    # External content: the index alone, no second copy of the texts. They are folded already.
    """
    CREATE VIRTUAL TABLE bookstore_search USING fts5(
        title, author, isbn, content = 'bookstore_search_source', content_rowid = 'seq',
        tokenize = 'trigram case_sensitive 1'
    )
    """,
    "CREATE VIRTUAL TABLE bookstore_search_grams USING fts5vocab('bookstore_search', 'instance')",
    "INSERT INTO bookstore_search (bookstore_search) VALUES ('rebuild')",
    f"CREATE TRIGGER bookstore_search_added AFTER INSERT ON bookstore_books BEGIN {_ADD} END",
    f"""
    CREATE TRIGGER bookstore_search_removed AFTER DELETE ON bookstore_books
    BEGIN {_TAKE_OUT} END
    """,
    f"""
    CREATE TRIGGER bookstore_search_changed
    AFTER UPDATE OF seq, title_words, author_words, isbn ON bookstore_books
    WHEN old.seq IS NOT new.seq OR old.title_words IS NOT new.title_words
        OR old.author_words IS NOT new.author_words OR old.isbn IS NOT new.isbn
    BEGIN {_TAKE_OUT} {_ADD} END
    """,
)

SQLITE_DOWN = (
    "DROP TRIGGER bookstore_search_added",
    "DROP TRIGGER bookstore_search_removed",
    "DROP TRIGGER bookstore_search_changed",
    "DROP TABLE bookstore_search_grams",
    "DROP TABLE bookstore_search",
    "DROP VIEW bookstore_search_source",
)

# The first search, of 0002 as it was.
FIRST_ON_POSTGRESQL = (
    "DROP TABLE bookstore_search_words",
    "DROP TRIGGER bookstore_words_added ON bookstore_books",
    "DROP TRIGGER bookstore_words_changed ON bookstore_books",
    "DROP TRIGGER bookstore_words_emptied ON bookstore_books",
    "DROP FUNCTION bookstore_words_added(), bookstore_words_changed(), bookstore_words_reset(),"
    " bookstore_words_kept()",
    "DROP INDEX bookstore_books_search_idx, bookstore_books_sample_idx",
    "DROP FUNCTION bookstore_words_of(text, text)",
)


def upgrade() -> None:
    """The indexes, from what is in the table."""
    sqlite = op.get_context().dialect.name == "sqlite"
    created_before = False
    if not context.is_offline_mode() and _is_from_before():
        created_before = not sqlite and op.get_bind().scalar(sa.text(COMMENT)) == CREATED
        _run(SQLITE_DOWN if sqlite else FIRST_ON_POSTGRESQL)
        _words_for_folded_texts()
    try:
        _run(SQLITE if sqlite else (POSTGRESQL,))
    except DBAPIError as error:
        # Ours to say how to go on; anything else is as it is.
        if "pg_trgm" in str(error.orig) and "bookstore" in str(error.orig):
            # The hint is behind the message, and behind that where it was raised.
            said, _, _ = str(error.orig).partition("\nCONTEXT:")
            said = said.replace("\nHINT:", "")
            raise ExtensionMissing(" ".join(said.split())) from error
        raise
    if created_before:
        op.execute(f"COMMENT ON INDEX bookstore_books_search_idx IS '{CREATED}'")


def downgrade() -> None:
    """The indexes go; an extension that was there before stays."""
    _run(SQLITE_DOWN if op.get_context().dialect.name == "sqlite" else (POSTGRESQL_DOWN,))


def _is_from_before() -> bool:
    columns = sa.inspect(op.get_bind()).get_columns("bookstore_books")
    return "title_folded" in {column["name"] for column in columns}


def _words_for_folded_texts() -> None:
    """Book by book, in batches; their versions stay."""
    for name in ("title", "author"):
        op.execute(f"ALTER TABLE bookstore_books RENAME COLUMN {name}_folded TO {name}_words")
    books = sa.table("bookstore_books", *map(sa.column, ("isbn", "title", "author")))
    isbn = books.c.isbn
    page = sa.select(books).order_by(isbn).limit(10_000)
    change = sa.text(
        "UPDATE bookstore_books SET title_words = :title, author_words = :author WHERE isbn = :isbn"
    )
    last = ""
    while rows := op.get_bind().execute(page.where(isbn > last)).all():
        last = rows[-1].isbn
        values = [
            {"isbn": row.isbn, "title": stored(row.title), "author": stored(row.author)}
            for row in rows
        ]
        op.get_bind().execute(change, values)


def _run(statements: tuple[str, ...]) -> None:
    for statement in statements:
        op.execute(statement)
