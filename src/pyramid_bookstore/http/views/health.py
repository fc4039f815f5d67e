"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.http.responses import answer
from pyramid_bookstore.readiness import revision_in_place


def health(request: Request) -> Response:
    """200 as long as the process answers at all; asks nobody."""
    return answer(request, b'{"status":"ok"}')


def ready(request: Request) -> Response:
    """200 when the database answers and its schema is the one this code was written for."""
    found, wanted = revision_in_place(request)
    if found != wanted:
        at = f"at revision {found}" if found else "not set up"
        raise Unavailable(f"The database is {at}; this code needs {wanted}. Run the migrations.")
    return answer(request, b'{"status":"ready","revision":"%s"}' % wanted.encode())
