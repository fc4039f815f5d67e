"""What the settings ask to be done to the database before the first request."""

from __future__ import annotations

import logging

from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.mount import Mount

log = logging.getLogger(__name__)


def start(mount: Mount) -> None:
    """Migrate (`bookstore.migrate`), then fill an empty database (`bookstore.sample_data`).

    Any number of processes may do so at once. No connection stays open, so that a server may fork
    afterwards. Raises what the database raises; then the application does not start.
    """
    settings = mount.settings
    if not settings.migrate and not settings.sample_data:
        return
    if mount.database is not None and mount.database.in_memory:
        engine = mount.database.writing
    else:
        assert settings.database is not None, "Settings refuses migrate and sample_data without"
        engine = make_one_time_engine(settings.database)
    # Imported only where they are needed: Alembic is no small part of a process.
    if settings.migrate:
        from pyramid_bookstore.db.migrations import head, upgrade

        upgrade(engine)
        log.info("The database is at revision %s.", head())
    if settings.sample_data:
        from pyramid_bookstore.sample import load_sample

        log.info("%d sample books were put into the database.", load_sample(engine))
