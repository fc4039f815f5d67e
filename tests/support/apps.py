"""Applications for tests, made as a host makes its own: Configurator, include, WSGI app."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pyramid.config import Configurator

from pyramid_bookstore.web.mount import Mount

Router: TypeAlias = Any  # pyramid.router.Router; Pyramid ships no types


def build_app(
    settings: Mapping[str, Any],
    *,
    route_prefix: str | None = None,
    configure: Callable[[Any], None] | None = None,
) -> Router:
    """Return a minimal host with the bookstore; ``configure`` is called before the include."""
    config = Configurator(settings=dict(settings))
    if configure is not None:
        configure(config)
    config.include("pyramid_bookstore", route_prefix=route_prefix)
    return config.make_wsgi_app()


def close_app(app: Router) -> None:
    """Close the connections that the application's pools keep."""
    database = Mount.of(app.registry).database
    if database is not None:
        database.dispose()
