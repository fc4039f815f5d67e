"""Books by their ISBN, in any writing."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.http.conditional import create_only, write_condition
from pyramid_bookstore.http.errors import PreconditionRequired
from pyramid_bookstore.http.links import book_path
from pyramid_bookstore.http.views.books import book_answer, json_body, written
from pyramid_bookstore.isbn import canonical
from pyramid_bookstore.mount import Mount
from pyramid_bookstore.schema.book import validate_book


def show(request: Request) -> Response:
    """The book with this ISBN; Content-Location names its own URL."""
    book = request.bookstore.get_by_isbn(request.matchdict["isbn"])
    response = book_answer(request, book)
    response.headers["Content-Location"] = book_path(request, book)
    return response


def upsert(request: Request) -> Response:
    """A whole book, created or replaced; the ISBN in the body may be left out."""
    condition = write_condition(request)
    only_new = create_only(request)
    required = Mount.of(request.registry).settings.require_if_match
    if required and not condition.given and not only_new:
        raise PreconditionRequired
    data = json_body(request)
    if isinstance(data, dict):
        data = _with_isbn(request, data)
    book, created = request.bookstore.upsert(data, condition, create_only=only_new)
    response = written(request, book, created=created)
    response.headers["Content-Location"] = book_path(request, book)
    return response


def _with_isbn(request: Request, data: dict[str, object]) -> dict[str, object]:
    """The book with the path's ISBN; one in the body must be the same, in whatever writing."""
    whole = {"isbn": request.matchdict["isbn"], **data}
    fault = _path_fault(request.matchdict["isbn"], whole["isbn"])
    if fault is None:
        return whole
    faults = [fault]
    try:
        validate_book(whole, extra_schema=Mount.of(request.registry).extra_schema)
    except ValidationFailed as error:
        faults += [other for other in error.faults if other.field != "isbn"]
    raise ValidationFailed(faults)


def _path_fault(text: str, given: object) -> Fault | None:
    """What is wrong with the ISBN in the path, beside the one given in the body."""
    try:
        isbn = canonical(text)
    except ValueError as error:
        return Fault("isbn", "", str(error))
    try:
        same = not isinstance(given, str) or canonical(given) == isbn
    except ValueError:
        same = True  # no ISBN at all: the schema says so, with all other faults
    return None if same else Fault("isbn", "/isbn", "Is another ISBN than the path's.")
