"""The checks of `bookstore check`: each gives a verdict, and says what to do."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.declared_index import state
from pyramid_bookstore.catalogue.kept import kept_on
from pyramid_bookstore.cli.rights import lacking, try_writing
from pyramid_bookstore.db.autogenerate import PREFIX
from pyramid_bookstore.db.base import BOOKS_TABLE
from pyramid_bookstore.db.diagnosis import LOCKED
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.dialects.sqlite import file_of, in_memory, is_read_only, read_only
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.revision import HEAD, current, is_current
from pyramid_bookstore.plugin.probes import PROBES
from pyramid_bookstore.plugin.tables import Base
from pyramid_bookstore.search import SEARCHES
from pyramid_bookstore.settings import KEYS, Settings
from pyramid_bookstore.settings.reader import read

#: SQLAlchemy's defaults.
_POOL_SIZE, _MAX_OVERFLOW = 5, 10


class Finding(NamedTuple):
    """The result of one check. ``advice`` says what to do, and is empty if all is well."""

    verdict: Literal["ok", "warning", "fault"]
    subject: str
    message: str
    advice: str = ""


def check_start(mapping: Mapping[str, Any]) -> Iterator[Finding]:
    """The faults in the settings that would prevent a start."""
    for fault in read(mapping, KEYS, PROBES)[1]:
        yield Finding("fault", "start", fault, "The application does not start with it.")


def check_all(
    settings: Settings, engine: Engine, declared: Declared | None = NOTHING_DECLARED
) -> Iterator[Finding]:
    """All other checks; those of the database only if it answers.

    Without ``declared`` the INI is a host's, whose declared fields are not known.
    """
    yield _auth(settings, in_host=declared is None)
    yield from _file(engine)
    try:
        with _changing_nothing(engine).connect() as connection:
            yield Finding("ok", "database", f"{engine.url.render_as_string()} answers.")
            yield from _database(settings, declared, engine, connection)
    except SQLAlchemyError as error:
        yield _unreachable(engine, error)


def _changing_nothing(engine: Engine) -> Engine:
    """On PostgreSQL the engine itself: what is tried there is undone."""
    if engine.dialect.name != "sqlite" or in_memory(engine.url):
        return engine
    return make_one_time_engine({"url": read_only(engine.url)})


def _database(
    settings: Settings, declared: Declared | None, engine: Engine, connection: Connection
) -> Iterator[Finding]:
    if connection.dialect.name == "postgresql":
        lacks = [Finding("fault", "rights", *lack) for lack in lacking(connection)]
        yield from lacks
        if lacks:  # without them the rest cannot be looked at
            return
    revision = _revision(connection)
    yield revision
    yield from _indexes(connection)
    if revision.verdict == "ok":
        yield from _kept(connection)
        if declared is None:
            yield Finding("ok", "fields", "The application looks for them at its start.")
        elif declared:
            yield _declared(connection, declared)
        if connection.dialect.name == "postgresql":
            yield _writing(connection)
    if connection.dialect.name == "sqlite":
        if not is_read_only(engine.url):
            yield _journal(connection)
    else:
        yield _extension(connection)
        yield _pools(settings, connection)


def _auth(settings: Settings, *, in_host: bool) -> Finding:
    if settings.auth == "jwt":
        return Finding("ok", "access", "Bearer tokens decide (bookstore.auth = jwt).")
    if in_host:
        return Finding(
            "ok",
            "access",
            "The application's security policy decides. If it has none, everybody may read and"
            " write, and its log says so at start.",
        )
    return Finding(
        "warning",
        "access",
        "bookstore.auth = host: standalone there is no security policy, and everybody may read and"
        " write.",
        "Set bookstore.auth = jwt, or run it in a trusted network only.",
    )


def _file(engine: Engine) -> Iterator[Finding]:
    """SQLite creates its lock and log files beside the database."""
    if engine.dialect.name != "sqlite" or in_memory(engine.url):
        return
    path = file_of(engine.url)
    if is_read_only(engine.url):
        yield Finding("ok", "file", "It is only read, as the URL says; changes are answered 503.")
        return
    if os.access(path.parent, os.W_OK):
        yield Finding("ok", "folder", f"{path.parent} can be written to.")
    else:
        yield Finding(
            "fault",
            "folder",
            f"{path.parent} cannot be written to, or is not there.",
            "SQLite needs to make files beside the database: give this user the right to.",
        )
    if path.exists() and not os.access(path, os.W_OK):
        yield Finding(
            "fault",
            "file",
            f"{path} cannot be written to: changes are answered 503.",
            f"Give this user the right to: chmod u+w {path}",
        )


def _unreachable(engine: Engine, error: SQLAlchemyError) -> Finding:
    message = " ".join(str(getattr(error, "orig", None) or error).split())
    lower = message.lower()
    if "password" in lower or "authentication" in lower or "role" in lower:
        advice = "Correct the user or password in bookstore.sqlalchemy.url, or in pg_hba.conf."
    elif "readonly database" in lower:  # its write-ahead log would be made beside it
        advice = (
            "Let this user write to the folder; or, if nobody changes the file, open it with"
            f" sqlite:///file:{quote(str(file_of(engine.url)))}?immutable=1&uri=true"
        )
    elif "unable to open" in lower:
        advice = "Run: bookstore -c INI migrate, which makes the file; or correct the URL."
    elif "does not exist" in lower:
        advice = "Create it (createdb), or correct its name in bookstore.sqlalchemy.url."
    else:
        advice = "See that the server runs and that bookstore.sqlalchemy.url names it."
    return Finding("fault", "database", f"{engine.url.render_as_string()}: {message}", advice)


def _revision(connection: Connection) -> Finding:
    if is_current(connection):
        return Finding("ok", "schema", f"At revision {HEAD}, which this code needs.")
    found = current(connection)
    state = f"At revision {found}" if found else "Not set up"
    return Finding(
        "fault", "schema", f"{state}; this code needs {HEAD}.", "Run: bookstore -c INI migrate"
    )


def _indexes(connection: Connection) -> Iterator[Finding]:
    inspector = inspect(connection)
    tables = set(inspector.get_table_names())
    wanted = {
        str(index.name)
        for table in Base.metadata.tables.values()
        if table.name in tables
        for index in table.indexes
    }
    if BOOKS_TABLE in tables:
        wanted |= {*SEARCHES[connection.dialect.name].indexes}
    # The search has tables of its own, which are an index or have some.
    found = tables | {
        name
        for table in tables
        if table.startswith(PREFIX)
        for name in connection.scalars(dialect_named(connection.dialect.name).index_names(table))
    }
    missing = sorted(wanted - found) + _broken_indexes(connection)
    if missing:
        yield Finding(
            "fault",
            "indexes",
            f"Missing or unusable: {', '.join(missing)}.",
            "Create them as the migrations do: bookstore -c INI migrate --sql shows how.",
        )
    elif wanted:
        yield Finding("ok", "indexes", f"All {len(wanted)} are there.")


def _broken_indexes(connection: Connection) -> list[str]:
    if connection.dialect.name == "sqlite":
        return []
    rows = connection.execute(
        text(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
            " WHERE NOT i.indisvalid AND c.relname LIKE 'bookstore\\_%' ORDER BY 1"
        )
    )
    return [str(name) for (name,) in rows]


def _kept(connection: Connection) -> Iterator[Finding]:
    for kept in kept_on(connection.dialect.name):
        fault = kept.fault(connection)
        if fault:
            yield Finding("fault", kept.subject, fault, "Run: bookstore -c INI reindex")
        else:
            yield Finding("ok", kept.subject, "In step with the books.")


def _declared(connection: Connection, declared: Declared) -> Finding:
    fault = state(connection, declared)
    if fault:
        return Finding("fault", "fields", fault, "Run: bookstore -c INI reindex")
    return Finding("ok", "fields", f"{len(declared.fields)} declared, with their indexes.")


def _writing(connection: Connection) -> Finding:
    try:
        try_writing(connection)
    except DBAPIError as error:
        message = " ".join(str(error.orig).split())
        if diagnose(error) == LOCKED:
            advice = "Others have locked a table for some time; check again later."
            return Finding("warning", "writing", f"Could not be tried: {message}", advice)
        return Finding("fault", "writing", message, "Creating a book fails in the same way.")
    return Finding("ok", "writing", "Tried and undone: creating, changing and deleting.")


def _journal(connection: Connection) -> Finding:
    mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
    if mode in ("wal", "memory"):
        return Finding("ok", "journal", f"journal_mode is {mode}.")
    return Finding(
        "warning",
        "journal",
        f"journal_mode is {mode}: readers and writers wait for each other.",
        "The service changes that when it starts. Where it does not: put the file where SQLite can"
        " share memory (no network drive).",
    )


def _extension(connection: Connection) -> Finding:
    there = connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'"))
    if there:
        return Finding("ok", "extension", "pg_trgm is there.")
    return Finding(
        "fault",
        "extension",
        "pg_trgm is not there; the search needs it.",
        "As a user with the right to: CREATE EXTENSION pg_trgm",
    )


def _pools(settings: Settings, connection: Connection) -> Finding:
    options = settings.database or {}
    size = int(options.get("pool_size", _POOL_SIZE))
    overflow = int(options.get("max_overflow", _MAX_OVERFLOW))
    each = 2 * (size + overflow)
    allowed = int(connection.scalar(text("SHOW max_connections")) or 0)
    reserved = int(connection.scalar(text("SHOW superuser_reserved_connections")) or 0)
    message = (
        f"A process may open {each} connections (two pools of {size} + {overflow}); the server"
        f" takes {allowed - reserved}, from all processes together."
    )
    if each <= allowed - reserved:
        return Finding("ok", "pool", message)
    advice = "Lower bookstore.sqlalchemy.pool_size and .max_overflow, or raise max_connections."
    return Finding("fault", "pool", message, advice)
