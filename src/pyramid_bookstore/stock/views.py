"""Changes of the stock, holds, and movements over HTTP."""

from typing import Any
from uuid import UUID

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.catalogue.views import (
    book_id,
    change_answer,
    json_body,
    with_current_tag,
)
from pyramid_bookstore.errors import HoldNotFound
from pyramid_bookstore.stock.holds import Hold
from pyramid_bookstore.stock.schema import (
    MOVEMENTS,
    validate_hold,
    validate_prolonging,
    validate_stock_change,
    validate_stock_changes,
)
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.web.body import PATCH_BODY
from pyramid_bookstore.web.conditional import change_condition
from pyramid_bookstore.web.links import cursor_links, prefix_of
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.query_string import query_pairs
from pyramid_bookstore.web.responses import answer

_encode = msgspec.json.Encoder().encode


@with_current_tag
def change_stock(request: Request) -> Response:
    """Change the stock of a book."""
    condition = change_condition(request)
    delta, why = validate_stock_change(json_body(request))
    book = request.bookstore.change_stock(book_id(request), delta, condition, **why._asdict())
    return change_answer(request, book)


def change_stocks(request: Request) -> Response:
    """Change the stock of several books."""
    data: Any = json_body(request)
    validate_stock_changes(data)
    return answer(request, _encode({"lines": request.bookstore.change_stocks(**data)}))


def list_movements(request: Request) -> Response:
    """The movements of a book's stock, the newest first."""
    pairs = query_pairs(request)
    values = deserialized(MOVEMENTS, pairs, pointers=False)
    page = request.bookstore.movements(book_id(request), **values)
    response = answer(
        request,
        _encode({"data": page.movements, "limit": page.limit, "next_cursor": page.next_cursor}),
    )
    response.headers["Link"] = cursor_links(request, pairs, page.next_cursor)
    return response


def place_hold(request: Request) -> Response:
    """Hold copies of several books."""
    data: Any = json_body(request)
    validate_hold(data, Mount.of(request.registry).settings.holds_max_ttl)
    hold = request.bookstore.hold(**data)
    response = answer(request, _hold_json(hold), status=201)
    place = prefix_of(request) | {"hold": str(hold.id)}
    response.headers["Location"] = request.route_path("bookstore.hold", **place)
    return response


def show_hold(request: Request) -> Response:
    """A hold that has not ended."""
    return answer(request, _hold_json(request.bookstore.get_hold(_hold_id(request))))


def prolong_hold(request: Request) -> Response:
    """Hold the copies of a hold for a while from now."""
    longest = Mount.of(request.registry).settings.holds_max_ttl
    ttl = validate_prolonging(json_body(request, PATCH_BODY), longest)
    hold = request.bookstore.prolong_hold(_hold_id(request), ttl)
    return answer(request, _hold_json(hold))


def release_hold(request: Request) -> Response:
    """Give the copies of a hold back."""
    request.bookstore.release_hold(_hold_id(request))
    return answer(request, status=204)


def commit_hold(request: Request) -> Response:
    """Take the copies of a hold out of stock."""
    hold = request.bookstore.commit_hold(_hold_id(request))
    return answer(request, _hold_json(hold, committed=True))


def _hold_id(request: Request) -> UUID:
    """The id in the path, which must be in canonical form; raises `HoldNotFound`."""
    text: str = request.matchdict["hold"]
    try:
        uuid = UUID(text)
    except ValueError:
        raise HoldNotFound from None
    if str(uuid) != text.lower():
        raise HoldNotFound
    return uuid


def _hold_json(hold: Hold, **more: bool) -> bytes:
    return _encode({"id": hold.id, "lines": hold.lines, "expires_at": hold.expires_at, **more})
