"""What an application tells the server that runs it (`web.server_hooks`)."""

from types import SimpleNamespace

import pytest
from webob import Request

from pyramid_bookstore.server.channel import _HeadTask
from pyramid_bookstore.web.server_hooks import BODY_LIMIT, PROBES
from tests.support.api import BOOKS

_JSON = {"CONTENT_TYPE": "application/json"}


@pytest.fixture
def hooks(make_client):
    def elsewhere(config):
        config.add_route("elsewhere", "/elsewhere")

    settings = {"bookstore.migrate": True, "bookstore.prefix": "/shop"}
    return make_client(settings, route_prefix="of", configure=elsewhere).app.registry


def test_the_largest_body_is_known_by_the_head(hooks):
    for method, path, environ, limit in (
        ("POST", "/of/shop/books", _JSON, 1_048_576),
        ("POST", "/of/shop/books", {}, 1_048_576),
        ("POST", "/of/shop/books/import", {"CONTENT_TYPE": "text/csv"}, 67_108_864),
        ("POST", "/of/shop/books", {"CONTENT_TYPE": "text/plain"}, None),
        ("POST", "/of/shop/books", _JSON | {"CONTENT_LENGTH": "1048577"}, None),
        ("GET", "/of/shop/books", _JSON, None),
        ("POST", "/of/shop/%ff", _JSON, None),
        ("POST", "/elsewhere", _JSON, 2**63),
        ("POST", BOOKS, _JSON, 2**63),
    ):
        head = Request.blank(path, method=method, environ=environ).environ
        assert hooks[BODY_LIMIT](head) == limit, (method, path, environ)


def test_probes_are_known_by_their_paths(hooks):
    assert hooks[PROBES] == {"/of/shop/health", "/of/shop/ready"}


def test_a_head_that_waits_when_the_server_ends_is_given_up():
    cancelled = []
    _HeadTask(SimpleNamespace(cancel=lambda: cancelled.append(True)), None).cancel()
    assert cancelled == [True]
