"""A small application behind bearer tokens, to test the policy without the bookstore's views."""

from __future__ import annotations

from typing import Any

from pyramid.config import Configurator
from pyramid.interfaces import ISecurityPolicy
from pyramid.response import Response
from webtest import TestApp

from pyramid_bookstore.settings.converters import PERMISSIONS
from tests.support.tokens import SECRET

#: Settings with a database that is never opened, and bearer tokens by a shared secret.
SETTINGS = {
    "bookstore.sqlalchemy.url": "sqlite://",
    "bookstore.auth": "jwt",
    "bookstore.jwt.key": SECRET,
    "bookstore.jwt.algorithms": "HS256",
    "bookstore.roles.staff": "view add edit",
    "bookstore.roles.clerk": "stock import",
}


def _who(request: Any) -> dict[str, Any]:
    identity = request.identity
    return {
        "userid": request.authenticated_userid,
        "authenticated": request.is_authenticated,
        "roles": identity and list(identity.roles),
        "permissions": identity and sorted(identity.permissions),
    }


def _refuse(request: Any) -> Response:
    """Refuse as the exception view of the bookstore does."""
    policy = request.registry.getUtility(ISecurityPolicy)
    status = 403 if policy.identity(request) else 401
    challenge = policy.challenge(request)
    return Response(status=status, headerlist=[("WWW-Authenticate", challenge)])


def guarded(settings: dict[str, Any] | None = None) -> TestApp:
    """WebTest on ``/who`` (open to all) and one path for each permission: ``/view``, ``/add`` …

    A setting of `None` takes that one out.
    """
    config = Configurator(settings=SETTINGS | (settings or {}))
    config.include("pyramid_bookstore.auth")
    for name in ("who", *PERMISSIONS):
        config.add_route(name, f"/{name}")
        permission = None if name == "who" else f"bookstore.{name}"
        config.add_view(_who, route_name=name, renderer="json", permission=permission)
    config.add_forbidden_view(_refuse)
    return TestApp(config.make_wsgi_app())


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
