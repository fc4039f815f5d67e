"""Liveness, readiness and metrics."""

import msgspec
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy.exc import DBAPIError

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.errors import lost_connection
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
    document = {"status": "ready"}
    try:
        document["revision"] = _revision(request)
    except DBAPIError as error:
        if not lost_connection(error):
            raise
        # It died in the pool, most likely by a restart, and says nothing of the database as it is.
        document["revision"] = _revision(request)
    database = Mount.of(request.registry).database
    if database is not None and database.replica is not None:
        document["replica"] = database.replica.state().value
    return answer(request, msgspec.json.encode(document))


def _revision(request: Request) -> str:
    """The revision of the database, which must be this code's; raises as `require_current`."""
    database = Mount.of(request.registry).database
    if database is not None:
        with database.reading.connect() as connection:
            return require_current(connection)
    session = session_of(request)
    try:
        return require_current(session.connection(BIND))
    except DBAPIError as error:
        if lost_connection(error):
            session.rollback()  # the session takes no other connection before
        raise


def metrics(request: Request) -> Response:
    """All metrics in Prometheus's text format."""
    from prometheus_client import CONTENT_TYPE_LATEST  # needs the metrics extra

    found = Mount.of(request.registry).metrics
    assert found is not None, "the route exists only with metrics"
    return answer(request, found.text(), content_type=CONTENT_TYPE_LATEST)
