"""Which path serves which method: 405 with Allow, OPTIONS, HEAD and TRACE."""

import pytest

from tests.support.api import API, BOOKS, ask, assert_problem

ID = "01a20253-e83e-7b91-92af-097058bab2fa"
SERVED = {
    BOOKS: "GET, HEAD, POST, OPTIONS",
    f"{BOOKS}/{ID}": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
    f"{BOOKS}/none": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
    f"{BOOKS}/{ID}/stock": "POST, OPTIONS",
    f"{API}/stock": "POST, OPTIONS",
    f"{BOOKS}/lookup": "POST, OPTIONS",
    f"{BOOKS}/isbn/9781718500440": "GET, HEAD, PUT, OPTIONS",
    API: "GET, HEAD, OPTIONS",
    f"{API}/health": "GET, HEAD, OPTIONS",
    f"{API}/ready": "GET, HEAD, OPTIONS",
}
METHODS = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "LINK",
    "PROPFIND", "SEARCH", "get", "Post", "X" * 2000, "GET\t",
]  # fmt: skip
REFUSED = [
    (path, method) for path, allow in SERVED.items() for method in METHODS
    if method not in allow.split(", ")
]  # fmt: skip


@pytest.mark.parametrize("path", SERVED)
def test_options_gets_204_with_allow(client, path):
    answer = ask(client, "OPTIONS", path)
    assert (answer.status_int, answer.body) == (204, b"")
    assert answer.headers["Allow"] == SERVED[path]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("path", "method"), REFUSED)
def test_a_method_that_is_not_allowed_gets_405_with_allow(client, path, method):
    """These requests use no database, so testing on one is enough."""
    answer = ask(client, method, path, b'{"x": 1}', {"Content-Type": "application/json"})
    assert answer.headers["Allow"] == SERVED[path]
    if method == "HEAD":
        assert (answer.status_int, answer.body) == (405, b"")
        return
    document = assert_problem(answer, 405, "method_not_allowed")
    assert len(document["detail"]) < 200


def test_trace_gets_405_and_echoes_nothing(client):
    answer = ask(client, "TRACE", BOOKS, headers={"Cookie": "secret=1", "Authorization": "x"})
    assert_problem(answer, 405, "method_not_allowed")
    assert "secret" not in answer.text


def test_method_override_headers_and_parameters_have_no_effect(client):
    override = {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "DELETE"}
    assert ask(client, "GET", f"{BOOKS}?limit=1", headers=override).status_int == 200
    refused = ask(client, "POST", f"{BOOKS}/{ID}?_method=DELETE", headers=override)
    assert_problem(refused, 405, "method_not_allowed")


@pytest.mark.parametrize("path", [f"{BOOKS}/", f"{BOOKS}/{ID}/", f"{BOOKS}/{ID}/x", f"{API}/x",
                                  f"{BOOKS}/{ID}/stock/", "/books", "/"])  # fmt: skip
def test_paths_that_are_not_our_routes_are_left_to_the_host(client, path):
    """The host answers these: no problem document and no header of ours."""
    answer = ask(client, "GET", path)
    assert answer.status_int == 404
    assert "X-Request-ID" not in answer.headers
    assert answer.content_type != "application/problem+json"
