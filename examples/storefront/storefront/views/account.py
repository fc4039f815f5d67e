"""Signing in and out."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPSeeOther
from pyramid.security import forget, remember
from pyramid.view import view_config

from storefront.security import find_user


@view_config(route_name="login", renderer="storefront:templates/login.jinja2")
def login(request: Any) -> Any:
    """Ask for name and password; then back to where the visitor came from."""
    onward = local_path(request.params.get("next"))
    if request.method != "POST":
        return {"next": onward, "login": "", "failed": False}
    name = request.POST.get("login", "").strip()
    user = find_user(request, name, request.POST.get("password", ""))
    if user is None:
        request.response.status_int = 401
        return {"next": onward, "login": name[:80], "failed": True}
    # Whoever knew the token before the sign-in shall not know the one after it.
    request.session.new_csrf_token()
    request.session.flash(f"Welcome, {user.name}.")
    return HTTPSeeOther(onward, headers=remember(request, user.id))


@view_config(route_name="logout", request_method="POST")
def logout(request: Any) -> Any:
    """Forget who it was, and the basket too."""
    request.session.invalidate()
    return HTTPSeeOther(request.route_path("catalogue"), headers=forget(request))


def local_path(path: str | None) -> str:
    """``path`` if it leads to a page of this shop, else the front page."""
    safe = path and path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if path and safe and path.isprintable() else "/"
