"""Books by id and by ISBN, and the list, over HTTP."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from uuid import UUID

from msgspec import UNSET
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.catalogue.base_service import parse_book_id
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.links import book_path, list_links
from pyramid_bookstore.catalogue.lookup import validate_lookup
from pyramid_bookstore.catalogue.query import SUGGEST, parse_listing
from pyramid_bookstore.catalogue.representation import (
    book_json,
    lookup_json,
    page_json,
    suggestions_json,
)
from pyramid_bookstore.catalogue.schema import validate_upsert
from pyramid_bookstore.errors import BookNotFound, Fault, ValidationFailed, VersionMismatch
from pyramid_bookstore.values.condition import Condition
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.isbn import canonical
from pyramid_bookstore.web.body import JSON_BODY, PATCH_BODY, Body, read_json
from pyramid_bookstore.web.conditional import (
    change_condition,
    create_only,
    entity_tag,
    etag,
    http_date,
    not_modified,
    tag_matches,
    why_not_held,
    write_condition,
)
from pyramid_bookstore.web.errors import PreconditionRequired
from pyramid_bookstore.web.headers import prefers_minimal
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.operation import ADD, EDIT
from pyramid_bookstore.web.permissions import LacksPermission, permits, require_any
from pyramid_bookstore.web.query_string import query_pairs
from pyramid_bookstore.web.responses import REVALIDATE, answer


def with_current_tag(view: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Decorator for views that change a book: a mismatch has the entity tag that a GET would give,
    which with holds ends with what is available, and says what is wrong with the condition."""

    @wraps(view)
    def run(request: Request) -> Response:
        try:
            return view(request)
        except VersionMismatch as mismatch:
            if mismatch.current is None:
                raise
            mismatch.message = why_not_held(request) or mismatch.message
            if Mount.of(request.registry).settings.holds:
                with suppress(BookNotFound):  # deleted since
                    book = _read(request)
                    mismatch.current, mismatch.available = book.version, _available(book)
            raise

    return run


def list_books(request: Request) -> Response:
    """One page of books: filtered, sorted, counted."""
    mount = Mount.of(request.registry)
    settings = mount.settings
    pairs = query_pairs(request)
    query = parse_listing(
        pairs,
        default_limit=settings.limit_default,
        max_limit=settings.limit_max,
        max_offset=settings.max_offset,
        declared=mount.rules.declared,
        holds=settings.holds,
    )
    page = request.bookstore.page(query)
    body = page_json(page, query.fields)
    tag = entity_tag(body)
    if tag_matches(request, tag):
        response = answer(request, status=304, cache=REVALIDATE)
    else:
        response = answer(request, body, cache=REVALIDATE)
    response.headers["ETag"] = tag
    response.headers["Link"] = list_links(request, pairs, page)
    return response


def lookup(request: Request) -> Response:
    """The books with some ISBNs and ids."""
    asked = validate_lookup(json_body(request))
    return answer(request, lookup_json(request.bookstore.lookup(**asked)))


def suggest(request: Request) -> Response:
    """What a search field offers for what was typed so far."""
    values = deserialized(SUGGEST, query_pairs(request), pointers=False)
    found = request.bookstore.suggest(values["q"] or "", limit=values["limit"])
    return answer(request, suggestions_json(found), cache=REVALIDATE)


def show(request: Request) -> Response:
    """One book."""
    return book_answer(request, _read(request))


def create(request: Request) -> Response:
    """A new book."""
    book = request.bookstore.create(json_body(request))
    return change_answer(request, book, created=True)


@with_current_tag
def update(request: Request) -> Response:
    """Change any subset of a book's fields."""
    condition = required_condition(request)
    changes = json_body(request)
    return change_answer(request, request.bookstore.update(book_id(request), changes, condition))


@with_current_tag
def patch(request: Request) -> Response:
    """Apply a JSON merge patch (RFC 7396)."""
    condition = required_condition(request)
    changes = json_body(request, PATCH_BODY)
    return change_answer(request, request.bookstore.patch(book_id(request), changes, condition))


@with_current_tag
def delete(request: Request) -> Response:
    """Delete a book."""
    request.bookstore.delete(book_id(request), required_condition(request))
    return answer(request, status=204)


def _read(request: Request) -> BookData:
    """The book that the path names by its id or ISBN."""
    isbn = request.matchdict.get("isbn")
    if isbn is None:
        return request.bookstore.get(book_id(request))  # type: ignore[no-any-return]  # Pyramid ships no types
    return request.bookstore.get_by_isbn(isbn)  # type: ignore[no-any-return]  # as above


