"""Migrations and sample data at start, if the settings ask for them."""

import logging

from pyramid.exceptions import ConfigurationError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.catalogue.declared_index import build, is_new, state
from pyramid_bookstore.db.diagnosis import UnfitDatabase
from pyramid_bookstore.db.engines import changing_nothing, make_one_time_engine
from pyramid_bookstore.db.revision import HEAD, MigrationRefused, require_current
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.web.mount import Mount

log = logging.getLogger(__name__)


def start(mount: Mount) -> None:
    """Migrate (`bookstore.migrate`), then fill an empty database (`bookstore.sample_data`); without
    these log what the database lacks.

    Any number of processes may do so at once. No connection stays open, so that a server may fork
    afterwards. Raises `ConfigurationError` for a database that cannot hold every text, or if it
    fails where something is to be done; then the application does not start.
    """
    settings = mount.settings
    declared = mount.rules.declared
    wanted = [name for name in ("migrate", "sample_data") if getattr(settings, name)]
    if mount.database is None and not wanted and not declared:
        return
    if mount.database is not None and mount.database.in_memory:
        engine = mount.database.writing
    elif settings.database is None:  # the host's session alone; `bookstore check` looks
        return
    else:
        engine = make_one_time_engine(settings.database)
    try:
        if wanted:
            _work(engine, settings, declared)
        else:
            _say_what_is_missing(engine, declared)
    except UnfitDatabase as error:
        raise ConfigurationError(f"{settings.database_prefix}url: {error}") from error
    except (DBAPIError, MigrationRefused, Unavailable) as error:
        # The driver's message; SQLAlchemy's would add the statement.
        reason = str(getattr(error, "orig", None) or error).strip()
        asked = " and ".join(f"bookstore.{name} = true" for name in wanted)
        raise ConfigurationError(
            f"{asked}: this needs the database at start, and"
            f" {engine.url.render_as_string(hide_password=True)}"
            f" (from {settings.database_prefix}url) answered: {reason}"
        ) from error


def _say_what_is_missing(engine: Engine, declared: Declared) -> None:
    """Log it in a line if requests will be answered 503. Raises `UnfitDatabase`."""
    try:
        with changing_nothing(engine).connect() as connection:
            require_current(connection)
            missing = state(connection, declared) if declared else ""
    except UnfitDatabase:
        raise
    except Unavailable as error:
        log.warning("%s Until then requests are answered 503.", error)
        return
    except DBAPIError as error:  # it may come later
        log.warning(
            "%s does not answer: %s. Until it does, requests are answered 503; bookstore -c INI"
            " check says what to do.",
            engine.url.render_as_string(hide_password=True),
            " ".join(str(error.orig).split()),
        )
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
