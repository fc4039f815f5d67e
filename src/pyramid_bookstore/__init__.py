"""A bookstore as a plug-in for Pyramid applications.

::

    config = Configurator(settings={"bookstore.sqlalchemy.url": "sqlite:///books.sqlite",
                                    "bookstore.migrate": "true"})
    config.include("pyramid_bookstore")

gives the application the bookstore's REST API below `bookstore.prefix`, and `request.bookstore` in
its views. Nothing outside the bookstore's own routes is touched.

What a host may import is what this module, `pyramid_bookstore.events`, `pyramid_bookstore.errors`
and `pyramid_bookstore.testing` export by name; docs/reference/python.md has all of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyramid.config import Configurator

    from pyramid_bookstore.catalogue.fields import BookData
    from pyramid_bookstore.catalogue.listing import FacetValue, Page
    from pyramid_bookstore.catalogue.lookup import Lookup
    from pyramid_bookstore.catalogue.models import Book
    from pyramid_bookstore.catalogue.suggestions import Suggestion, Suggestions
    from pyramid_bookstore.db.migrations import downgrade, include_object, upgrade
    from pyramid_bookstore.feeds.sample import load_sample
    from pyramid_bookstore.plugin.bookstore import Bookstore
    from pyramid_bookstore.plugin.tables import is_current
    from pyramid_bookstore.stock.holds import Hold, HoldLineData
    from pyramid_bookstore.stock.movements import MovementData, MovementPage
    from pyramid_bookstore.stock.service import StockLevel
    from pyramid_bookstore.values.condition import Condition

__all__ = [
    "Book",
    "BookData",
    "Bookstore",
    "Condition",
    "FacetValue",
    "Hold",
    "HoldLineData",
    "Lookup",
    "MovementData",
    "MovementPage",
    "Page",
    "StockLevel",
    "Suggestion",
    "Suggestions",
    "downgrade",
    "include_object",
    "includeme",
    "is_current",
    "load_sample",
    "upgrade",
]

#: Where the names are from that are loaded when they are first asked for: a migration, say, has no
#: use for all of the application.
_FROM = {
    "Book": "catalogue.models",
    "BookData": "catalogue.fields",
    "Bookstore": "plugin.bookstore",
    "Condition": "values.condition",
    "FacetValue": "catalogue.listing",
    "Hold": "stock.holds",
    "HoldLineData": "stock.holds",
    "MovementData": "stock.movements",
    "MovementPage": "stock.movements",
    "Lookup": "catalogue.lookup",
    "Page": "catalogue.listing",
    "StockLevel": "stock.service",
    "Suggestion": "catalogue.suggestions",
    "Suggestions": "catalogue.suggestions",
    "downgrade": "db.migrations",
    "include_object": "db.migrations",
    "is_current": "plugin.tables",
    "load_sample": "feeds.sample",
    "upgrade": "db.migrations",
}


def includeme(config: Configurator) -> None:
    """Mount the bookstore: settings, `request.bookstore`, directives, tokens, routes, start-up."""
    from pyramid_bookstore.plugin import configuration, routing

    configuration.refuse_second_include(config)
    configuration.add_mount(config)
    configuration.add_request_method(config)
    configuration.add_directives(config)
    configuration.add_rules(config)
    configuration.add_security(config)
    routing.add_routes(config)
    configuration.add_start_up(config)


def __getattr__(name: str) -> Any:
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FROM[name]}"), name)