def book_id(request: Request) -> UUID:
    """The id in the path, which must be in canonical form; raises `BookNotFound`."""
    text: str = request.matchdict["id"]
    uuid = parse_book_id(text)
    if str(uuid) != text.lower():  # a book has one URL
        raise BookNotFound
    return uuid


def json_body(request: Request, body: Body = JSON_BODY) -> object:
    """The JSON value in the body."""
    limit = body.limit(Mount.of(request.registry).settings)
    return read_json(request, limit=limit, accepted=body.types)


def required_condition(request: Request) -> Condition:
    """The client's condition for a change; raises `PreconditionRequired`."""
    condition = change_condition(request)
    if not condition.given and Mount.of(request.registry).settings.require_if_match:
        raise PreconditionRequired
    return condition


def book_answer(request: Request, book: BookData) -> Response:
    """A book that was read, or 304 if the client has this version."""
    # What is available changes by itself, and no date tells of it.
    dated = book.updated_at if book.available is UNSET else None
    tag = _tag(book)
    if not_modified(request, tag, dated):
        response = answer(request, status=304, cache=REVALIDATE)
    else:
        response = answer(request, book_json(book), cache=REVALIDATE)
    return _with_validators(response, book, tag)


def change_answer(request: Request, book: BookData, *, created: bool = False) -> Response:
    """A book that was written, without a body if the client prefers that (RFC 7240)."""
    if prefers_minimal(request):
        response = answer(request, status=201 if created else 204, content_type=None)
        response.headers["Preference-Applied"] = "return=minimal"
    else:
        response = answer(request, book_json(book), status=201 if created else 200)
    if created:
        response.headers["Location"] = book_path(request, book)
    return _with_validators(response, book, _tag(book))


def _with_validators(response: Response, book: BookData, tag: str) -> Response:
    """Adds the validators of conditional requests (RFC 9110, 8.8)."""
    response.headerlist += [("ETag", tag), ("Last-Modified", http_date(book.updated_at))]
    return response


def _tag(book: BookData) -> str:
    return etag(book.version, _available(book))


def _available(book: BookData) -> int | None:
    return None if book.available is UNSET else book.available


def show_by_isbn(request: Request) -> Response:
    """The book with this ISBN; ``Content-Location`` has its own URL."""
    book = _read(request)
    response = book_answer(request, book)
    response.headers["Content-Location"] = book_path(request, book)
    return response


@with_current_tag
def upsert_by_isbn(request: Request) -> Response:
    """Create or replace a whole book; its ISBN may be left out of the body.

    Raises `LacksPermission` for a caller that may not do the one of both that is needed.
    """
    only_new = create_only(request)
    condition = write_condition(request) if only_new else change_condition(request)
    conditional = bool(condition.given or condition.unless or only_new)
    if not (condition.given or only_new) and Mount.of(request.registry).settings.require_if_match:
        raise PreconditionRequired
    if conditional:
        require_any(request, ADD if only_new else EDIT)
        if not condition.given and not only_new and not permits(request, ADD):
            condition = replace(condition, versions="any")
    # The caller has one of the permissions. A condition in the writing statement keeps it from what
    # needs the other one: a book may come or go at any time.
    elif not permits(request, EDIT):
        only_new = True
    elif not permits(request, ADD):
        condition = Condition("any")
    data = json_body(request)
    if isinstance(data, dict):
        data = _with_isbn(request, data)
    try:
        book, created = request.bookstore.upsert(data, condition, create_only=only_new)
    except VersionMismatch as mismatch:
        if conditional:
            raise
        raise LacksPermission(EDIT if only_new else ADD) from mismatch
    response = change_answer(request, book, created=created)
    response.headers["Content-Location"] = book_path(request, book)
    return response


def _with_isbn(request: Request, data: dict[str, object]) -> dict[str, object]:
    """The body with the path's ISBN; raises `ValidationFailed` if the body has another one."""
    whole = {"isbn": request.matchdict["isbn"], **data}
    fault = _path_fault(request.matchdict["isbn"], whole["isbn"])
    if fault is None:
        return whole
    faults = [fault]
    try:
        validate_upsert(whole, rules=Mount.of(request.registry).rules)
    except ValidationFailed as error:
        faults += [other for other in error.faults if other.field != "isbn"]
    raise ValidationFailed(faults)


def _path_fault(path_isbn: str, body_isbn: object) -> Fault | None:
    """The fault of the ISBN in the path, if it is none, or another one than in the body."""
    try:
        isbn = canonical(path_isbn)
    except ValueError as error:
        return Fault("isbn", "", str(error))
    try:
        same = not isinstance(body_isbn, str) or canonical(body_isbn) == isbn
    except ValueError:
        same = True  # no valid ISBN: the schema reports it, with all other faults
    return None if same else Fault("isbn", "/isbn", "Is another ISBN than the path's.")
