"""What `bookstore check` looks at on PostgreSQL: the extension, broken indexes, the pools."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from pyramid_bookstore.db.findings import Finding

#: SQLAlchemy's defaults.
_POOL_SIZE, _MAX_OVERFLOW = 5, 10

_EXTENSION = sa.text("""
    SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') AS present,
        EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') AS available,
        (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
            OR has_database_privilege(current_database(), 'CREATE')
                AND (SELECT bool_or(trusted) FROM pg_available_extension_versions
                     WHERE name = 'pg_trgm') AS creatable
""")

_SCHEMA = sa.text("""
    SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
    WHERE extname = 'pg_trgm' AND has_schema_privilege(n.oid, 'USAGE')
""")

_BROKEN = sa.text("""
    SELECT relname FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE NOT indisvalid AND relname LIKE 'bookstore\\_%' ORDER BY 1
""")


def broken_indexes(connection: sa.Connection) -> list[str]:
    """Our indexes whose building was broken off."""
    return [str(name) for name in connection.scalars(_BROKEN)]


def check_extension(connection: sa.Connection) -> Finding:
    """The search's extension is there, or the migrations can create it."""
    present, available, creatable = connection.execute(_EXTENSION).one()
    if present:
        return _letters(connection)
    missing = "pg_trgm is not there; the search needs it."
    if not available:
        advice = "Install it on the server, mostly with the package postgresql-contrib."
    elif creatable:
        advice = "This role may create it, and does with: bookstore -c INI migrate"
        advice += " (or CREATE EXTENSION pg_trgm, where the schema is at its revision already)"
        return Finding("warning", "extension", missing, advice)
    else:
        advice = "As a user with the right to: CREATE EXTENSION pg_trgm"
    return Finding("fault", "extension", missing, advice)


def _letters(connection: sa.Connection) -> Finding:
    """The extension, which is there, sees the letters of all scripts."""
    schema = connection.scalar(_SCHEMA)
    sees = schema is None or connection.scalar(sa.text(f"SELECT {schema}.show_trgm('ж')::text[]"))
    if sees:
        return Finding("ok", "extension", "pg_trgm is there.")
    return Finding(
        "warning",
        "extension",
        "pg_trgm sees ASCII letters alone, as LC_CTYPE of this database is C: a search in another"
        " script, or for punctuation, reads all books.",
        "Make another database and move what is in this one: createdb --template template0"
        " --encoding UTF8 --locale C.UTF-8",
    )


def check_pools(connection: sa.Connection, options: Mapping[str, Any], prefix: str) -> Finding:
    """The server takes the connections that one process may open."""
    size = int(options.get("pool_size", _POOL_SIZE))
    overflow = int(options.get("max_overflow", _MAX_OVERFLOW))
    each = 2 * (size + overflow)
    allowed = int(connection.scalar(sa.text("SHOW max_connections")) or 0)
    reserved = int(connection.scalar(sa.text("SHOW superuser_reserved_connections")) or 0)
    message = (
        f"A process may open {each} connections (two pools of {size} + {overflow}); the server"
        f" takes {allowed - reserved}, from all processes together."
    )
    if each <= allowed - reserved:
        return Finding("ok", "pool", message)
    advice = f"Lower {prefix}pool_size and {prefix}max_overflow, or raise max_connections."
    return Finding("fault", "pool", message, advice)
