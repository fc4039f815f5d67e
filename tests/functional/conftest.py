"""Each error that an operation answers in these tests must be in its OpenAPI description."""

from __future__ import annotations

import pytest
from pyramid.interfaces import ISecurityPolicy

from pyramid_bookstore.description.paths import codes_of
from pyramid_bookstore.description.problems import ROWS_REFUSED
from pyramid_bookstore.errors import RowsRefused
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.web import problems
from pyramid_bookstore.web.mount import Mount


@pytest.fixture(autouse=True)
def only_described_errors(monkeypatch):
    undescribed = []
    make = problems.problem_response

    def observed(request, error):
        if error.message == "There is nothing here.":
            # Code of the host raised HTTPNotFound, which any operation can answer.
            return make(request, error)
        route = getattr(request, "matched_route", None)
        method = "GET" if request.method == "HEAD" else request.method
        for resource in RESOURCES:
            for operation in resource.operations:
                if route and (resource.route_name, operation.method) == (route.name, method):
                    code = ROWS_REFUSED if isinstance(error, RowsRefused) else error.code
                    registry = request.registry
                    guarded = registry.queryUtility(ISecurityPolicy) is not None
                    settings = Mount.of(registry).settings
                    if code not in codes_of(settings, operation, resource.path, guarded=guarded):
                        undescribed.append((operation.method, resource.path, code))
        return make(request, error)

    monkeypatch.setattr(problems, "problem_response", observed)
    yield
    assert undescribed == []
