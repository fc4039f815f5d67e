"""Books by their id, and the list of them."""

import hashlib
from uuid import UUID

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.links import book_path, list_links
from pyramid_bookstore.catalogue.query import parse_listing
from pyramid_bookstore.catalogue.representation import book_json, page_json
from pyramid_bookstore.catalogue.schema import validate_book
from pyramid_bookstore.errors import BookNotFound, Fault, ValidationFailed
from pyramid_bookstore.values.condition import Condition
from pyramid_bookstore.values.isbn import canonical
from pyramid_bookstore.web.body import JSON, MERGE_PATCH, read_json
from pyramid_bookstore.web.conditional import (
    change_condition,
    create_only,
    etag,
    http_date,
    not_modified,
    tag_matches,
    write_condition,
)
from pyramid_bookstore.web.errors import PreconditionRequired
from pyramid_bookstore.web.headers import prefers_minimal
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.query_string import query_pairs
from pyramid_bookstore.web.responses import REVALIDATE, answer


def list_books(request: Request) -> Response:
    """One page of books: filtered, sorted, counted."""
    settings = Mount.of(request.registry).settings
    pairs = query_pairs(request)
    query = parse_listing(pairs, default_limit=settings.limit_default, max_limit=settings.limit_max)
    page = request.bookstore.page(query)
    body = page_json(page, query.fields)
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    if tag_matches(request, tag):
        response = answer(request, status=304, cache=REVALIDATE)
    else:
        response = answer(request, body, cache=REVALIDATE)
    response.headers["ETag"] = tag
    response.headers["Link"] = list_links(request, pairs, page)
    return response


def show(request: Request) -> Response:
    """One book."""
    return book_answer(request, request.bookstore.get(book_id(request)))


def create(request: Request) -> Response:
    """A new book."""
    book = request.bookstore.create(json_body(request))
    return written(request, book, created=True)


def update(request: Request) -> Response:
    """Any subset of a book's fields; what is left out stays."""
    condition = required_condition(request)
    changes = json_body(request)
    return written(request, request.bookstore.update(book_id(request), changes, condition))


def patch(request: Request) -> Response:
    """A JSON merge patch (RFC 7396)."""
    condition = required_condition(request)
    changes = json_body(request, MERGE_PATCH, JSON)
    return written(request, request.bookstore.patch(book_id(request), changes, condition))


def delete(request: Request) -> Response:
    """Take a book out."""
    request.bookstore.delete(book_id(request), required_condition(request))
    return answer(request, status=204)


def book_id(request: Request) -> UUID:
    """The id in the path; what is no UUID names no book."""
    text: str = request.matchdict["id"]
    try:
        # Only the canonical form: a book has one URL, not several.
        found = UUID(text) if len(text) == 36 else None
    except ValueError:
        found = None
    if found is None or str(found) != text.lower():
        raise BookNotFound
    return found


def json_body(request: Request, *accepted: str) -> object:
    """The JSON in the body, within the size that the settings allow."""
    limit = Mount.of(request.registry).settings.max_body_size
    return read_json(request, limit=limit, accepted=accepted or (JSON,))


def required_condition(request: Request) -> Condition:
    """The client's condition for a change; raises `PreconditionRequired` where one must be."""
    condition = change_condition(request)
    if not condition.given and Mount.of(request.registry).settings.require_if_match:
        raise PreconditionRequired
    return condition


def book_answer(request: Request, book: BookData) -> Response:
    """A book that was read: whole, or 304 where the client's copy is good still."""
    if not_modified(request, book.version, book.updated_at):
        response = answer(request, status=304, cache=REVALIDATE)
    else:
        response = answer(request, book_json(book), cache=REVALIDATE)
    return validators(response, book)


def written(request: Request, book: BookData, *, created: bool = False) -> Response:
    """A book that was written: whole, or without its representation where that is preferred."""
    if prefers_minimal(request):
        response = answer(request, status=201 if created else 204, content_type=None)
        response.headers["Preference-Applied"] = "return=minimal"
    else:
        response = answer(request, book_json(book), status=201 if created else 200)
    if created:
        response.headers["Location"] = book_path(request, book)
    return validators(response, book)


def validators(response: Response, book: BookData) -> Response:
    """The headers that later conditional requests refer to."""
    response.headerlist += [
        ("ETag", etag(book.version)),
        ("Last-Modified", http_date(book.updated_at)),
    ]
    return response


def show_by_isbn(request: Request) -> Response:
    """The book with this ISBN; Content-Location names its own URL."""
    book = request.bookstore.get_by_isbn(request.matchdict["isbn"])
    response = book_answer(request, book)
    response.headers["Content-Location"] = book_path(request, book)
    return response


def upsert_by_isbn(request: Request) -> Response:
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
