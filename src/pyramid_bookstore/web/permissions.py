"""Asks for permissions where the one that Pyramid asks for a view is not enough."""

from collections.abc import Callable
from typing import Any

from pyramid.httpexceptions import HTTPForbidden
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.web.mount import Mount

View = Callable[[Any, Request], Response]


class LacksPermission(HTTPForbidden):  # type: ignore[misc]  # Pyramid ships no types
    """As Pyramid raises it, for a caller with none of these permissions of ours."""

    def __init__(self, *permissions: str) -> None:
        super().__init__()
        self.permissions = permissions


def permits(request: Request, permission: str) -> bool:
    """Whether the caller has one of our permissions, by the name that the host has for it.

    Everybody has it without a security policy, or where the settings say that nobody is asked.
    """
    asked = Mount.of(request.registry).settings.permission(permission)
    return not asked or bool(request.has_permission(asked))


def require_any(request: Request, *permissions: str) -> None:
    """Raises `LacksPermission` for a caller with none of these permissions."""
    if not any(permits(request, permission) for permission in permissions):
        raise LacksPermission(*permissions)


def any_permission(*permissions: str) -> Callable[[View], View]:
    """Decorator for views that ask further, once it is known what they do."""

    def decorate(view: View) -> View:
        def guarded(context: Any, request: Request) -> Response:
            require_any(request, *permissions)
            return view(context, request)

        return guarded

    return decorate
