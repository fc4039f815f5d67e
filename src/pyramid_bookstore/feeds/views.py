"""Import and export over HTTP."""

from dataclasses import fields

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.db.slots import Held
from pyramid_bookstore.feeds.intake import ExportFormat, Format
from pyramid_bookstore.feeds.schema import parse_export, parse_import
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.web.body import Body, check_type, spooled_body
from pyramid_bookstore.web.headers import media_type
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.operation import DELETE
from pyramid_bookstore.web.permissions import require_any
from pyramid_bookstore.web.query_string import query_pairs
from pyramid_bookstore.web.responses import answer

CSV = "text/csv"
NDJSON = "application/x-ndjson"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
_FORMATS: dict[str, Format] = {CSV: "csv", NDJSON: "ndjson", XLSX: "xlsx", ODS: "ods"}
_TYPES: dict[ExportFormat, str] = {"csv": f"{CSV}; charset=utf-8", "ndjson": NDJSON, "xlsx": XLSX}

FEED_BODY = Body(tuple(_FORMATS), lambda settings: settings.import_max_body_size)


def import_books(request: Request) -> Response:
    """Books from a file, by their ISBN: all of them, or none."""
    query = parse_import(query_pairs(request))
    if query.absent == "delete":
        require_any(request, DELETE)
    check_type(request, FEED_BODY.types)
    kind, _ = media_type(request.environ["CONTENT_TYPE"])
    mount = Mount.of(request.registry)
    with mount.feed_slots.held():
        report = request.bookstore.import_books(
            spooled_body(request, FEED_BODY.limit(mount.settings)),
            _FORMATS[kind],
            **{each.name: getattr(query, each.name) for each in fields(query)},
        )
    return answer(request, jsontext.dumps(report.as_json()))


def export_books(request: Request) -> Response:
    """All books that the filters choose, oldest first, as a stream."""
    query = parse_export(query_pairs(request), Mount.of(request.registry).rules.declared)
    response = answer(request, content_type=_TYPES[query.format])
    response.headers["Content-Disposition"] = f'attachment; filename="books.{query.format}"'
    # HEAD exports nothing; the length is not known without doing so.
    if request.method == "HEAD":
        response.app_iter = iter(())
    else:
        slots = Mount.of(request.registry).feed_slots
        response.app_iter = Held(slots, lambda: request.bookstore.export(query))
    return response
