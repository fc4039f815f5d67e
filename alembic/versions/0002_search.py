"""Search by index, on columns that 0001 keeps.

PostgreSQL: which books have which words, and a list of the words by each of their endings; ISBNs by
trigrams (pg_trgm). SQLite: a full-text index of trigrams. Triggers keep both.
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

#: One book in 128, by the last byte of its id, which is random (RFC 9562, 5.7).
SAMPLED = "pg_catalog.get_byte(pg_catalog.uuid_send(id), 15) < 2"

#: Characters of an ending that are kept: more than anybody types of a word.
ENDING = 32

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
        'bookstore_words_of(title_folded, author_folded), isbn %1$I.gin_trgm_ops'
        ') WITH (gin_pending_list_limit = 1024)',
        home
    );
    EXECUTE pg_catalog.format(
        'CREATE INDEX bookstore_books_sample_idx ON bookstore_books USING gin ('
        'bookstore_words_of(title_folded, author_folded), isbn %1$I.gin_trgm_ops'
        ') WITH (gin_pending_list_limit = 128) WHERE {SAMPLED}',
        home
    );
    IF created THEN
        COMMENT ON INDEX bookstore_books_search_idx IS '{CREATED}';
    END IF;
END
$$
"""

# From words to their endings: "momo" is there as "momo", "omo", "mo" and "o", so that whatever is
# part of a word begins an ending.
_ENDINGS = f"""
    INSERT INTO bookstore_search_words (ending, word)
    SELECT pg_catalog.left(pg_catalog.substr(found.word, place), {ENDING}), found.word
    FROM ({{words}}) AS found,
        LATERAL pg_catalog.generate_series(1, pg_catalog.length(found.word)) AS place
"""
_OF_ALL = """
    SELECT DISTINCT unnest(bookstore_words_of(title_folded, author_folded)) COLLATE "C" AS word
    FROM {books}
"""
_OF_ONE = """
    SELECT DISTINCT
        unnest(bookstore_words_of(new.title_folded, new.author_folded)) COLLATE "C" AS word
"""
# Each word is looked up by itself and by the index, however many there are and however short the
# list was when the plan was made: a connection keeps its plan, for an import of thousands as for
# the next single book.
_NEW = f"""
    SELECT every.word FROM ({{words}}) AS every
    WHERE (
        SELECT known.word FROM bookstore_search_words AS known
        WHERE known.word = every.word AND known.ending = pg_catalog.left(known.word, {ENDING})
        LIMIT 1
    ) IS NULL
"""

POSTGRESQL = (
    # In one expression, so that the planner puts it in place of the call. A folded text has single
    # spaces between its words, and none around them. Not safe in parallel, though it is: a search
    # knows how few books it wants and the planner does not, so it would start workers for them.
    """
    CREATE FUNCTION bookstore_words_of(title text, author text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
        SELECT pg_catalog.string_to_array(title || ' ' || author, ' ')
    $$
    """,
    # No key: a word that two writers meet first at the same time is there twice, which does no
    # harm, and neither waits for the other.
    """
    CREATE TABLE bookstore_search_words (
        ending text COLLATE "C" NOT NULL, word text COLLATE "C" NOT NULL
    )
    """,
    f"""
    CREATE FUNCTION bookstore_words_added() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    BEGIN
        {_ENDINGS.format(words=_NEW.format(words=_OF_ALL.format(books="bookstore_added")))};
        RETURN NULL;
    END
    $$
    """,
    f"""
    CREATE FUNCTION bookstore_words_changed() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
    BEGIN
        {_ENDINGS.format(words=_NEW.format(words=_OF_ONE))};
        RETURN NULL;
    END
    $$
    """,
    # The words follow the books: with these gone they may go, and else they stay or come back.
    f"""
    CREATE FUNCTION bookstore_words_reset() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        IF NOT EXISTS (SELECT FROM bookstore_books) THEN
            DELETE FROM bookstore_search_words;
        ELSIF NOT EXISTS (SELECT FROM bookstore_search_words) THEN
            {_ENDINGS.format(words=_OF_ALL.format(books="bookstore_books"))};
        END IF;
        RETURN NULL;
    END
    $$
    """,
    """
    CREATE FUNCTION bookstore_words_kept() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
        RETURN CASE WHEN EXISTS (SELECT FROM bookstore_books) THEN NULL ELSE old END;
    END
    $$
    """,
    """
    CREATE TRIGGER bookstore_words_added AFTER INSERT ON bookstore_books
    REFERENCING NEW TABLE AS bookstore_added
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_words_added()
    """,
    """
    CREATE TRIGGER bookstore_words_changed
    AFTER UPDATE OF title_folded, author_folded ON bookstore_books
    FOR EACH ROW
    WHEN (old.title_folded <> new.title_folded OR old.author_folded <> new.author_folded)
    EXECUTE FUNCTION bookstore_words_changed()
    """,
    """
    CREATE TRIGGER bookstore_words_emptied AFTER TRUNCATE ON bookstore_books
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_words_reset()
    """,
    """
    CREATE TRIGGER bookstore_words_emptied AFTER TRUNCATE ON bookstore_search_words
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_words_reset()
    """,
    """
    CREATE TRIGGER bookstore_words_kept BEFORE DELETE ON bookstore_search_words
    FOR EACH ROW EXECUTE FUNCTION bookstore_words_kept()
    """,
    # From now on nobody writes books until this is committed: the triggers' lock sees to it.
    _ENDINGS.format(words=_OF_ALL.format(books="bookstore_books")),
    "CREATE INDEX bookstore_search_endings_idx ON bookstore_search_words (ending)",
    # The endings that are whole words.
    f"""
    CREATE INDEX bookstore_search_words_idx ON bookstore_search_words (word)
    WHERE ending = pg_catalog.left(word, {ENDING})
    """,
    EXTENSION,
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
        DROP INDEX bookstore_books_sample_idx;
        DROP TABLE bookstore_search_words;
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
    "DROP TRIGGER bookstore_words_added ON bookstore_books",
    "DROP TRIGGER bookstore_words_changed ON bookstore_books",
    "DROP TRIGGER bookstore_words_emptied ON bookstore_books",
    "DROP FUNCTION bookstore_words_added()",
    "DROP FUNCTION bookstore_words_changed()",
    "DROP FUNCTION bookstore_words_reset()",
    "DROP FUNCTION bookstore_words_kept()",
    "DROP FUNCTION bookstore_words_of(text, text)",
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
