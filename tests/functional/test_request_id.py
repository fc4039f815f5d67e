"""X-Request-ID: that of the client if it is valid, otherwise a new one."""

import re

import pytest

from tests.support.api import API, BOOKS, ask

SANE = ["x", "0", "a" * 128, "01a20253-e83e-7b91-92af-097058bab2fa", "A.b_c:d@e/f+g=h-i", "..//=="]
INSANE = [
    "", " ", "a b", "a" * 129, "x" * 60_000, "é", "\xff", "a\tb", 'a"b', "a,b", "a;b", "<script>",
    "%0d%0a", "a\x00b", "a\x1bb", "a\x7fb", "{}", "$(id)", "a\\b", "'--", "ａ", "a#b", "a|b",
]  # fmt: skip
MADE = re.compile(r"[0-9a-f]{32}")


@pytest.mark.parametrize("given", SANE)
def test_a_valid_request_id_is_sent_back(client, given):
    for path in (BOOKS, f"{BOOKS}/none", f"{API}/health", f"{API}/ready", f"{BOOKS}/%FF"):
        answer = ask(client, "GET", path, headers={"X-Request-ID": given})
        assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", INSANE)
def test_an_invalid_request_id_is_replaced(client, given):
    answer = ask(client, "GET", BOOKS, headers={"X-Request-ID": given})
    assert answer.status_int == 200
    assert MADE.fullmatch(answer.headers["X-Request-ID"])


@pytest.mark.parametrize("injected", ["a\r\nX-Evil: 1", "a\nb", "a\r", "ok\n"])
def test_a_request_id_with_line_breaks_adds_no_header(client, injected):
    """Most servers refuse these values before they reach the application."""
    answer = ask(client, "GET", BOOKS, HTTP_X_REQUEST_ID=injected)
    assert MADE.fullmatch(answer.headers["X-Request-ID"])
    assert "X-Evil" not in answer.headers


def test_each_request_without_an_id_gets_its_own(client):
    made = {ask(client, "GET", f"{API}/health").headers["X-Request-ID"] for _ in range(20)}
    assert len(made) == 20


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("OPTIONS", BOOKS, 204), ("TRACE", BOOKS, 405), ("POST", BOOKS, 400), ("GET", BOOKS, 200),
     ("DELETE", f"{BOOKS}/x", 404), ("HEAD", f"{BOOKS}/x", 404), ("GET", f"{BOOKS}?page=0", 422)],
)  # fmt: skip
def test_the_request_id_is_on_every_kind_of_answer(client, method, path, status):
    answer = ask(client, method, path, headers={"X-Request-ID": "mine"})
    assert (answer.status_int, answer.headers["X-Request-ID"]) == (status, "mine")
