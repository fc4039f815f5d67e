"""Whether the database answers and has the schema that this code was written for."""

from pyramid.request import Request

from pyramid_bookstore.db.base import BIND
from pyramid_bookstore.db.replica import Standing
from pyramid_bookstore.db.revision import require_current
from pyramid_bookstore.transactions.sessions import session_of
from pyramid_bookstore.web.mount import Mount


def check_ready(request: Request) -> str:
    """The schema's revision; raises `Unavailable` where it is another than this code's, and what
    the database raises where it does not answer.
    """
    database = Mount.of(request.registry).database
    if database is None:
        return require_current(session_of(request).connection(BIND))
    with database.reading.connect() as connection:
        return require_current(connection)


def replica_standing(request: Request) -> Standing | None:
    """How the read replica stands, `None` where there is none. Nothing depends on it: while it is
    away, the primary is read."""
    database = Mount.of(request.registry).database
    if database is None or database.replica is None:
        return None
    return database.replica.standing()
