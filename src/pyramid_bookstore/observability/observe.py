"""Watches each request of the bookstore's routes, and no other: a line in the log, and metrics."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.db import statement_count
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.request_id import current, request_id

log = logging.getLogger("pyramid_bookstore.access")

#: Methods that may name a metric or stand in a log line; a client can make up any other.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})

_BEGAN = "_bookstore_began"

View = Callable[[Any, Request], Response]


def observed(view: View) -> View:
    """Decorator for the views of our routes."""

    def observing(context: Any, request: Request) -> Response:
        observe(request)
        return view(context, request)

    return observing


def observe(request: Request) -> None:
    """Watch this request from now on, once; the answer may come from whatever view."""
    if _BEGAN in request.__dict__:
        return
    request.__dict__[_BEGAN] = time.perf_counter()
    current.set(request_id(request))
    statement_count.reset()
    request.add_response_callback(_answered)
    request.add_finished_callback(lambda _request: current.set("-"))


def _answered(request: Request, response: Response) -> None:
    seconds = time.perf_counter() - request.__dict__[_BEGAN]
    mount = Mount.of(request.registry)
    method = request.method if request.method in METHODS else "other"
    route = getattr(request, "matched_route", None)
    path = route.pattern if route is not None else mount.path + "/"
    status = response.status_int
    if mount.metrics is not None:
        error = getattr(getattr(request, "exception", None), "code", None)
        mount.metrics.answered(method, path, status, seconds, error)
    if not log.isEnabledFor(logging.INFO):
        return
    facts = {
        "request_id": current.get(),
        "method": method,
        "route": path,
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "sql": statement_count.statements(),
    }
    if mount.settings.log_format == "json":
        log.info(json.dumps(facts), extra={"bookstore": facts})
    else:
        text = "%(method)s %(route)s %(status)d %(duration_ms).2f ms, %(sql)d SQL, %(request_id)s"
        log.info(text % facts, extra={"bookstore": facts})
