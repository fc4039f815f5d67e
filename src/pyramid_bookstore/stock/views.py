"""Changes of the stock over HTTP."""

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.catalogue.views import book_id, change_answer, json_body
from pyramid_bookstore.stock.schema import validate_stock_change
from pyramid_bookstore.web.conditional import change_condition


def change_stock(request: Request) -> Response:
    """Change the stock of a book."""
    condition = change_condition(request)
    delta = validate_stock_change(json_body(request))
    return change_answer(
        request, request.bookstore.change_stock(book_id(request), delta, condition)
    )
