"""The bookstore as an application of its own: ``use = egg:pyramid_bookstore``.

It is the smallest possible host: it includes the plug-in and adds what each host does itself.
"""

import logging
import os
from collections.abc import Mapping
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationExecutionError
from pyramid.httpexceptions import HTTPException
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.description.views import index
from pyramid_bookstore.observability.observe import observe
from pyramid_bookstore.plugin.bookstore import BOOKSTORE
from pyramid_bookstore.plugin.error_view import error_view
from pyramid_bookstore.settings import environment
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.responses import redirect

log = logging.getLogger("pyramid_bookstore")


class BookstoreRequest(Request):  # type: ignore[misc]  # pyramid ships no types
    """Has `bookstore` from its class: for what `add_request_method` adds, Pyramid makes a new class
    at each request, which takes 30 us; a book by its id takes 85 (SQLite) or 210 (PostgreSQL)."""

    bookstore = BOOKSTORE


def _start(request: Request) -> Response:
    """The way from ``/`` to the page for people, or to the index where there is none; at ``/``
    itself the index is in its place."""
    observe(request)
    mount = Mount.of(request.registry)
    name = "docs" if mount.settings.docs else "index"
    if name == "index" and not mount.path:
        return index(request)
    return redirect(request, request.route_path(f"bookstore.{name}"))


def main(global_config: Mapping[str, str], **settings: str) -> Any:
    """The WSGI application of an INI section, whose settings the environment overrides.

    Raises `pyramid.exceptions.ConfigurationError` with every fault of the settings, or if the
    database fails during migration.
    """
    config = Configurator(
        settings=environment.override(settings, os.environ), request_factory=BookstoreRequest
    )
    config.commit()  # the plug-in looks at what requests are made of
    config.include("pyramid_bookstore")
    config.add_route("start", "/", request_method=("GET", "HEAD"))
    config.add_view(_start, route_name="start")
    # Other paths get problem documents too. HTTPException must be named, as Pyramid has a view of
    # its own for it.
    for context in (Exception, HTTPException):
        config.add_exception_view(error_view, context=context)
    try:
        app = config.make_wsgi_app()
    except ConfigurationExecutionError as error:
        # Without Pyramid's text, which names a line of this code, not of the INI.
        raise error.evalue from None
    mount = Mount.of(app.registry)
    page = "docs" if mount.settings.docs else "openapi.json"
    log.info(
        "The books are at %s/books, the API's description at %s/%s.", mount.path, mount.path, page
    )
    return app
