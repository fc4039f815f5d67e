"""Marginalia, a small bookshop: an application with pyramid_bookstore mounted in it.

The catalogue and the stock are the bookstore's; users, baskets and orders are the shop's own. Both
work in one session and one transaction (`bookstore.dbsession` in the INI).
"""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator


def main(global_config: dict[str, str], **settings: Any) -> Any:
    """Return the WSGI application."""
    settings.setdefault("jinja2.filters", "money = storefront.formats.money")
    settings.setdefault("jinja2.undefined", "strict")
    settings.setdefault("jinja2.trim_blocks", "true")
    settings.setdefault("jinja2.lstrip_blocks", "true")
    with Configurator(settings=settings) as config:
        config.include("pyramid_jinja2")
        config.include(".database")
        config.include(".security")
        config.include(".basket")
        config.include(".routes")
        config.include("pyramid_bookstore")
        config.scan(ignore=["storefront.alembic", "storefront.scripts"])
    return config.make_wsgi_app()
