"""What stands in an INI about the bookstore, for tools that run without the application."""

import os
from collections.abc import Mapping
from typing import Any

from pyramid.paster import get_appsettings

from pyramid_bookstore.db.probe import engines
from pyramid_bookstore.settings import Settings, environment
from pyramid_bookstore.settings.reader import HOST_DATABASE, OWN_DATABASE


def app_settings(uri: str) -> dict[str, str]:
    """The settings of the application in ``FILE`` or ``FILE#NAME``, the environment's put over.

    Raises `OSError` for a file that cannot be read, `LookupError` for one without the application.
    """
    return environment.override(get_appsettings(uri), os.environ)


def database_options(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Engine settings of the database, for `pyramid_bookstore.db.engines`.

    Nothing else is looked at: migrating needs no key that tokens are checked with. Raises
    `pyramid.exceptions.ConfigurationError`.
    """
    prefixes = (OWN_DATABASE, HOST_DATABASE)
    chosen = {name: value for name, value in settings.items() if name.startswith(prefixes)}
    options = Settings.from_mapping(chosen, [engines]).database
    assert options is not None, "None only with bookstore.dbsession, which is not among the chosen"
    return options
