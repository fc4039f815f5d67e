"""Liveness, readiness and metrics."""

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.revision import require_current
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.transactions.sessions import session_of
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.responses import DRAINING, answer


def health(request: Request) -> Response:
    """200 while the process answers; uses no database."""
    return answer(request, b'{"status":"ok"}')


def ready(request: Request) -> Response:
    """200 if the database answers and its schema is the one that this code needs.

    The state of a read replica is only reported: without it the primary is read.
    """
    if request.environ.get(DRAINING):
        raise Unavailable("This process is about to end.")
    database = Mount.of(request.registry).database
    document = {"status": "ready"}
    if database is None:
        document["revision"] = require_current(session_of(request).connection(BIND))
        return answer(request, msgspec.json.encode(document))
    with database.reading.connect() as connection:
        document["revision"] = require_current(connection)
    if database.replica is not None:
        document["replica"] = database.replica.state().value
    return answer(request, msgspec.json.encode(document))


def metrics(request: Request) -> Response:
    """All metrics in Prometheus's text format."""
    from prometheus_client import CONTENT_TYPE_LATEST  # needs the metrics extra

    found = Mount.of(request.registry).metrics
    assert found is not None, "the route exists only with metrics"
    return answer(request, found.text(), content_type=CONTENT_TYPE_LATEST)
