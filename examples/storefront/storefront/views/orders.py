"""Orders, as a customer places and sees them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from pyramid.httpexceptions import HTTPBadRequest, HTTPNotFound, HTTPSeeOther
from pyramid.view import exception_view_config, view_config
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from storefront.covers import cover
from storefront.formats import uuid_from
from storefront.models import Order
from storefront.ordering import AlreadyPlaced, OrderRefused, place_order
from storefront.pages import page_of


@view_config(route_name="orders", request_method="POST", permission="storefront.order")
def place(request: Any) -> Any:
    """Order what is in the basket."""
    copies = request.basket.copies
    if not copies:
        return HTTPSeeOther(request.route_path("basket"))
    try:
        agreed = Decimal(request.POST["total"])
    except (KeyError, InvalidOperation):
        raise HTTPBadRequest from None
    order = place_order(
        request.dbsession,
        request.bookstore,
        order_id=request.basket.order_id,
        user_id=request.identity.id,
        copies=copies,
        hold_id=request.basket.hold_id,
        agreed=agreed,
    )
    # The basket is emptied by the page that shows the order: only then it is surely committed.
    return HTTPSeeOther(request.route_path("order", id=order.id.hex))


@exception_view_config(OrderRefused)
def refused(error: OrderRefused, request: Any) -> Any:
    """Nothing was written: raising took back the stock that the order had already got."""
    for problem in error.problems:
        request.session.flash(problem, "warning")
    return HTTPSeeOther(request.route_path("basket"))


@exception_view_config(AlreadyPlaced)
def already_placed(error: AlreadyPlaced, request: Any) -> Any:
    """The button was clicked twice: here is the order of the first click."""
    return HTTPSeeOther(request.route_path("order", id=error.order_id.hex))


@view_config(
    route_name="orders",
    request_method="GET",
    permission="storefront.order",
    renderer="storefront:templates/orders.jinja2",
)
def orders(request: Any) -> Any:
    """What this visitor has ordered, the newest first."""
    query = (
        select(Order).where(Order.user_id == request.identity.id).options(selectinload(Order.lines))
    )
    return {"page": page_of(request.dbsession, query, request.GET.get("cursor")), "cover": cover}


@view_config(
    route_name="order",
    request_method="GET",
    permission="storefront.order",
    renderer="storefront:templates/order.jinja2",
)
def order(request: Any) -> Any:
    """One order, for who placed it and for the staff."""
    order_id = uuid_from(request.matchdict["id"])
    found = request.dbsession.get(Order, order_id) if order_id else None
    visitor = request.identity
    if found is None or (found.user_id != visitor.id and not visitor.may("storefront.staff")):
        raise HTTPNotFound
    new = request.basket.order_id == found.id
    if new:
        request.basket.empty()
    return {"order": found, "new": new, "cover": cover}
