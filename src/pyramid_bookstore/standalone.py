"""The bookstore as an application of its own: ``use = egg:pyramid_bookstore``.

It is the smallest of hosts: it includes the plug-in, and adds what a host does for itself.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationExecutionError
from pyramid.httpexceptions import HTTPException

from pyramid_bookstore.plugin.error_view import error_view
from pyramid_bookstore.settings import environment
from pyramid_bookstore.web.mount import Mount

log = logging.getLogger("pyramid_bookstore")


def main(global_config: Mapping[str, str], **settings: str) -> Any:
    """The WSGI application of an INI section, the environment's settings put over it.

    Raises `pyramid.exceptions.ConfigurationError` with every fault of the settings, and what the
    database raises while it is migrated or filled.
    """
    config = Configurator(settings=environment.override(settings, os.environ))
    config.include("pyramid_bookstore")
    # Beside the bookstore's routes there is nothing here, which problem documents say as well.
    # Pyramid has a view of its own for HTTP exceptions, so Exception alone would not do.
    for context in (Exception, HTTPException):
        config.add_exception_view(error_view, context=context)
    try:
        app = config.make_wsgi_app()
    except ConfigurationExecutionError as error:
        # Without Pyramid's words around it, which name a line of ours; an operator has an INI.
        raise error.evalue from None
    mount = Mount.of(app.registry)
    page = "docs" if mount.settings.docs else "openapi.json"
    log.info(
        "The books are at %s/books, and how to use them at %s/%s.", mount.path, mount.path, page
    )
    return app
