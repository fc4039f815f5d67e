"""The basket."""

from __future__ import annotations

from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.view import view_config

from pyramid_bookstore.errors import InsufficientStock, ValidationFailed
from storefront.basket import MOST_COPIES, MOST_TITLES, BasketFull
from storefront.covers import cover
from storefront.formats import minutes_until, uuid_from, whole_number


@view_config(
    route_name="basket", request_method="GET", renderer="storefront:templates/basket.jinja2"
)
def basket(request: Any) -> Any:
    """What is in it, at today's prices and stock."""
    lines = request.basket.lines(request.bookstore)
    hold = request.basket.hold(request.bookstore)
    return {
        "minutes": None if hold is None else minutes_until(hold.expires_at),
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
    if book_id is None or action not in ("add", "set", "remove"):
        raise HTTPNotFound
    if action == "remove":
        number = 0
    if number is None:
        request.session.flash(f"Say how many copies, up to {MOST_COPIES}.", "warning")
        return HTTPSeeOther(request.route_path("basket"))
    book = request.bookstore.get(book_id)
    request.basket.give_back(request.bookstore)  # what is kept was for the basket as it was
    try:
        if action == "add":
            request.basket.add(book.id, number)
            request.session.flash(f"“{book.title}” is in your basket.")
        else:
            request.basket.put(book.id, number)
    except BasketFull:
        request.session.flash(
            f"A basket holds {MOST_TITLES} titles. Order these first, then come back.", "warning"
        )
    return HTTPSeeOther(request.route_path("basket"))


@view_config(route_name="checkout", request_method="POST", permission="storefront.order")
def checkout(request: Any) -> Any:
    """Keep the copies while the visitor pays, or give them back."""
    if request.POST.get("action") == "give back":
        request.basket.give_back(request.bookstore)
    elif request.basket.copies:
        try:
            request.basket.keep(request.bookstore)
        except (InsufficientStock, ValidationFailed):
            request.session.flash("Something in your basket has just been sold.", "warning")
    return HTTPSeeOther(request.route_path("basket"))
