"""The basket."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.view import view_config

from storefront.basket import MOST_COPIES, MOST_TITLES, BasketFull
from storefront.covers import cover
from storefront.formats import uuid_from, whole_number


@view_config(
    route_name="basket", request_method="GET", renderer="storefront:templates/basket.jinja2"
)
def basket(request: Any) -> Any:
    """What is in it, at today's prices and stock."""
    lines = request.basket.lines(request.bookstore)
    return {
        "lines": lines,
        "total": sum(line.total for line in lines),
        "orderable": bool(lines) and not any(line.short for line in lines),
        "most": MOST_COPIES,
        "cover": cover,
    }


@view_config(route_name="basket", request_method="POST")
def change(request: Any) -> Any:
    """Put copies in, have another number of them, or take them out."""
    book_id = uuid_from(request.POST.get("book"))
    number = whole_number(request.POST.get("copies"), least=0, most=MOST_COPIES)
    action = request.POST.get("action")
    if book_id is None or number is None or action not in ("add", "set", "remove"):
        raise HTTPNotFound
    book = request.bookstore.get(book_id)
    try:
        if action == "add":
            request.basket.add(book.id, number)
            request.session.flash(f"“{book.title}” is in your basket.")
        else:
            request.basket.put(book.id, number if action == "set" else 0)
    except BasketFull:
        request.session.flash(
            f"A basket holds {MOST_TITLES} titles. Order these first, then come back.", "warning"
        )
    return HTTPSeeOther(request.route_path("basket"))
