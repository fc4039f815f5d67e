"""Pages of orders: a cursor names the place in the list, so that each page costs the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

from storefront.models import Order

SHOWN = 25

_CURSOR = re.compile(r"(newer|older)-([0-9]{1,16})-([0-9a-f]{32})", re.ASCII)
_KEY = (Order.placed_at, Order.id)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OrderPage(NamedTuple):
    """Orders, the newest first, and the cursors of the pages beside, if there are such."""

    orders: Sequence[Order]
    newer: str | None
    older: str | None


def page_of(
    dbsession: Session, orders: Select[Any], cursor: str | None, size: int = SHOWN
) -> OrderPage:
    """The page of ``orders`` that a cursor names, or the first."""
    found = _CURSOR.fullmatch(cursor or "")
    to_newer = found is not None and found[1] == "newer"
    if found is not None:
        there = (_EPOCH + timedelta(microseconds=int(found[2])), UUID(found[3]))
        orders = orders.where(tuple_(*_KEY) > there if to_newer else tuple_(*_KEY) < there)
    order = [each.asc() if to_newer else each.desc() for each in _KEY]
    rows = dbsession.scalars(orders.order_by(*order).limit(size + 1)).all()
    more, page = len(rows) > size, rows[:size]
    if to_newer:
        page = page[::-1]
    newer = page and (more if to_newer else found is not None)
    older = page and (more or to_newer)
    return OrderPage(
        page,
        newer=_cursor("newer", page[0]) if newer else None,
        older=_cursor("older", page[-1]) if older else None,
    )


def _cursor(to: str, order: Order) -> str:
    return f"{to}-{(order.placed_at - _EPOCH) // timedelta(microseconds=1)}-{order.id.hex}"
