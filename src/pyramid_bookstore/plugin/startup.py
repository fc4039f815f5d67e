"""Migrations and sample data at start, if the settings ask for them."""

import logging

from pyramid.exceptions import ConfigurationError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.catalogue.declared_index import build, is_new, state
from pyramid_bookstore.db.diagnosis import UnfitDatabase
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.db.revision import HEAD, MigrationRefused, is_current
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.web.mount import Mount

log = logging.getLogger(__name__)


def start(mount: Mount) -> None:
    """Migrate (`bookstore.migrate`), then fill an empty database (`bookstore.sample_data`).

    Any number of processes may do so at once. No connection stays open, so that a server may fork
    afterwards. Raises `ConfigurationError` if the database fails; then the application does not
    start.
    """
    settings = mount.settings
    declared = mount.rules.declared
    _refuse_encoding(mount)
    wanted = [name for name in ("migrate", "sample_data") if getattr(settings, name)]
    if not wanted and not declared:
        return
    if mount.database is not None and mount.database.in_memory:
        engine = mount.database.writing
    elif settings.database is None:  # the host's session alone; `bookstore check` looks
        return
    else:
        engine = make_one_time_engine(settings.database)
    if not wanted:
        _say_what_is_missing(engine, declared)
        return
    try:
        _work(engine, settings, declared)
    except (DBAPIError, MigrationRefused, Unavailable) as error:
        # The driver's message; SQLAlchemy's would add the statement.
        reason = str(getattr(error, "orig", None) or error).strip()
        asked = " and ".join(f"bookstore.{name} = true" for name in wanted)
        raise ConfigurationError(
            f"{asked}: this needs the database at start, and"
            f" {engine.url.render_as_string(hide_password=True)}"
            f" (from {settings.database_prefix}url) answered: {reason}"
        ) from error


def _refuse_encoding(mount: Mount) -> None:
    """Raises `ConfigurationError` for a database that cannot hold every text. One that cannot be
    reached may come later."""
    database = mount.database
    if database is None or not database.dialect.has_encodings:
        return
    try:
        with make_one_time_engine(mount.settings.database or {}).connect():
            pass
    except UnfitDatabase as error:
        raise ConfigurationError(f"{mount.settings.database_prefix}url: {error}") from error
    except DBAPIError:
        pass


def _say_what_is_missing(engine: Engine, declared: Declared) -> None:
    """Log it if books cannot be found by their declared fields yet."""
    if not declared:
        return
    try:
        with engine.connect() as connection:
            missing = state(connection, declared) if is_current(connection) else ""
    except DBAPIError:  # a database that does not answer yet, or is not set up: /ready says so
        return
    if missing:
        log.warning("%s Run: bookstore -c INI reindex. Until then they answer 503.", missing)


def _work(engine: Engine, settings: Settings, declared: Declared) -> None:
    # Imported only if needed: Alembic takes much memory.
    if settings.migrate:
        from pyramid_bookstore.db.migrations import upgrade

        upgrade(engine)
        log.info("The database is at revision %s.", HEAD)
        if declared and is_new(engine):
            build(engine, declared)
        _say_what_is_missing(engine, declared)
    if settings.sample_data:
        from pyramid_bookstore.feeds.sample import load_sample

        if added := load_sample(engine, stock_log=settings.stock_log):
            log.info("%d sample books were put into the database.", added)
