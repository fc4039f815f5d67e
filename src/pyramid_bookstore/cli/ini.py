"""The INI that ``-c`` names, read when a command first needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import click
from sqlalchemy import Engine

from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.inifile import app_settings, database_options
from pyramid_bookstore.settings import Settings


class Ini:
    """What a command can know: plain settings, checked settings, an engine."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @cached_property
    def values(self) -> dict[str, str]:
        """The application's settings as they stand there, the environment's put over them."""
        try:
            return app_settings(self.uri)
        except FileNotFoundError as error:
            raise click.ClickException(
                f"There is no {error.filename}; bookstore -c INI says where the settings are."
            ) from error

    @cached_property
    def settings(self) -> Settings:
        """All settings, checked; raises `pyramid.exceptions.ConfigurationError`."""
        return Settings.from_mapping(self.values)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """An engine on the database, which is all of the settings that is looked at."""
        engine = make_one_time_engine(database_options(self.values))
        try:
            yield engine
        finally:
            engine.dispose()
