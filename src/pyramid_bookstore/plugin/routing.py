"""Adds a route and views to the application for each row of the table of URLs."""

import re
from typing import Any

from pyramid.config import Configurator
from pyramid.exceptions import URLDecodeError
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.traversal import DefaultRootFactory
from pyramid.viewderivers import DefaultViewMapper  # a host may have another for its own views

from pyramid_bookstore.observability.observe import observed
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.plugin.error_view import error_view
from pyramid_bookstore.transactions.idempotent import idempotent
from pyramid_bookstore.transactions.strategies import one_statement, transactional
from pyramid_bookstore.web.errors import MethodNotAllowed
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.operation import Operation, Resource
from pyramid_bookstore.web.permissions import any_permission
from pyramid_bookstore.web.query_string import without_parameters
from pyramid_bookstore.web.responses import answer


def add_routes(config: Configurator) -> None:
    """Register every route at this place in the host's order of routes; they are added when the
    configuration is executed, with the final settings.

    The discriminator is the one that ``config.add_route`` uses.
    """
    for resource in RESOURCES:
        config.action(("route-connect", resource.route_name), _connect, args=(config, resource))
    config.action(("bookstore", "undecodable"), _add_undecodable, args=(config,))


def _connect(config: Configurator, resource: Resource) -> None:
    mount = Mount.of(config.registry)
    if not resource.enabled(mount.settings):
        return
    # Autocommit: the route is added now, not after those that the host registered later.
    immediate = Configurator(registry=config.registry, package=config.package, autocommit=True)
    # A public path needs no context; the host's factory may need a database that is unreachable.
    factory = DefaultRootFactory if resource.is_public else None
    immediate.add_route(resource.route_name, mount.path + resource.path, factory=factory)
    mount.added_routes.add(resource.route_name)
    _add_views(config, resource.served(mount.settings))


def _add_views(config: Configurator, resource: Resource) -> None:
    route = {"route_name": resource.route_name, "require_csrf": False, "mapper": DefaultViewMapper}
    for operation in resource.operations:
        config.add_view(
            operation.view,
            request_method=operation.method,
            permission=_permission(operation),
            decorator=_decorators(operation),
            **route,
        )
    allowed = resource.methods
    public = {"permission": NO_PERMISSION_REQUIRED, "decorator": observed, **route}
    config.add_view(_options(allowed), request_method="OPTIONS", **public)
    config.add_view(_method_not_allowed(allowed), **public)
    config.add_exception_view(
        error_view,
        context=Exception,
        route_name=resource.route_name,
        mapper=DefaultViewMapper,
    )


def _permission(operation: Operation) -> Any:
    """The permission that Pyramid asks for; where one of two is enough, `any_permission` asks."""
    return operation.permissions[0] if len(operation.permissions) == 1 else NO_PERMISSION_REQUIRED


def _decorators(operation: Operation) -> tuple[Any, ...]:
    """The decorators of the view, the outermost first."""
    decorators = (
        (True, observed),
        (operation.or_permission is not None, any_permission(*operation.permissions)),
        (operation.bare, without_parameters),
        (operation.writes and not operation.single, transactional),
        (operation.single, one_statement),
        (operation.idempotent, idempotent),
    )
    return tuple(decorator for wanted, decorator in decorators if wanted)


def _options(allowed: tuple[str, ...]) -> Any:
    def options(request: Request) -> Response:
        response = answer(request, status=204)
        response.headers["Allow"] = ", ".join(allowed)
        return response

    return options


def _method_not_allowed(allowed: tuple[str, ...]) -> Any:
    def method_not_allowed(request: Request) -> Response:
        raise MethodNotAllowed(request.method, allowed)

    return method_not_allowed


def _add_undecodable(config: Configurator) -> None:
    """Answer paths that are not UTF-8 and begin like ours: they fail before any route matches."""
    config.add_exception_view(
        error_view, context=URLDecodeError, bookstore_path=True, mapper=DefaultViewMapper
    )


class OwnPath:
    """View predicate ``bookstore_path``: the path, not decoded, begins like one of our routes."""

    def __init__(self, value: bool, config: Configurator) -> None:
        path = Mount.of(config.registry).path
        firsts = sorted({re.escape(resource.path.split("/")[1]) for resource in RESOURCES})
        # A placeholder in the host's route_prefix matches anything but a slash.
        literal = map(re.escape, re.split(r"\{[^{}]*\}", path))
        self._pattern = re.compile(f"{'[^/]+'.join(literal)}/(?:{'|'.join(firsts)})(?:/|\\Z)")

    def text(self) -> str:
        return "bookstore_path = True"

    phash = text

    def __call__(self, context: Any, request: Request) -> bool:
        return self._pattern.match(request.environ.get("PATH_INFO", "")) is not None
