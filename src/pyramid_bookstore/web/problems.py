"""Errors on the wire: problem documents (RFC 9457), made in this one place.

A problem has the RFC's members (``type``, ``title``, ``status``, ``detail``, ``instance``) and the
original tutorial's: ``error`` (the code), ``message``, and for wrong values ``details``.
"""

import logging
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from pyramid.httpexceptions import HTTPException
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore import errors
from pyramid_bookstore.errors import BookstoreError, Fault, RowsRefused
from pyramid_bookstore.web import errors as http_errors
from pyramid_bookstore.web.body import MERGE_PATCH
from pyramid_bookstore.web.conditional import etag
from pyramid_bookstore.web.responses import answer

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"

#: A path in a problem is cut here: it is the client's text, of any length.
_LONGEST_INSTANCE = 2048


class Problem(NamedTuple):
    """How an error is presented: status and title."""

    status: int
    title: str


#: Code to presentation; the codes are those of the exceptions.
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
    #: The value of ``WWW-Authenticate``, where there is one to give.
    challenge: str | None = None


class Unauthorized(Denied):
    """Nobody showed who is asking."""

    code = "unauthorized"


class Forbidden(Denied):
    """The one who asks may not do this."""

    code = "forbidden"


class InternalError(BookstoreError):
    """A defect of ours; what it was is in the log, under the request's id."""

    code = "internal_error"


class HostsRefusal(BookstoreError):
    """An HTTP exception that a subscriber of the host's raised, with the status it chose."""

    def __init__(self, raised: HTTPException) -> None:
        super().__init__(str(raised.detail or raised.explanation or raised.title))
        self.problem = Problem(raised.status_int, raised.title)


def problem_response(request: Request, error: BookstoreError) -> Response:
    """The problem document of a refusal."""
    if isinstance(error, HostsRefusal):
        problem, code = error.problem, error.problem.title.lower().replace(" ", "_")
    else:
        problem, code = PROBLEMS[error.code], error.code
    document: dict[str, Any] = {
        "type": f"urn:bookstore:problem:{code}",
        "title": problem.title,
        "status": problem.status,
        "detail": error.message,
        "instance": _instance(request),
        "error": code,
        "message": error.message,
    }
    add = _MEMBERS.get(type(error))
    response = answer(request, status=problem.status, content_type=PROBLEM)
    if add:
        document |= add(error, response)
    response.body = msgspec.json.encode(document)
    return response


def _instance(request: Request) -> str:
    """The request's path as a URI reference, from the bytes as they came."""
    path = request.environ.get("SCRIPT_NAME", "") + request.environ.get("PATH_INFO", "")
    return quote(path.encode("latin-1", "replace")[:_LONGEST_INSTANCE], safe="/:@!$&'()*+,;=~")


def _details(faults: tuple[Fault, ...]) -> list[dict[str, str]]:
    return [fault._asdict() for fault in faults]


def _validation(error: Any, response: Response) -> dict[str, Any]:
    return {"details": _details(error.faults)}


def _rows(error: Any, response: Response) -> dict[str, Any]:
    report = error.report.as_json()
    details = [
        {"line": reject["line"], **fault}
        for reject in report["rejects"]
        for fault in reject["faults"]
    ]
    return {"details": details, **report}


def _taken(error: Any, response: Response) -> dict[str, Any]:
    fault = Fault(error.field, f"/{error.field}", error.message)
    return {"field": error.field, "details": _details((fault,))}


def _stock(error: Any, response: Response) -> dict[str, Any]:
    return {"available": error.available}


def _version(error: Any, response: Response) -> dict[str, Any]:
    if error.current is None:
        return {}
    response.headers["ETag"] = etag(error.current)
    return {"etag": etag(error.current)}


def _methods(error: Any, response: Response) -> dict[str, Any]:
    response.headers["Allow"] = ", ".join(error.allowed)
    return {}


def _media_type(error: Any, response: Response) -> dict[str, Any]:
    response.headers["Accept"] = ", ".join(error.accepted)
    if MERGE_PATCH in error.accepted:
        response.headers["Accept-Patch"] = response.headers["Accept"]
    return {"accepted": list(error.accepted)}


def _encoding(error: Any, response: Response) -> dict[str, Any]:
    response.headers["Accept-Encoding"] = "identity"
    return {}


def _retry(error: Any, response: Response) -> dict[str, Any]:
    response.headers["Retry-After"] = str(error.retry_after)
    return {}


def _challenge(error: Any, response: Response) -> dict[str, Any]:
    if error.challenge:
        response.headers["WWW-Authenticate"] = error.challenge
    return {}


#: What an error adds to its document and headers, by its class.
_MEMBERS: dict[type[BookstoreError], Callable[[Any, Response], dict[str, Any]]] = {
    errors.ValidationFailed: _validation,
    RowsRefused: _rows,
    errors.IsbnTaken: _taken,
    errors.InsufficientStock: _stock,
    errors.VersionMismatch: _version,
    errors.Unavailable: _retry,
    http_errors.MethodNotAllowed: _methods,
    http_errors.UnsupportedMediaType: _media_type,
    http_errors.UnsupportedEncoding: _encoding,
    Unauthorized: _challenge,
    Forbidden: _challenge,
}
