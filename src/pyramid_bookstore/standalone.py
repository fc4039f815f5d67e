"""The bookstore as an application of its own: ``use = egg:pyramid_bookstore``.

It is the smallest of hosts: it includes the plug-in, and adds what a host does for itself.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPException
from pyramid.request import Request

from pyramid_bookstore import environment, sessions
from pyramid_bookstore.http.problems import error_view
from pyramid_bookstore.mount import Mount
from pyramid_bookstore.probes import START
from pyramid_bookstore.settings import Settings

log = logging.getLogger("pyramid_bookstore")


class BookstoreRequest(Request):  # type: ignore[misc]  # pyramid ships no types
    """Has `bookstore` from its class: for what `add_request_method` adds, Pyramid makes a new class
    at each request, which takes a tenth of the time that a book by its id does."""

    bookstore = sessions.BY_BIRTH


def main(global_config: Mapping[str, str], **settings: str) -> Any:
    """The WSGI application of an INI section, the environment's settings put over it.

    Raises `pyramid.exceptions.ConfigurationError` with every fault of the settings, and what the
    database raises while it is migrated or filled.
    """
    config = Configurator(
        settings=environment.override(settings, os.environ), request_factory=BookstoreRequest
    )
    config.commit()  # the plug-in looks at what requests are made of
    # An error that comes out of the include has Pyramid's words around it; here nothing can change
    # the settings any more, so people read the faults alone.
    Settings.from_mapping(config.registry.settings, START)
    config.include("pyramid_bookstore")
    # Beside the bookstore's routes there is nothing here, which problem documents say as well.
    # Pyramid has a view of its own for HTTP exceptions, so Exception alone would not do.
    for context in (Exception, HTTPException):
        config.add_exception_view(error_view, context=context)
    app = config.make_wsgi_app()
    mount = Mount.of(app.registry)
    page = "docs" if mount.settings.docs else "openapi.json"
    log.info(
        "The books are at %s/books, and how to use them at %s/%s.", mount.path, mount.path, page
    )
    return app
