"""Turns errors into problem documents (RFC 9457).

A problem has the RFC's members (``type``, ``title``, ``status``, ``detail``, ``instance``) and the
original tutorial's: ``error`` (the code), ``message``, and for wrong values ``details``.
"""

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from pyramid.httpexceptions import HTTPException, status_map
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore import errors
from pyramid_bookstore.db.diagnosis import UnfitDatabase
from pyramid_bookstore.errors import BookstoreError, Fault, RowsRefused
from pyramid_bookstore.web import errors as http_errors
from pyramid_bookstore.web.body import MERGE_PATCH
from pyramid_bookstore.web.conditional import etag
from pyramid_bookstore.web.request_id import request_id
from pyramid_bookstore.web.responses import answer

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"

#: Bytes of the path in a problem; the client may send a path of any length.
_LONGEST_INSTANCE = 2048


class Problem(NamedTuple):
    """Status and title for an error code."""

    status: int
    title: str


#: By the code of the exception.
PROBLEMS: dict[str, Problem] = {
    "invalid_json": Problem(400, "Not JSON"),
    "bad_request": Problem(400, "Bad request"),
    "unauthorized": Problem(401, "Not authenticated"),
    "forbidden": Problem(403, "Not allowed"),
    "not_found": Problem(404, "Not found"),
    "method_not_allowed": Problem(405, "Method not allowed"),
    "conflict": Problem(409, "ISBN taken"),
    "book_in_use": Problem(409, "Book in use"),
    "insufficient_stock": Problem(409, "Not enough stock"),
    "hold_over": Problem(409, "Hold over"),
    "idempotency_in_progress": Problem(409, "Same request in progress"),
    "precondition_failed": Problem(412, "Precondition failed"),
    "payload_too_large": Problem(413, "Body too large"),
    "unsupported_media_type": Problem(415, "Unsupported media type"),
    "validation_failed": Problem(422, "Validation failed"),
    "idempotency_key_reused": Problem(422, "Idempotency key used for another request"),
    "precondition_required": Problem(428, "Precondition required"),
    "internal_error": Problem(500, "Internal error"),
    "unavailable": Problem(503, "Unavailable for now"),
}


class Denied(BookstoreError):
    """Refused for who the caller is; ``headers`` are those that its answer has besides."""

    def __init__(self, message: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.headers = tuple(headers)
        super().__init__(message)


class Unauthorized(Denied):
    """The caller is not authenticated."""

    code = "unauthorized"


class Forbidden(Denied):
    """The caller lacks the permission."""

    code = "forbidden"


class InternalError(BookstoreError):
    """A defect; the log has it with the request's id."""


class HostsRefusal(BookstoreError):
    """An HTTP exception that the host's code raised, with its own status."""

    def __init__(self, raised: HTTPException) -> None:
        super().__init__(str(raised.detail or raised.explanation or raised.title))
        self.problem = Problem(raised.status_int, raised.title)


def problem_response(request: Request, error: BookstoreError) -> HTTPException:
    """The response for an error, which can be raised too: the exception of its status, with the
    error as ``bookstore_error``."""
    if isinstance(error, UnfitDatabase):
        log.error("%s Request %s.", error.problem, request_id(request))
    if isinstance(error, HostsRefusal):
        problem, code = error.problem, error.problem.title.lower().replace(" ", "_")
    else:
        problem, code = PROBLEMS[error.code], error.code
    document: dict[str, Any] = {
        "type": f"urn:bookstore:problem:{code}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.message,
        "instance": requested_path(request),
        "error": code,
        "message": error.message,
    }
    response = answer(request, status=problem.status, content_type=PROBLEM)
    document |= _add_details(error, response)
    kind = status_map.get(problem.status, HTTPException)
    raised = kind(error.message, body=msgspec.json.encode(document), headerlist=response.headerlist)
    raised.status = response.status  # the host's own may be one that Pyramid does not know
    raised.bookstore_error = error
    return raised


def requested_path(request: Request, longest: int = _LONGEST_INSTANCE) -> str:
    """The first bytes of the request's path as a URI reference, which is ASCII."""
    path = request.environ.get("SCRIPT_NAME", "") + request.environ.get("PATH_INFO", "")
    return quote(path.encode("latin-1", "replace")[:longest], safe="/:@!$&'()*+,;=~")


def _add_details(error: BookstoreError, response: Response) -> dict[str, Any]:
    """The members that an error adds to the document; sets its headers on the response."""
    headers = response.headers
    match error:
        case RowsRefused():
            report = error.report.as_json()
            details = [
                {"line": reject["line"], **fault}
                for reject in report["rejects"]
                for fault in reject["faults"]
            ]
            return {"details": details, **report}
        case errors.ValidationFailed():
            return {"details": [fault._asdict() for fault in error.faults]}
        case errors.IsbnTaken():
            fault = Fault(error.field, f"/{error.field}", error.message)
            return {"field": error.field, "details": [fault._asdict()]}
        case errors.InsufficientStock():
            short = [line._asdict() for line in error.lines]
            return {"available": error.available} | ({"lines": short} if short else {})
        case errors.VersionMismatch(current=int(version)):
            headers["ETag"] = etag(version, error.available)
            return {"etag": headers["ETag"]}
        case errors.Unavailable():
            headers["Retry-After"] = str(error.retry_after)
        case http_errors.MethodNotAllowed():
            headers["Allow"] = ", ".join(error.allowed)
        case http_errors.UnsupportedMediaType():
            headers["Accept"] = ", ".join(error.accepted)
            if MERGE_PATCH in error.accepted:
                headers["Accept-Patch"] = headers["Accept"]
            return {"accepted": list(error.accepted)}
        case http_errors.UnsupportedEncoding():
            headers["Accept-Encoding"] = "identity"
        case Denied():
            response.headerlist += error.headers  # there may be several of one name
    return {}
