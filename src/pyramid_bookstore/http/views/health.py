"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.http.responses import LEAVING, answer
from pyramid_bookstore.readiness import check_ready, replica_standing


def health(request: Request) -> Response:
    """200 as long as the process answers at all; asks nobody."""
    return answer(request, b'{"status":"ok"}')


def ready(request: Request) -> Response:
    """200 when the database answers and its schema is the one this code was written for."""
    if request.environ.get(LEAVING):
        raise Unavailable("This process is about to end.")
    revision = check_ready(request)
    document = {"status": "ready", "revision": revision}
    replica = replica_standing(request)
    if replica is not None:
        document["replica"] = replica.value
    return answer(request, msgspec.json.encode(document))
