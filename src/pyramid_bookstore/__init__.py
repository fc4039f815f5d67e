"""A bookstore as a plug-in for Pyramid applications.

::

    config = Configurator(settings={"bookstore.sqlalchemy.url": "sqlite:///books.sqlite",
                                    "bookstore.migrate": "true"})
    config.include("pyramid_bookstore")

gives the application the bookstore's REST API below `bookstore.prefix`, and `request.bookstore` in
its views. Nothing outside the bookstore's own routes is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyramid.config import Configurator


def includeme(config: Configurator) -> None:
    """Mount the bookstore: settings, `request.bookstore`, directives, tokens, routes, start-up."""
    from pyramid_bookstore import configuration

    configuration.refuse_second_include(config)
    configuration.add_mount(config)
    configuration.add_request_method(config)
    configuration.add_directives(config)
    configuration.add_security(config)
    configuration.add_routes(config)
    configuration.add_start_up(config)
