"""The tokens of declared fields on SQLite: a table with a row for each token of a book, which has
the books of a token in the order of their age.

Triggers keep it in step with the column ``attributes``, a JSON array.
"""

_PUT_IN = (
    "INSERT OR IGNORE INTO bookstore_attributes (token, created_at, seq)"
    " SELECT value, new.created_at, new.seq FROM json_each(new.attributes);"
)

_TAKE_OUT = (
    "DELETE FROM bookstore_attributes WHERE created_at = old.created_at"
    " AND seq = old.seq AND token IN (SELECT value FROM json_each(old.attributes));"
)

ATTRIBUTES = (
    """
    CREATE TABLE bookstore_attributes (
        token TEXT NOT NULL, created_at INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (token, created_at, seq)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO bookstore_attributes (token, created_at, seq)
    SELECT DISTINCT value, created_at, seq FROM bookstore_books, json_each(attributes)
    """,
    f"""
    CREATE TRIGGER bookstore_attributes_added AFTER INSERT ON bookstore_books
    WHEN new.attributes IS NOT NULL BEGIN {_PUT_IN} END
    """,
    f"""
    CREATE TRIGGER bookstore_attributes_removed AFTER DELETE ON bookstore_books
    WHEN old.attributes IS NOT NULL BEGIN {_TAKE_OUT} END
    """,
    f"""
    CREATE TRIGGER bookstore_attributes_changed
    AFTER UPDATE OF attributes, created_at, seq ON bookstore_books
    WHEN old.attributes IS NOT new.attributes OR old.created_at IS NOT new.created_at
        OR old.seq IS NOT new.seq
    BEGIN {_TAKE_OUT} {_PUT_IN} END
    """,
)

NO_ATTRIBUTES = (
    "DROP TRIGGER IF EXISTS bookstore_attributes_added",
    "DROP TRIGGER IF EXISTS bookstore_attributes_removed",
    "DROP TRIGGER IF EXISTS bookstore_attributes_changed",
    "DROP TABLE IF EXISTS bookstore_attributes",
)
