"""Numbers for Prometheus."""

from __future__ import annotations

from pyramid.request import Request
from pyramid.response import Response

from pyramid_bookstore.http.responses import answer
from pyramid_bookstore.mount import Mount


def metrics(request: Request) -> Response:
    """All metrics in Prometheus's text format."""
    from pyramid_bookstore.observability.metrics import CONTENT_TYPE  # needs the metrics extra

    found = Mount.of(request.registry).metrics
    assert found is not None, "the route is there only with metrics"
    return answer(request, found.text(), content_type=CONTENT_TYPE)
