"""The description agrees with the code: no route, method, parameter, header, body or error is
missing, and none is described that does not exist.
"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import UUID

import pytest
from pyramid.request import Request

import pyramid_bookstore
from pyramid_bookstore import errors
from pyramid_bookstore.catalogue import query as listing
from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED
from pyramid_bookstore.description.headers import EVERYWHERE, REQUEST, RESPONSE
from pyramid_bookstore.description.operations import DESCRIBED, PATH_PARAMETERS, TAGS
from pyramid_bookstore.description.paths import names_in
from pyramid_bookstore.description.problems import ERRORS, ROWS_REFUSED, schema_name
from pyramid_bookstore.errors import Fault, Reject, Report, RowsRefused
from pyramid_bookstore.feeds import schema as feeds
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.stock import schema as stock
from pyramid_bookstore.values.parameters import Parameters
from pyramid_bookstore.web import errors as http_errors
from pyramid_bookstore.web import problems
from pyramid_bookstore.web.problems import PROBLEMS
from tests.description.support import check, closed, description, faults
from tests.support.api import API, RUST, ask
from tests.support.apps import build_app, close_app

ID = "01a20253-e83e-7b91-92af-097058bab2fa"
SOURCE = Path(pyramid_bookstore.__file__).parent
FILLED = {"id": ID, "hold": ID, "isbn": "9781718500440", "asset": "docs.css"}
OPERATIONS = [(op.method, resource, op) for resource in RESOURCES for op in resource.operations]
NAMES = [f"{method} {resource.path}" for method, resource, _ in OPERATIONS]


@pytest.fixture(scope="module")
def everything():
    """Settings with which every resource is served."""
    names = ("metrics", "docs", "holds", "stock_log")
    return {f"bookstore.{name}": "true" for name in names}


@pytest.fixture(scope="module")
def app(everything):
    app = build_app({"bookstore.sqlalchemy.url": "sqlite://", **everything})
    yield app
    close_app(app)


@pytest.fixture(scope="module")
def document(app):
    return description(app)


def filled(path):
    return API + re.sub(r"{(\w+)}", lambda found: FILLED[found[1]], path)


def test_every_served_path_and_method_is_described_and_no_other(document):
    served = {resource.path: set(resource.methods) - {"OPTIONS"} for resource in RESOURCES}
    described = {
        path: {method.upper() for method in item if method != "parameters"}
        for path, item in document["paths"].items()
    }
    assert described == served


def test_exactly_the_existing_operations_are_described_each_with_a_unique_id():
    assert set(DESCRIBED) == {(method, resource.path) for method, resource, _ in OPERATIONS}
    assert set(TAGS) == {described.tag for described in DESCRIBED.values()}
    identities = [described.id for described in DESCRIBED.values()]
    assert len(set(identities)) == len(identities)


def test_every_path_parameter_is_described_and_no_other(document):
    for path, item in document["paths"].items():
        described = [parameter["name"] for parameter in item.get("parameters", [])]
        assert described == re.findall(r"{(\w+)}", path) == names_in(path)
    assert set(PATH_PARAMETERS) == {name for path in document["paths"] for name in names_in(path)}


@pytest.mark.parametrize(("method", "resource", "operation"), OPERATIONS, ids=NAMES)
def test_described_query_parameters_are_known_and_others_are_refused(
    app, document, method, resource, operation
):
    """Described parameters are never reported as unknown; others are, where 422 is described."""
    described = document["paths"][resource.path][method.lower()]
    names = [p["name"] for p in described["parameters"] if p["in"] == "query"]
    answer = ask(app, method, filled(resource.path) + "?surely_unknown=1&" + "&".join(names))
    if answer.status_int != 422:
        assert names == []
        assert "422" not in described["responses"]
        return
    unknown = {detail["field"] for detail in answer.json["details"]
               if detail["message"].startswith("This is not a parameter here")}  # fmt: skip
    assert unknown == {"surely_unknown"}


def test_every_query_parameter_schema_is_used_in_the_description():
    used = {type(d.query(_settings(), NOTHING_DECLARED)) for d in DESCRIBED.values() if d.query}
    schemas = {
        found for module in (listing, feeds, stock) for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, listing.colander.SchemaNode)
        and isinstance(found().typ, Parameters)  # not a body
    }  # fmt: skip
    assert schemas - {listing.FilterParameters} == used


def _settings():
    from pyramid_bookstore.settings import Settings

    return Settings.from_mapping({"bookstore.sqlalchemy.url": "sqlite://"})


def test_every_request_header_that_the_code_reads_is_described():
    """Except for headers about the message as a whole, such as Content-Type."""
    read = set()
    for path in SOURCE.rglob("*.py"):
        read |= set(re.findall(r'"HTTP_([A-Z_]+)"', path.read_text(encoding="utf-8")))
        read |= set(re.findall(r'headers\.get\("([\w-]+)"\)', path.read_text(encoding="utf-8")))
    names = {name.replace("_", "-").lower() for name in read}
    # 415, the security scheme, and Cache-Control for caches from before it (RFC 9111, 5.4).
    message = {"content-type", "content-encoding", "authorization", "pragma"}
    assert names - message <= {name.lower() for name in REQUEST}
    described = {name for d in DESCRIBED.values() for name in d.headers}
    assert described | {"X-Request-ID", "Idempotency-Key"} == set(REQUEST)


def test_exactly_the_used_response_headers_are_described():
    used = {name for d in DESCRIBED.values() for a in d.answers.values() for name in a.headers}
    used |= {name for error in ERRORS.values() for name in error.headers}
    assert used | set(EVERYWHERE) == set(RESPONSE)


@pytest.mark.parametrize(("method", "resource", "operation"), OPERATIONS, ids=NAMES)
def test_the_described_request_body_types_are_those_that_are_accepted(
    app, document, method, resource, operation
):
    """The described media types are those that the 415 response lists."""
    described = document["paths"][resource.path][method.lower()]
    headers = {"Content-Type": "image/png"}
    answer = ask(app, method, filled(resource.path), b"x", headers)
    if "requestBody" in described:
        assert answer.status_int == 415
        assert set(answer.json["accepted"]) == set(described["requestBody"]["content"])
    else:
        assert answer.status_int != 415
        assert "415" not in described["responses"]


def test_every_error_code_is_described_and_no_other():
    assert set(ERRORS) - {ROWS_REFUSED} == set(PROBLEMS)


REPORT = Report(1, 0, 0, 0, 1, False, [Reject(2, [Fault("isbn", "/isbn", "No.")])])
RAISED = [
    errors.InvalidJSON("No."),
    errors.ValidationFailed([Fault("isbn", "/isbn", "No."), Fault("", "", "No.")]),
    RowsRefused(REPORT),
    errors.BookNotFound(),
    errors.IsbnTaken("9781718500440"),
    errors.IsbnTaken(),
    errors.BookInUse(),
    errors.InsufficientStock(2),
    errors.InsufficientStock(2, [errors.ShortLine("/lines/0", UUID(ID), "9781718500440", 2)]),
    errors.HoldNotFound(),
    errors.HoldOver(),
    errors.VersionMismatch(17),
    errors.VersionMismatch(None),
    errors.Unavailable(),
    errors.IdempotencyInProgress(),
    errors.IdempotencyKeyReused(),
    http_errors.BadRequest("No."),
    http_errors.MethodNotAllowed("GET", ["POST"]),
    http_errors.PayloadTooLarge(7),
    http_errors.UnsupportedMediaType("No.", ["text/csv"]),
    http_errors.UnsupportedEncoding(),
    http_errors.PreconditionRequired(),
    problems.Unauthorized("No."),
    problems.Forbidden("No."),
    problems.InternalError("No."),
]


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_every_error_document_and_its_headers_match_the_description(app, document, error):
    """It has all required members, and no member or header that is not described."""
    code = ROWS_REFUSED if isinstance(error, RowsRefused) else error.code
    request = Request.blank(f"{API}/books")
    request.registry = app.registry
    answer = problems.problem_response(request, error)
    assert answer.status_int == PROBLEMS[error.code].status
    schema = {"$ref": f"#/components/schemas/{schema_name(code)}"}
    assert faults(closed(document), schema, answer.json) == []
    sent = set(answer.headers) - {"Content-Type", "Content-Length", *EVERYWHERE}
    assert sent <= set(ERRORS[code].headers)


def test_the_list_of_errors_in_this_module_is_complete():
    assert {error.code for error in RAISED} == set(PROBLEMS)
    # A subscriber of the host's may refuse with any status; the description does not know which.
    known = {type(error) for error in RAISED} | {
        errors.BookstoreError, problems.HostsRefusal, problems.Denied,
        problems.UnfitDatabase}  # fmt: skip
    mentioned = {
        found for module in (errors, http_errors, problems) for name, found in vars(module).items()
        if not name.startswith("_")
        and isinstance(found, type) and issubclass(found, errors.BookstoreError)
    }  # fmt: skip
    assert mentioned <= known


def test_every_described_error_is_a_response_of_some_operation(make_app, everything):
    """No error is described without being used; 405 is used for methods that are no operation."""
    settings = {"bookstore.require_if_match": "true", "bookstore.sqlalchemy.url": "sqlite://"}
    document = description(make_app(settings | everything))
    text = str(document["components"]["responses"])
    for code in set(ERRORS) - {"unauthorized", "forbidden"}:
        assert schema_name(code) in text


def test_responses_over_the_life_of_a_book_match_the_description(client):
    """Every response is checked against the document and has nothing that is not described."""
    document = closed(description(client))

    def go(method, path, body=None, headers=None, status=None):
        answer = check(document, method, path, ask(client, method, API + path, body, headers))
        assert status in (None, answer.status_int), answer.text
        return answer

    minimal = {"Prefer": "return=minimal"}
    made = go("POST", "/books", RUST, {"Idempotency-Key": "1"}, 201)
    go("POST", "/books", RUST, {"Idempotency-Key": "1"}, 201)
    go("POST", "/books", {}, {"Idempotency-Key": "1"}, 422)
    go("POST", "/books", RUST, None, 409)
    book = f"/books/{made.json['id']}"
    tag = made.headers["ETag"]
    for method in ("GET", "HEAD"):
        go(method, book, status=200)
        go(method, book, None, {"If-None-Match": tag}, 304)
        go(method, "/books?search=rust&fields=title,price", status=200)
        go(method, "/books?count=none&limit=1", status=200)
        go(method, "/books?limit=0&x=1", status=422)
        go(method, "/books/isbn/978-1-7185-0044-0", status=200)
        go(method, f"/books/{ID}", status=404)
        go(method, "/books/export?format=ndjson", status=200)
        go(method, "/health", status=200)
        go(method, "/ready", status=200)
        go(method, "/openapi.json", status=200)
        go(method, "/docs", status=200)
        check(document, method, "/", ask(client, method, API))
        check(document, method, "/", ask(client, method, f"{API}/"))
        go(method, "/docs/docs.js", status=200)
        go(method, "/docs/none.js", status=404)
        go(method, "/health?%ff", status=200)
        go(method, "/books?%ff", status=400)
    listed = go("GET", "/books", status=200)
    go("GET", "/books", None, {"If-None-Match": listed.headers["ETag"]}, 304)
    go("PUT", book, {"price": 34.99, "stock": 80}, None, 200)
    go("PUT", book, {"price": 34.5}, minimal, 204)
    go("PUT", book, {"price": 1}, {"If-Match": tag}, 412)
    go("PATCH", book, {"description": None}, None, 200)
    go("PATCH", book, {"extra": {"pages": None}}, minimal, 204)
    go("PATCH", book, b"{", {"Content-Type": "application/merge-patch+json"}, 400)
    go("POST", f"{book}/stock", {"delta": -3}, {"Idempotency-Key": "2"}, 200)
    go("POST", f"{book}/stock", {"delta": -3}, {"Idempotency-Key": "2"}, 200)
    go("POST", f"{book}/stock", {"delta": 3}, minimal, 204)
    go("POST", f"{book}/stock", {"delta": -300}, None, 409)
    go("PUT", "/books/isbn/9781718500440", RUST, None, 200)
    go("PUT", "/books/isbn/9781718500440", RUST, minimal, 204)
    other = {**RUST, "isbn": "9781492052593"}
    go("PUT", "/books/isbn/1492052590", other, minimal, 201)
    go("PUT", "/books/isbn/1492052590", {}, None, 422)
    rows = b'{"isbn":"9781492052593","title":"A","author":"B","price":1}\n{}\n'
    feed = {"Content-Type": "application/x-ndjson"}
    go("POST", "/books/import", rows, feed, 422)
    go("POST", "/books/import?skip_invalid=true", rows, feed, 200)
    go("POST", "/books/import?dry_run=maybe", rows, feed, 422)
    go("DELETE", book, None, {"If-Match": tag}, 412)
    go("DELETE", book, status=204)
    go("DELETE", book, status=404)
