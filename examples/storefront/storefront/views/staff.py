"""Pages for the staff: what was ordered, what runs out, and putting copies in."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.view import view_config
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from pyramid_bookstore.errors import ValidationFailed
from storefront.formats import search_words, uuid_from, whole_number
from storefront.models import Order, OrderLine, StockNote
from storefront.pages import page_of
from storefront.views.account import local_path

MOST_DELIVERED = 9_999
NOTES_SHOWN = 8
BOOKS_SHOWN = 30


@view_config(
    route_name="staff",
    request_method="GET",
    permission="storefront.staff",
    renderer="storefront:templates/staff.jinja2",
)
def staff(request: Any) -> Any:
    """The newest orders, the day's figures, and what runs out, the most urgent first."""
    dbsession = request.dbsession
    orders = select(Order).options(joinedload(Order.user), selectinload(Order.lines))
    notes = (
        select(StockNote)
        .order_by(StockNote.stock, StockNote.noted_at.desc(), StockNote.title)
        .limit(NOTES_SHOWN)
    )
    return {
        "page": page_of(dbsession, orders, request.GET.get("cursor")),
        "notes": dbsession.scalars(notes).all(),
        "note_count": dbsession.scalar(select(func.count(StockNote.book_id))),
        "order_count": dbsession.scalar(select(func.count(Order.id))),
        "copies_sold": dbsession.scalar(select(func.sum(OrderLine.quantity))) or 0,
        "earned": dbsession.scalar(select(func.sum(Order.total))) or Decimal(0),
    }


@view_config(
    route_name="staff_stock",
    request_method="GET",
    permission="storefront.staff",
    renderer="storefront:templates/stock.jinja2",
)
def stock(request: Any) -> Any:
    """What is on the shelves, the least first."""
    search = search_words(request.GET.get("q"))
    listed = partial(
        request.bookstore.list,
        search=search or None,
        sort=(("stock", False), ("title", False)),
        limit=BOOKS_SHOWN,
        count="exact",
    )
    try:
        page = listed(cursor=request.GET.get("cursor") or None)
    except ValidationFailed:  # the cursor of another list
        page = listed()
    return {"page": page, "search": search}


@view_config(route_name="staff_stock", request_method="POST", permission="storefront.staff")
def restock(request: Any) -> Any:
    """Put delivered copies on the shelf."""
    book_id = uuid_from(request.POST.get("book"))
    if book_id is None:
        raise HTTPNotFound
    copies = whole_number(request.POST.get("copies"), least=1, most=MOST_DELIVERED)
    if copies is None:
        request.session.flash(f"Say how many copies, 1 to {MOST_DELIVERED}.", "warning")
    else:
        try:
            book = request.bookstore.change_stock(book_id, copies)
        except ValidationFailed as error:
            request.session.flash(str(error), "warning")
        else:
            request.session.flash(f"“{book.title}”: {book.stock} copies now.")
    return HTTPSeeOther(local_path(request.POST.get("next")))
