"""The checks of `bookstore check`: each gives a verdict, and says what to do."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.declared_index import state
from pyramid_bookstore.catalogue.kept import kept_on
from pyramid_bookstore.cli.ini import NONE_DECLARED
from pyramid_bookstore.cli.rights import lacking, try_writing
from pyramid_bookstore.cli.unreachable import NO_FILE, unreachable
from pyramid_bookstore.db.autogenerate import PREFIX
from pyramid_bookstore.db.base import BOOKS_TABLE
from pyramid_bookstore.db.diagnosis import LOCKED
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import changing_nothing
from pyramid_bookstore.db.errors import diagnose
from pyramid_bookstore.db.findings import Finding as Finding
from pyramid_bookstore.db.revision import HEAD, current, in_hosts_history, is_current, is_newer
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.plugin.probes import PROBES
from pyramid_bookstore.plugin.tables import Base
from pyramid_bookstore.search import SEARCHES
from pyramid_bookstore.settings import KEYS, Settings
from pyramid_bookstore.settings.reader import read

MULTIPROC = "PROMETHEUS_MULTIPROC_DIR"


def check_start(mapping: Mapping[str, Any]) -> Iterator[Finding]:
    """The faults in the settings that would prevent a start."""
    for fault in read(mapping, KEYS, PROBES)[1]:
        yield Finding("fault", "start", fault, "The application does not start with it.")


def check_settings(settings: Settings, *, in_host: bool, one_process: bool) -> Iterator[Finding]:
    """What the settings mean for access and metrics, and what is not used of them."""
    for _level, text in settings.passed_over():
        yield Finding("ok", "settings", text)
    yield _auth(settings, in_host=in_host)
    if settings.metrics:
        yield _metrics(one_process=one_process)


def check_all(
    settings: Settings,
    engine: Engine,
    declared: Declared | None = NOTHING_DECLARED,
    *,
    shared: bool = False,
    migrates: bool = False,
) -> Iterator[Finding]:
    """What is looked at in the database, and before it; only the settings of the database matter.

    Without ``declared`` the INI is a host's, whose declared fields are not known. With ``shared``
    requests are served by the session of a host (`bookstore.dbsession`), and with ``migrates`` the
    application sets the database up at its start (`bookstore.migrate`).
    """
    yield from dialect_named(engine.dialect.name).check_place(engine.url)
    try:
        with changing_nothing(engine).connect() as connection:
            yield Finding("ok", "database", f"{engine.url.render_as_string()} answers.")
            yield from _database(settings, declared, engine, connection, migrates=migrates)
            if shared:
                yield from dialect_named(engine.dialect.name).check_shared(connection)
    except (SQLAlchemyError, Unavailable) as error:
        message, advice = unreachable(settings, engine.url, error)
        message = f"{engine.url.render_as_string()}: {message}"
        yield _of_start("database", message, advice, migrates=migrates and advice == NO_FILE)


def _database(
    settings: Settings,
    declared: Declared | None,
    engine: Engine,
    connection: Connection,
    *,
    migrates: bool,
) -> Iterator[Finding]:
    dialect = dialect_named(connection.dialect.name)
    if dialect.has_rights:
        lacks = [Finding("fault", "rights", *lack) for lack in lacking(connection)]
        yield from lacks
        if lacks:  # without them the rest cannot be looked at
            return
    revision = _revision(connection, migrates=migrates)
    yield revision
    yield from _indexes(connection)
    if revision.verdict == "ok":
        yield from _kept(connection)
        if declared is None:
            yield Finding(
                "ok",
                "fields",
                "Not looked at here: the application does so at its start, and its log says what is"
                " missing.",
            )
        elif declared:
            yield _declared(connection, declared)
        else:
            yield Finding("ok", "fields", NONE_DECLARED)
        if dialect.has_rights:
            yield _writing(connection)
    yield from dialect.check_database(
        connection, engine.url, settings.database or {}, settings.database_prefix or ""
    )


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


def _metrics(*, one_process: bool) -> Finding:
    folder = os.environ.get(MULTIPROC)
    if folder is None and one_process:
        return Finding("ok", "metrics", "They are those of one process.")
    if folder is None:
        return Finding(
            "warning",
            "metrics",
            f"{MULTIPROC} is not set: of several processes, each tells its own numbers.",
            f"Where more than one process serves, give all of them the same folder in {MULTIPROC}.",
        )
    if not os.access(folder, os.W_OK):
        return Finding(
            "fault",
            "metrics",
            f"{folder}, which {MULTIPROC} names, cannot be written to, or is not there.",
            "Make the folder; the service writes its numbers there.",
        )
    return Finding("ok", "metrics", f"Processes share {folder}.")


def _of_start(subject: str, message: str, advice: str, *, migrates: bool) -> Finding:
    """A fault, unless the application mends it when it starts."""
    if migrates:
        advice = "The application sets it up at its start, as bookstore.migrate is true."
    return Finding("warning" if migrates else "fault", subject, message, advice)


def _revision(connection: Connection, *, migrates: bool) -> Finding:
    found = current(connection)
    if is_current(connection):
        if is_newer(found):
            message = f"At revision {found}; this code, at {HEAD}, works with it."
        else:
            message = f"At revision {HEAD}, which this code needs."
        return Finding("ok", "schema", message)
    state = f"At revision {found}" if found else "Not set up"
    message = f"{state}; this code needs {HEAD}."
    if in_hosts_history(connection):
        advice = "Run the application's own migrations: the bookstore's are in its history."
        return Finding("fault", "schema", message, advice)
    return _of_start("schema", message, "Run: bookstore -c INI migrate", migrates=migrates)


def _indexes(connection: Connection) -> Iterator[Finding]:
    inspector, dialect = inspect(connection), dialect_named(connection.dialect.name)
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
        for name in connection.scalars(dialect.index_names(table))
    }
    missing = sorted(wanted - found) + dialect.broken_indexes(connection)
    if missing:
        yield Finding(
            "fault",
            "indexes",
            f"Missing or unusable: {', '.join(missing)}.",
            "Create them as the migrations do: bookstore -c INI migrate --sql shows how.",
        )
    elif wanted:
        yield Finding("ok", "indexes", f"All {len(wanted)} are there.")


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
