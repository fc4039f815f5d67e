"""Search by index, on columns that 0001 keeps.

PostgreSQL: trigrams (pg_trgm), and for what trigrams cannot answer every character and every pair
of neighbours. SQLite: a full-text index of trigrams, kept by triggers.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.db.migrations import ExtensionMissing

revision = "bookstore_0002"
down_revision = "bookstore_0001"
branch_labels = None
depends_on = None

#: Written to the index that needs the extension, where this revision created it; read on the way
#: down, so that an extension that others rely on stays.
CREATED = "pg_trgm was created for this index"

# Both branches are SQL, so that a printed migration does the same. The operator class is named with
# its schema: an extension that is there already may live off the search path. The limit on the
# pending list bounds what every search has to read besides the index itself.
EXTENSION = f"""
DO $$
DECLARE
    home text;
    created boolean := false;
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
    SELECT space.nspname INTO home
    FROM pg_catalog.pg_extension AS extension
    JOIN pg_catalog.pg_namespace AS space ON space.oid = extension.extnamespace
    WHERE extension.extname = 'pg_trgm';
    EXECUTE pg_catalog.format(
        'CREATE INDEX bookstore_books_search_idx ON bookstore_books USING gin ('
        'title_folded %1$I.gin_trgm_ops, author_folded %1$I.gin_trgm_ops, isbn %1$I.gin_trgm_ops'
        ') WITH (gin_pending_list_limit = 1024)',
        home
    );
    IF created THEN
        COMMENT ON INDEX bookstore_books_search_idx IS '{CREATED}';
    END IF;
END
$$
"""

POSTGRESQL = (
    EXTENSION,
    # Characters, then pairs from the first and from the second character on. Only what comes with
    # PostgreSQL, and written in one expression, so that the planner puts it in place of the call.
    r"""
    CREATE FUNCTION bookstore_grams(title text, author text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT pg_catalog.string_to_array(title || E'\n' || author, NULL)
            || pg_catalog.string_to_array(
                pg_catalog.regexp_replace(title || E'\n' || author, '..', E'\\&\t', 'g')
                || E'\t' || pg_catalog.regexp_replace(
                    pg_catalog.substr(title || E'\n' || author, 2), '..', E'\\&\t', 'g'
                ),
                E'\t'
            )
    $$
    """,
    """
    CREATE INDEX bookstore_books_grams_idx ON bookstore_books
    USING gin (bookstore_grams(title_folded, author_folded))
    WITH (gin_pending_list_limit = 1024)
    """,
)

POSTGRESQL_DOWN = (
    f"""
    DO $$
    DECLARE
        created boolean := coalesce(
            pg_catalog.obj_description(
                pg_catalog.to_regclass('bookstore_books_search_idx'), 'pg_class'
            ) = '{CREATED}',
            false
        );
    BEGIN
        DROP INDEX bookstore_books_search_idx;
        IF created THEN
            BEGIN
                DROP EXTENSION pg_trgm;
            EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN
                RAISE NOTICE 'pg_trgm stays: others use it.';
            END;
        END IF;
    END
    $$
    """,
    "DROP INDEX bookstore_books_grams_idx",
    "DROP FUNCTION bookstore_grams(text, text)",
)

# Two line feeds behind each text: every character of it then begins a trigram, so that one or two
# letters are found as the beginning of trigrams.
_PADDED = "{0}.title_folded || x'0a0a', {0}.author_folded || x'0a0a', {0}.isbn || x'0a0a'"
_ADD = f"""
    INSERT INTO bookstore_search (rowid, title, author, isbn)
    VALUES (new.seq, {_PADDED.format("new")});
"""
_TAKE_OUT = f"""
    INSERT INTO bookstore_search (bookstore_search, rowid, title, author, isbn)
    VALUES ('delete', old.seq, {_PADDED.format("old")});
"""

SQLITE = (
    """
    CREATE VIEW bookstore_search_source AS
    SELECT seq, title_folded || x'0a0a' AS title, author_folded || x'0a0a' AS author,
        isbn || x'0a0a' AS isbn
    FROM bookstore_books
    """,
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
    AFTER UPDATE OF seq, title_folded, author_folded, isbn ON bookstore_books
    WHEN old.seq IS NOT new.seq OR old.title_folded IS NOT new.title_folded
        OR old.author_folded IS NOT new.author_folded OR old.isbn IS NOT new.isbn
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


def upgrade() -> None:
    """The indexes, from what is in the table."""
    if op.get_context().dialect.name == "sqlite":
        _run(SQLITE)
        return
    try:
        _run(POSTGRESQL)
    except DBAPIError as error:
        # Ours to say how to go on; anything else is as it is.
        if "pg_trgm" in str(error.orig) and "bookstore" in str(error.orig):
            raise ExtensionMissing(str(error.orig)) from error
        raise


def downgrade() -> None:
    """The indexes go; an extension that was there before stays."""
    _run(SQLITE_DOWN if op.get_context().dialect.name == "sqlite" else POSTGRESQL_DOWN)


def _run(statements: tuple[str, ...]) -> None:
    for statement in statements:
        op.execute(statement)
