"""What the settings ask to be done to the database before the first request."""

import logging

from pyramid.exceptions import ConfigurationError
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.web.mount import Mount

log = logging.getLogger(__name__)


def start(mount: Mount) -> None:
    """Migrate (`bookstore.migrate`), then fill an empty database (`bookstore.sample_data`).

    Any number of processes may do so at once. No connection stays open, so that a server may fork
    afterwards. Raises `ConfigurationError` where the database does not let us; then the application
    does not start.
    """
    settings = mount.settings
    wanted = [name for name in ("migrate", "sample_data") if getattr(settings, name)]
    if not wanted:
        return
    if mount.database is not None and mount.database.in_memory:
        engine = mount.database.writing
    else:
        assert settings.database is not None, "Settings refuses migrate and sample_data without"
        engine = make_one_time_engine(settings.database)
    try:
        _work(engine, settings)
    except (DBAPIError, Unavailable) as error:
        # The driver's own words: SQLAlchemy would add the statement.
        said = str(getattr(error, "orig", None) or error).strip()
        asked = " and ".join(f"bookstore.{name} = true" for name in wanted)
        raise ConfigurationError(
            f"{asked}: this needs the database at start, and"
            f" {engine.url.render_as_string(hide_password=True)}"
            f" (from {settings.database_prefix}url) answered: {said}"
        ) from error


def _work(engine: Engine, settings: Settings) -> None:
    # Imported only where they are needed: Alembic is no small part of a process.
    if settings.migrate:
        from pyramid_bookstore.db.migrations import head, upgrade

        upgrade(engine)
        log.info("The database is at revision %s.", head())
    if settings.sample_data:
        from pyramid_bookstore.feeds.sample import load_sample

        log.info("%d sample books were put into the database.", load_sample(engine))
