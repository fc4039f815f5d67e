"""What a server may ask before it receives a body, and which requests it must always answer."""

from collections.abc import Callable
from typing import Any

from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRoutesMapper, ISecurityPolicy
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.traversal import DefaultRootFactory

from pyramid_bookstore.errors import BookstoreError
from pyramid_bookstore.web.body import check_size, check_type
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.operation import Operation
from pyramid_bookstore.web.server_hooks import BODY_LIMIT, PROBES

_PROBES = ("health", "ready")

#: Beyond any server's own limit.
_UNKNOWN = 2**63


def add_server_hooks(registry: Registry, mount: Mount) -> None:
    """Put the hooks of `web.server_hooks` into the registry."""
    registry[BODY_LIMIT] = body_limit(registry, mount)
    registry[PROBES] = frozenset(
        mount.path + resource.path for resource in mount.resources if resource.name in _PROBES
    )


def body_limit(registry: Registry, mount: Mount) -> Callable[[dict[str, Any]], int | None]:
    """The hook `BODY_LIMIT` of this application.

    It says `None` on our routes for what the views refuse whatever the body is: method, size, media
    type, and with `bookstore.auth = jwt` the permission; a host's policy may need a transaction.
    Of other routes nothing is known.
    """
    operations = {
        (resource.route_name, operation.method): operation
        for resource in mount.resources
        for operation in resource.operations
    }

    def limit(environ: dict[str, Any]) -> int | None:
        request = Request(environ)
        request.registry = registry
        try:
            route = registry.queryUtility(IRoutesMapper)(request)["route"]
        except URLDecodeError:
            return None
        if route is None or route.name not in mount.added_routes:
            return _UNKNOWN
        request.matched_route = route
        operation = operations.get((route.name, request.method))
        if operation is None or operation.body is None or not _permitted(request, operation):
            return None
        most = operation.body.limit(mount.settings)
        try:
            check_size(request, most)
            if environ.get("CONTENT_TYPE"):  # else it depends on whether the body is empty
                check_type(request, operation.body.types)
        except BookstoreError:
            return None
        return most

    def _permitted(request: Request, operation: Operation) -> bool:
        asked = operation.asked_for(mount.settings)
        if mount.settings.auth != "jwt" or not asked:
            return True
        policy, context = registry.queryUtility(ISecurityPolicy), DefaultRootFactory(request)
        return any(policy.permits(request, context, each) for each in asked)

    return limit
