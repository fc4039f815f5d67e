"""A database at `bookstore_0002` as it was with the first search, which `0003` takes away.

The DDL is that of the revisions of then, compact. What both have in common is made by `0001` of
today; only the names of its two columns were others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Engine, bindparam, text

from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.models import BOOKS
from pyramid_bookstore.db import migrations, revision
from pyramid_bookstore.search.folding import folded

_ENDINGS = """
    INSERT INTO bookstore_search_words (ending, word)
    SELECT pg_catalog.left(pg_catalog.substr(found.word, place), 32), found.word
    FROM ({words}) AS found,
        LATERAL pg_catalog.generate_series(1, pg_catalog.length(found.word)) AS place
"""
_ALL = """
    SELECT DISTINCT unnest(bookstore_words_of(title_folded, author_folded)) COLLATE "C" AS word
    FROM {books}
"""
_FUNCTION = """
    CREATE FUNCTION bookstore_words_{name}() RETURNS trigger
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN {body} END $$
"""
_INDEX = """
    CREATE INDEX bookstore_books_{name}_idx ON bookstore_books USING gin (
        bookstore_words_of(title_folded, author_folded), isbn gin_trgm_ops
    ) WITH (gin_pending_list_limit = {pending}) {which}
"""
_SAMPLED = "WHERE pg_catalog.get_byte(pg_catalog.uuid_send(id), 15) < 2"

_POSTGRESQL = (
    """
    CREATE FUNCTION bookstore_words_of(title text, author text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL UNSAFE AS $$
        SELECT pg_catalog.string_to_array(title || ' ' || author, ' ')
    $$
    """,
    """
    CREATE TABLE bookstore_search_words (
        ending text COLLATE "C" NOT NULL, word text COLLATE "C" NOT NULL
    )
    """,
    _FUNCTION.format(
        name="added",
        body=f"{_ENDINGS.format(words=_ALL.format(books='bookstore_added'))}; RETURN NULL;",
    ),
    _FUNCTION.format(
        name="changed",
        body=_ENDINGS.format(
            words="SELECT unnest(bookstore_words_of(new.title_folded, new.author_folded)) AS word"
        )
        + "; RETURN NULL;",
    ),
    _FUNCTION.format(name="reset", body="DELETE FROM bookstore_search_words; RETURN NULL;"),
    _FUNCTION.format(
        name="kept",
        body="RETURN CASE WHEN EXISTS (SELECT FROM bookstore_books) THEN NULL ELSE old END;",
    ),
    """
    CREATE TRIGGER bookstore_words_added AFTER INSERT ON bookstore_books
    REFERENCING NEW TABLE AS bookstore_added
    FOR EACH STATEMENT EXECUTE FUNCTION bookstore_words_added()
    """,
    """
    CREATE TRIGGER bookstore_words_changed
    AFTER UPDATE OF title_folded, author_folded ON bookstore_books FOR EACH ROW
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
    "CREATE INDEX bookstore_search_endings_idx ON bookstore_search_words (ending)",
    """
    CREATE INDEX bookstore_search_words_idx ON bookstore_search_words (word)
    WHERE ending = pg_catalog.left(word, 32)
    """,
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    _INDEX.format(name="search", pending=1024, which=""),
    _INDEX.format(name="sample", pending=128, which=_SAMPLED),
    "COMMENT ON INDEX bookstore_books_search_idx IS 'pg_trgm was created for this index'",
)

_PADDED = "{0}.title_folded || x'0a0a', {0}.author_folded || x'0a0a', {0}.isbn || x'0a0a'"
_ADD = f"""
    INSERT INTO bookstore_search (rowid, title, author, isbn)
    VALUES (new.seq, {_PADDED.format("new")});
"""
_TAKE_OUT = f"""
    INSERT INTO bookstore_search (bookstore_search, rowid, title, author, isbn)
    VALUES ('delete', old.seq, {_PADDED.format("old")});
"""

_SQLITE = (
    """
    CREATE VIEW bookstore_search_source AS
    SELECT seq, title_folded || x'0a0a' AS title, author_folded || x'0a0a' AS author,
        isbn || x'0a0a' AS isbn
    FROM bookstore_books
    """,
    """
    CREATE VIRTUAL TABLE bookstore_search USING fts5(
        title, author, isbn, content = 'bookstore_search_source', content_rowid = 'seq',
        tokenize = 'trigram case_sensitive 1'
    )
    """,
    "CREATE VIRTUAL TABLE bookstore_search_grams USING fts5vocab('bookstore_search', 'instance')",
    "INSERT INTO bookstore_search (bookstore_search) VALUES ('rebuild')",
    f"CREATE TRIGGER bookstore_search_added AFTER INSERT ON bookstore_books BEGIN {_ADD} END",
    f"CREATE TRIGGER bookstore_search_removed AFTER DELETE ON bookstore_books"
    f" BEGIN {_TAKE_OUT} END",
    f"""
    CREATE TRIGGER bookstore_search_changed
    AFTER UPDATE OF seq, title_folded, author_folded, isbn ON bookstore_books
    WHEN old.seq IS NOT new.seq OR old.title_folded IS NOT new.title_folded
        OR old.author_folded IS NOT new.author_folded OR old.isbn IS NOT new.isbn
    BEGIN {_TAKE_OUT} {_ADD} END
    """,
)


def make(engine: Engine, rows: Iterable[Mapping[str, Any]] = ()) -> None:
    """Make it out of a database that is empty, or at the newest revision without books."""
    migrations.upgrade(engine, "bookstore_0001")
    migrations.downgrade(engine, "bookstore_0001")
    with engine.begin() as connection:
        for name in ("title", "author"):
            connection.execute(
                text(f"ALTER TABLE bookstore_books RENAME COLUMN {name}_words TO {name}_folded")
            )
        for statement in _SQLITE if engine.dialect.name == "sqlite" else _POSTGRESQL:
            connection.execute(text(statement))
        connection.execute(
            text(f"UPDATE {revision.VERSION_TABLE} SET version_num = 'bookstore_0002'")
        )
        insert(connection, rows)


def insert(connection: Any, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add books as it was done then."""
    for row in rows:
        given = {name: row[name] for name in FIELDS if name in row}
        columns = [*given, "title_folded", "author_folded"]
        statement = text(
            f"INSERT INTO bookstore_books ({', '.join(columns)})"
            f" VALUES ({', '.join(f':{name}' for name in columns)})"
        ).bindparams(*(bindparam(name, type_=BOOKS.c[name].type) for name in given))
        forms = {f"{name}_folded": folded(row[name]) for name in ("title", "author")}
        connection.execute(statement, given | forms)
