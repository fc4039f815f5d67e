"""The errors in the OpenAPI document: a schema for each code, a response for each set of codes."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pyramid_bookstore.description import examples
from pyramid_bookstore.description.headers import refs
from pyramid_bookstore.description.own_types import Schema
from pyramid_bookstore.description.schema_parts import ref
from pyramid_bookstore.description.schemas import report
from pyramid_bookstore.web.problems import PROBLEM, PROBLEMS

#: A rejected import has the code ``validation_failed``, and more members than other such errors.
ROWS_REFUSED = "rows_refused"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class DescribedError(NamedTuple):
    """The description of one error."""

    #: An example of its message.
    example: str
    when: str
    #: The schemas and examples of members that other errors do not have.
    members: Mapping[str, Schema] = _NOTHING
    values: Mapping[str, Any] = _NOTHING
    headers: tuple[str, ...] = ()
    #: Members that are not always there.
    optional: frozenset[str] = frozenset()


_FAULT = {"field": "price", "pointer": "/price", "message": "This field is required."}
_TAKEN = "Another book has ISBN 9781492052593."
_ROWS: Schema = {"type": "array", "items": ref("RowFault")}
_DETAILS: Schema = {"type": "array", "items": ref("Fault"), "minItems": 1}
_SHORT: Schema = {
    "type": "object",
    "properties": {
        "pointer": {"type": "string", "description": "The book's first line (RFC 6901)."},
        "id": {"type": "string", "format": "uuid"},
        "isbn": {"type": "string"},
        "available": {"type": "integer", "minimum": 0, "description": "Copies left of it."},
    },
    "required": ["pointer", "id", "isbn", "available"],
}
#: Every code, as `pyramid_bookstore.web.problems` has it.
ERRORS: dict[str, DescribedError] = {
    "invalid_json": DescribedError(
        "The body is not JSON: Expecting value (line 1, column 10).",
        "Not JSON: bad syntax or UTF-8, NaN, a name twice in one object, too deep, an empty body.",
    ),
    "bad_request": DescribedError(
        "The query string is not UTF-8.",
        "The URL, the query string, a header or the body's length is malformed.",
    ),
    "unauthorized": DescribedError(
        "This needs authentication. The token has expired.",
        "No credentials, or bad ones, where some are needed.",
        headers=("WWW-Authenticate",),
    ),
    "forbidden": DescribedError(
        "You may not do this: it needs the permission bookstore.add.",
        "The credentials do not give the permission.",
        headers=("WWW-Authenticate",),
    ),
    "not_found": DescribedError(
        "There is no such book.", "There is no such book; an id that is none, too."
    ),
    "method_not_allowed": DescribedError(
        "This path serves GET, HEAD, OPTIONS only.",
        "The path does not serve the method.",
        headers=("Allow",),
    ),
    "conflict": DescribedError(
        _TAKEN,
        "Another book has the ISBN.",
        {"field": {"const": "isbn"}, "details": _DETAILS},
        {
            "field": "isbn",
            "details": [{"field": "isbn", "pointer": "/isbn", "message": _TAKEN}],
        },
    ),
    "book_in_use": DescribedError(
        "Other records refer to this book.",
        "The application keeps records that refer to the book.",
    ),
    "insufficient_stock": DescribedError(
        "2 copies are left.",
        "The change would take the stock, or with holds what is available, below 0.",
        {
            "available": {"type": "integer", "minimum": 0, "description": "Copies left."},
            "lines": {
                "type": "array",
                "description": "Of several books every one that is short.",
                "items": _SHORT,
            },
        },
        {"available": 2},
        optional=frozenset({"lines"}),
    ),
    "hold_over": DescribedError(
        "The hold is over: it was committed.",
        "The hold was committed, released, or has run out.",
    ),
    "idempotency_in_progress": DescribedError(
        "A request with this Idempotency-Key is being served; try again later.",
        "A request with the same key is being served at this moment.",
    ),
    "precondition_failed": DescribedError(
        "The book is in another version.",
        "The book is not in a state that the request asks for.",
        {"etag": {"type": "string", "description": "The book's current ETag."}},
        {"etag": examples.ETAG},
        ("ETag",),
        frozenset({"etag"}),
    ),
    "payload_too_large": DescribedError(
        "The body may have at most 1048576 bytes.", "The body is larger than is allowed."
    ),
    "unsupported_media_type": DescribedError(
        "Content-Type must be application/json.",
        "The body has another Content-Type or charset, or a Content-Encoding.",
        {"accepted": {"type": "array", "items": {"type": "string"}}},
        {"accepted": ["application/json"]},
        ("Accept", "Accept-Patch", "Accept-Encoding"),
        frozenset({"accepted"}),
    ),
    # Before the next one, which its documents match too; clients take the first match.
    ROWS_REFUSED: DescribedError(
        "1 of 3 rows is refused; nothing was written.",
        "Rows are bad and nothing was written; each is named with its line and its faults.",
        {**report()["properties"], "details": _ROWS},
        {**examples.REPORT, "details": [{"line": 4, **_FAULT}]},
    ),
    "validation_failed": DescribedError(
        "price: This field is required.",
        "Well-formed, with wrong values; every one is named: type, range, length, unknown name.",
        {"details": _DETAILS},
        {"details": [_FAULT]},
    ),
    "idempotency_key_reused": DescribedError(
        "This Idempotency-Key was used for another request.",
        "The key belongs to another request: with another body or, for a key of less than 20"
        " characters without authentication, from another address.",
    ),
    "precondition_required": DescribedError(
        "Send If-Match with the ETag of the book as you know it.",
        "A change must say which version it changes.",
    ),
    "internal_error": DescribedError(
        "Something went wrong here; it was logged under the request's id.",
        "A defect of the server; it is in the log, under the request's id.",
    ),
    "unavailable": DescribedError(
        "The database is not available.",
        "The database does not answer now, or not in time.",
        headers=("Retry-After",),
    ),
}


def schema_name(code: str) -> str:
    """The name of the schema of this error."""
    return f"{camel(code)}Problem"


def problem_schemas() -> dict[str, Schema]:
    """The problem documents (RFC 9457)."""
    return {schema_name(code): _document(code, error) for code, error in ERRORS.items()}


def _document(code: str, error: DescribedError) -> Schema:
    wire = _wire(code)
    problem = PROBLEMS[wire]
    properties: dict[str, Schema] = {
        "type": {"const": f"urn:bookstore:problem:{wire}"},
        "title": {"const": problem.title},
        "status": {"const": problem.status},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "error": {"const": wire},
        "message": {"type": "string", "description": "As `detail`."},
        **error.members,
    }
    return {
        "type": "object",
        "description": error.when,
        "properties": properties,
        "required": [name for name in properties if name not in error.optional],
        "examples": [example(code)],
    }


def example(code: str) -> Schema:
    """A document of this error."""
    error, wire = ERRORS[code], _wire(code)
    return {
        "type": f"urn:bookstore:problem:{wire}",
        "title": PROBLEMS[wire].title,
        "status": PROBLEMS[wire].status,
        "detail": error.example,
        "instance": "/api/v1/books",
        "error": wire,
        "message": error.example,
        **error.values,
    }


def _wire(code: str) -> str:
    """The code as clients see it."""
    return "validation_failed" if code == ROWS_REFUSED else code


def by_status(codes: Iterable[str]) -> dict[int, tuple[str, ...]]:
    """The codes under their status, in the order of `ERRORS`."""
    wanted = set(codes)
    grouped: dict[int, list[str]] = {}
    for code in ERRORS:
        if code in wanted:
            grouped.setdefault(PROBLEMS[_wire(code)].status, []).append(code)
    return {status: tuple(grouped[status]) for status in sorted(grouped)}


def response_name(codes: Iterable[str]) -> str:
    """The name of the response that is one of these errors."""
    return "Or".join(camel(code) for code in codes)


def response(codes: tuple[str, ...]) -> Schema:
    """An answer that is one of these errors, all of one status."""
    documents = [ref(schema_name(code)) for code in codes]
    names = dict.fromkeys(name for code in codes for name in ERRORS[code].headers)
    return {
        "description": " / ".join(f"`{_wire(code)}`: {ERRORS[code].when}" for code in codes),
        "headers": refs(*names),
        "content": {
            PROBLEM: {
                "schema": documents[0] if len(documents) == 1 else {"anyOf": documents},
                "examples": {code: {"value": example(code)} for code in codes},
            }
        },
    }


def camel(name: str) -> str:
    """``bad_request`` as ``BadRequest``."""
    return "".join(part.capitalize() for part in name.split("_"))
