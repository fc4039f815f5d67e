"""Each answer of an operation, errors too, is as in its description; and the command line."""

from __future__ import annotations

import json
from typing import Any
from weakref import WeakKeyDictionary

import pytest
from click.testing import CliRunner
from pyramid.router import Router

from pyramid_bookstore.cli import main
from pyramid_bookstore.description.document import encoded_description
from pyramid_bookstore.operations import RESOURCES
from tests.description.support import check
from tests.support.server import write_ini

_DOCUMENTS: WeakKeyDictionary[Router, dict[str, Any]] = WeakKeyDictionary()


@pytest.fixture(autouse=True)
def only_described_answers(request, monkeypatch):
    """Each answer of the tests to a described operation is as its description says.

    A problem too: the description names the codes of each operation, and their members.
    """
    if request.node.get_closest_marker("undescribed"):
        yield
        return
    wrong = []
    invoke = Router.invoke_request

    def observed(router, request, **options):
        response = invoke(router, request, **options)
        route = getattr(request, "matched_route", None)
        resource = next(
            (each for each in RESOURCES if route and each.route_name == route.name), None
        )
        if resource is None:
            return response
        if router not in _DOCUMENTS:
            _DOCUMENTS[router] = json.loads(encoded_description(request).body)
        if response.status_int == 302 or (
            response.status_int == 404 and b"There is nothing here." in response.body
        ):
            return response  # raised by code of the host, which may answer with anything
        document = _DOCUMENTS[router]
        described = document["paths"][resource.path]
        if request.method.isupper() and request.method.lower() in described:
            try:
                check(document, request.method, resource.path, response)
            except AssertionError as error:
                wrong.append(str(error))
        return response

    monkeypatch.setattr(Router, "invoke_request", observed)
    yield
    assert wrong == []


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
