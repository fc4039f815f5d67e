"""Adds a route and views to the application for each row of the table of URLs."""

import re
from dataclasses import replace
from typing import Any

from pyramid.config import PHASE3_CONFIG, Configurator
from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRootFactory
from pyramid.path import DottedNameResolver
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.traversal import DefaultRootFactory
from pyramid.viewderivers import DefaultViewMapper  # a host may have another for its own views

from pyramid_bookstore.observability.observe import observe
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.plugin.error_view import error_view, raises_http_exceptions
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.transactions.idempotent import idempotent
from pyramid_bookstore.transactions.strategies import one_statement, transactional
from pyramid_bookstore.web.errors import MethodNotAllowed
from pyramid_bookstore.web.links import prefix_of
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.operation import Operation, Resource
from pyramid_bookstore.web.permissions import any_permission
from pyramid_bookstore.web.query_string import without_parameters
from pyramid_bookstore.web.responses import answer, redirect


def add_routes(config: Configurator) -> None:
    """Register every route at this place in the host's order of routes; they are added when the
    configuration is executed, with the final settings.

    The discriminator is the one that ``config.add_route`` uses.
    """
    for resource in RESOURCES:
        # The mount point itself is last of all routes: a host may have a page of its own there.
        order = PHASE3_CONFIG + 1 if resource.path == "/" else PHASE3_CONFIG
        discriminator = ("route-connect", resource.route_name)
        config.action(discriminator, _connect, args=(config, resource), order=order)
    config.action(("bookstore", "undecodable"), _add_undecodable, args=(config,))


def _connect(config: Configurator, resource: Resource) -> None:
    mount = Mount.of(config.registry)
    if not mount.serves(resource):
        return
    resource = resource.served(mount.settings)
    path = (mount.path + resource.path).rstrip("/")
    _add_route(config, resource, path)
    mount.added_routes.add(resource.route_name)
    if resource.slash:
        only = (Operation("GET", _redirect_to(resource), None),)
        slashed = replace(resource, name=f"{resource.name}_slash", operations=only)
        _add_route(config, slashed, f"{path}/")


def _add_route(config: Configurator, resource: Resource, path: str) -> None:
    settings = Mount.of(config.registry).settings
    # Autocommit: the route is added now, not after those that the host registered later.
    immediate = Configurator(registry=config.registry, package=config.package, autocommit=True)
    options = {"factory": _context_factory(resource, settings, config.registry)}
    if resource.path == "/":
        options["bookstore_unclaimed"] = True
        config = immediate  # it is too late for more actions
    immediate.add_route(resource.route_name, path, **options)
    _add_views(config, resource, settings)


def _context_factory(resource: Resource, settings: Settings, registry: Registry) -> Any:
    """The factory of the route's context, on which a policy may decide.

    It is the first of ours to be called, so here the request's id gets into the log. For what asks
    no policy (public paths, preflights, methods that are not served) nothing of the
    host's is called: its factory may need a session, or a database that is unreachable.
    """
    chosen = settings.root_factory and DottedNameResolver().maybe_resolve(settings.root_factory)
    served = frozenset(() if resource.is_public else resource.methods) - {"OPTIONS"}

    def factory(request: Request) -> Any:
        observe(request)
        if request.method not in served:
            return DefaultRootFactory(request)
        make = chosen or registry.queryUtility(IRootFactory, default=DefaultRootFactory)
        return make(request)

    return factory


def _add_views(config: Configurator, resource: Resource, settings: Settings) -> None:
    route = {"route_name": resource.route_name, "require_csrf": False, "mapper": DefaultViewMapper}
    for operation in resource.operations:
        config.add_view(
            operation.view,
            request_method=operation.method,
            permission=_permission(operation, settings),
            decorator=_decorators(operation),
            **route,
        )
    allowed = resource.methods
    public = {
        "permission": NO_PERMISSION_REQUIRED,
        "decorator": raises_http_exceptions,
        **route,
    }
    config.add_view(_options(allowed), request_method="OPTIONS", **public)
    config.add_view(_method_not_allowed(allowed), **public)
    config.add_exception_view(
        error_view,
        context=Exception,
        route_name=resource.route_name,
        mapper=DefaultViewMapper,
    )


def _permission(operation: Operation, settings: Settings) -> Any:
    """The permission that Pyramid asks for; where one of two is enough, `any_permission` asks."""
    asked = operation.asked_for(settings)
    return asked[0] if len(asked) == 1 else NO_PERMISSION_REQUIRED


def _decorators(operation: Operation) -> tuple[Any, ...]:
    """The decorators of the view, the outermost first."""
    decorators = (
        (True, raises_http_exceptions),
        (operation.or_permission is not None, any_permission(*operation.permissions)),
        (operation.bare, without_parameters),
        (operation.writes and not operation.single, transactional),
        (operation.single, one_statement),
        (operation.idempotent, idempotent),
    )
    return tuple(decorator for wanted, decorator in decorators if wanted)


def _redirect_to(resource: Resource) -> Any:
    def without_slash(request: Request) -> Response:
        return redirect(request, request.route_path(resource.route_name, **prefix_of(request)))

    return without_slash


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
        firsts = sorted({re.escape(resource.path.split("/")[1]) for resource in RESOURCES} - {""})
        # A placeholder in the host's route_prefix matches anything but a slash.
        literal = map(re.escape, re.split(r"\{[^{}]*\}", path))
        self._pattern = re.compile(f"{'[^/]+'.join(literal)}/(?:{'|'.join(firsts)})(?:/|\\Z)")

    def text(self) -> str:
        return "bookstore_path = True"

    phash = text

    def __call__(self, context: Any, request: Request) -> bool:
        return self._pattern.match(request.environ.get("PATH_INFO", "")) is not None
