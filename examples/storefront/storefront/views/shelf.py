"""The staff's pages for the books themselves: put in, change, take out, and take a file of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from pyramid.httpexceptions import HTTPNotFound, HTTPSeeOther
from pyramid.view import view_config

from pyramid_bookstore import BookData, Condition
from pyramid_bookstore.errors import (
    BookNotFound,
    Fault,
    IsbnTaken,
    ValidationFailed,
    VersionMismatch,
)
from storefront.formats import integer_or_text, uuid_from, whole_number
from storefront.refusals import plain, why_not

#: Rejected rows that a page shows.
REJECTS_SHOWN = 50
#: Formats of the bookstore by the end of a file's name.
KINDS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".ods": "ods",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}

_TEXTS = ("title", "author", "isbn", "description")
_FORM = "storefront:templates/shelf.jinja2"
_IMPORT = "storefront:templates/import.jinja2"
_staff = {"permission": "storefront.staff"}


@view_config(route_name="staff_add", request_method="GET", renderer=_FORM, **_staff)
def blank(request: Any) -> Any:
    """A form for a new book."""
    return _page(None, {"stock": "1"}, [])


@view_config(route_name="staff_add", request_method="POST", renderer=_FORM, **_staff)
def add(request: Any) -> Any:
    """Put a book in."""
    try:
        book = request.bookstore.create(_fields(request.POST))
    except (ValidationFailed, IsbnTaken) as refused:
        return _page(None, request.POST, _faults(refused))
    request.session.flash(f"“{book.title}” is in the catalogue now.")
    return HTTPSeeOther(request.route_path("staff_book", id=book.id.hex))


@view_config(route_name="staff_book", request_method="GET", renderer=_FORM, **_staff)
def show(request: Any) -> Any:
    """A book's form."""
    book = _book(request)
    values = {name: getattr(book, name) or "" for name in _TEXTS}
    return _page(book, values | {"price": str(book.price), "stock": str(book.stock)}, [])


@view_config(route_name="staff_book", request_method="POST", renderer=_FORM, **_staff)
def save(request: Any) -> Any:
    """Change a book, or take it out: only as it was when the form was opened."""
    book = _book(request)
    seen = whole_number(request.POST.get("version"), least=0, most=2**63) or 0
    condition = Condition(versions={seen})
    try:
        if request.POST.get("action") == "delete":
            request.bookstore.delete(book.id, condition)
            request.session.flash(f"“{book.title}” is out of the catalogue.")
            return HTTPSeeOther(request.route_path("staff_stock"))
        book = request.bookstore.update(book.id, _fields(request.POST), condition)
    except VersionMismatch:
        message = "Somebody has changed this book meanwhile. This is how it is now."
        request.session.flash(message, "warning")
    except (ValidationFailed, IsbnTaken) as refused:
        return _page(book, request.POST, _faults(refused))
    else:
        request.session.flash(f"“{book.title}” is saved.")
    return HTTPSeeOther(request.path)


@view_config(route_name="staff_import", request_method="GET", renderer=_IMPORT, **_staff)
def ask_for_file(request: Any) -> Any:
    """A form for a file of books."""
    return {"report": None, "message": None, "written": False}


@view_config(route_name="staff_import", request_method="POST", renderer=_IMPORT, **_staff)
def take_file(request: Any) -> Any:
    """Take a CSV file, a spreadsheet or NDJSON: tried first, or written."""
    upload = request.POST.get("file")
    if not hasattr(upload, "file"):
        return {"report": None, "message": "Choose a file.", "written": False}
    kind = KINDS.get(Path(upload.filename.lower()).suffix)
    if kind is None:
        message = f"“{upload.filename}” is no CSV file, spreadsheet or NDJSON, by its name."
        return {"report": None, "message": message, "written": False}
    written = request.POST.get("action") == "import"
    try:
        report = request.bookstore.import_books(
            upload.file,
            kind,
            dry_run=not written,
            skip_invalid=True,
            profile=request.POST.get("profile") or None,
        )
    except ValidationFailed as refused:
        return {"report": None, "message": why_not(refused.faults), "written": False}
    return {
        "report": report,
        "message": None,
        "written": written,
        "shown": REJECTS_SHOWN,
        "plain": plain,
    }


def _book(request: Any) -> BookData:
    book_id = uuid_from(request.matchdict["id"])
    with suppress(BookNotFound):
        if book_id is not None:
            book: BookData = request.bookstore.get(book_id)
            return book
    raise HTTPNotFound


def _page(
    book: BookData | None, values: Mapping[str, Any], faults: Sequence[Fault]
) -> dict[str, Any]:
    said: dict[str, str] = {}
    for fault in faults:
        said.setdefault(fault.field, fault.message)
    return {"book": book, "values": values, "faults": said}


def _fields(form: Mapping[str, str]) -> dict[str, Any]:
    """The fields as the bookstore takes them, which refuses the text of what is no number."""
    fields: dict[str, Any] = {name: form.get(name, "") for name in _TEXTS}
    fields["description"] = fields["description"].replace("\r\n", "\n").strip() or None
    price = form.get("price", "").strip()
    fields["price"] = price
    with suppress(InvalidOperation):
        fields["price"] = Decimal(price)
    fields["stock"] = integer_or_text(form.get("stock", "").strip())
    return fields


def _faults(refused: ValidationFailed | IsbnTaken) -> Sequence[Fault]:
    if isinstance(refused, IsbnTaken):
        return [Fault("isbn", "/isbn", str(refused))]
    return refused.faults
