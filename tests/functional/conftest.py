"""Each error of an operation must be in its OpenAPI description; and the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from pyramid.interfaces import ISecurityPolicy

from pyramid_bookstore.cli import main
from pyramid_bookstore.description.paths import codes_of
from pyramid_bookstore.description.problems import ROWS_REFUSED
from pyramid_bookstore.errors import RowsRefused
from pyramid_bookstore.operations import RESOURCES
from pyramid_bookstore.web import problems
from pyramid_bookstore.web.mount import Mount
from tests.support.server import write_ini


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


@pytest.fixture
def ini(database, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return str(write_ini(tmp_path, {"bookstore.sqlalchemy.url": database}))


@pytest.fixture
def run(ini):
    """``run(*words, code=0)``: the command line, which must end with that code."""

    def run(*words, code=0, **options):
        done = CliRunner().invoke(main, ("-c", ini, *words), **options)
        assert done.exit_code == code, (done.output, done.exception)
        assert "Traceback" not in done.output
        return done

    return run
