"""What visitors see when a page cannot be had.

These views are the shop's for its own pages; the bookstore answers on its routes by itself. They
run after the transaction has ended, so their templates ask the database for nothing.
"""

from __future__ import annotations

from typing import Any

from pyramid.exceptions import BadCSRFOrigin, BadCSRFToken, URLDecodeError
from pyramid.httpexceptions import HTTPBadRequest, HTTPForbidden, HTTPSeeOther
from pyramid.view import exception_view_config, forbidden_view_config, notfound_view_config

from pyramid_bookstore.errors import BookNotFound

TEMPLATE = "storefront:templates/error.jinja2"


def page(request: Any, status: int, title: str, text: str) -> dict[str, str]:
    """Set the status, and give the template its words."""
    request.response.status_int = status
    return {"title": title, "text": text}


@notfound_view_config(renderer=TEMPLATE, append_slash=True)
@exception_view_config(BookNotFound, renderer=TEMPLATE)
def not_found(request: Any) -> Any:
    """404."""
    text = "Perhaps the book has been sold and taken out of the catalogue, or the address is wrong."
    return page(request, 404, "We looked on every shelf", text)


@forbidden_view_config(renderer=TEMPLATE)
def forbidden(error: HTTPForbidden, request: Any) -> Any:
    """Ask who it is; whoever has signed in already may not."""
    if request.is_authenticated:
        text = "This page is for the people behind the counter."
        return page(request, 403, "Staff only", text)
    # A form cannot be sent again after the sign-in, but the page it was on can be shown.
    onward = request.path_qs if request.method == "GET" else request.route_path("basket")
    return HTTPSeeOther(request.route_path("login", _query={"next": onward}))


@exception_view_config(BadCSRFOrigin, renderer=TEMPLATE)
@exception_view_config(BadCSRFToken, renderer=TEMPLATE)
def unknown_form(request: Any) -> Any:
    """400: a form from another site, from before the cookie went, or from a program."""
    text = "It is not of a page that we gave you on this visit. Reload the page and send it again."
    return page(request, 400, "We do not know that form", text)


@exception_view_config(HTTPBadRequest, renderer=TEMPLATE)
@exception_view_config(URLDecodeError, renderer=TEMPLATE)
@exception_view_config(UnicodeDecodeError, renderer=TEMPLATE)
def bad_request(request: Any) -> Any:
    """400: an address or a form that no page of ours makes."""
    return page(request, 400, "That makes no sense to us", "The address or the form is damaged.")
