"""Whether the process lives, and whether it can serve."""

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.observability.readiness import check_ready, replica_standing
from pyramid_bookstore.web.mount import Mount
from pyramid_bookstore.web.responses import DRAINING, answer


def health(request: Request) -> Response:
    """200 as long as the process answers at all; asks nobody."""
    return answer(request, b'{"status":"ok"}')


def ready(request: Request) -> Response:
    """200 when the database answers and its schema is the one this code was written for."""
    if request.environ.get(DRAINING):
        raise Unavailable("This process is about to end.")
    revision = check_ready(request)
    document = {"status": "ready", "revision": revision}
    replica = replica_standing(request)
    if replica is not None:
        document["replica"] = replica.value
    return answer(request, msgspec.json.encode(document))


def metrics(request: Request) -> Response:
    """All metrics in Prometheus's text format."""
    from pyramid_bookstore.observability.metrics import CONTENT_TYPE  # needs the metrics extra

    found = Mount.of(request.registry).metrics
    assert found is not None, "the route is there only with metrics"
    return answer(request, found.text(), content_type=CONTENT_TYPE)
