"""A log line and metrics for each request to the bookstore's routes, and to no others."""

import json
import logging
import time

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.db.statement_count import statements
from pyramid_bookstore.web import cors
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.problems import Denied, requested_path
from pyramid_bookstore.web.request_id import current, request_id

log = logging.getLogger("pyramid_bookstore.access")

#: Methods that appear in metrics and log lines; a client can invent any other.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})

#: Bytes of a path in the log that no route has.
_LONGEST_PATH = 200

_START_TIME = "_bookstore_start_time"


def observe(request: Request) -> None:
    """Log and count this request when it has a response, from whatever view; once."""
    if _START_TIME in request.__dict__:
        return
    request.__dict__[_START_TIME] = time.perf_counter()
    current.set(request_id(request))
    statements.set(0)
    request.add_response_callback(_on_response)
    if Mount.of(request.registry).settings.cors_origins:
        request.add_response_callback(cors.add_headers)
    request.add_finished_callback(lambda _request: current.set("-"))


def _on_response(request: Request, response: Response) -> None:
    seconds = time.perf_counter() - request.__dict__[_START_TIME]
    mount = Mount.of(request.registry)
    method = request.method if request.method in METHODS else "other"
    route = getattr(request, "matched_route", None)
    path = route.pattern if route is not None else mount.path + "/"
    asked = path if route is not None else requested_path(request, _LONGEST_PATH)
    status = response.status_int
    if mount.metrics is not None:
        refusal = getattr(getattr(request, "exception", None), "bookstore_error", None)
        mount.metrics.answered(method, path, status, seconds, getattr(refusal, "code", None))
    if not log.isEnabledFor(logging.INFO):
        return
    refusal = getattr(response, "bookstore_error", None)
    reason = {"reason": refusal.message} if isinstance(refusal, Denied) else {}
    fields = {
        "request_id": current.get(),
        "method": method,
        "route": asked,
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "sql": statements.get(),
        **reason,
    }
    if mount.settings.log_format == "json":
        log.info(json.dumps(fields), extra={"bookstore": fields})
    else:
        text = "%(method)s %(route)s %(status)d %(duration_ms).2f ms, %(sql)d SQL, %(request_id)s"
        text += ": %(reason)s" if reason else ""
        log.info(text % fields, extra={"bookstore": fields})
