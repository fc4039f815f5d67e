"""Reads the bookstore's settings from an INI, for tools that run without the application."""

import os
from collections.abc import Mapping
from typing import Any

from pyramid.paster import get_appsettings

from pyramid_bookstore.db.engines import check_engines
from pyramid_bookstore.settings import Settings, environment
from pyramid_bookstore.settings.reader import HOST_DATABASE, OWN_DATABASE


def app_settings(uri: str) -> dict[str, str]:
    """The settings of the application in ``FILE`` or ``FILE#NAME``, overridden by the environment.

    Raises `OSError` for a file that cannot be read, `LookupError` for one without the application.
    """
    return environment.override(get_appsettings(uri), os.environ)


def database_settings(settings: Mapping[str, Any]) -> Settings:
    """The settings with those of the database alone: a migration needs no key for tokens.

    Raises `pyramid.exceptions.ConfigurationError`.
    """
    prefixes = (OWN_DATABASE, HOST_DATABASE)
    chosen = {name: value for name, value in settings.items() if name.startswith(prefixes)}
    return Settings.from_mapping(chosen, [check_engines])


def database_options(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Engine settings of the database, for `pyramid_bookstore.db.engines`; raises as
    `database_settings`."""
    options = database_settings(settings).database
    assert options is not None, "None only with bookstore.dbsession, which was left out"
    return options
