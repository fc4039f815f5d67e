"""The number of SQL statements of each endpoint, counted by listeners and in the drivers."""

import pytest

from tests.support.api import API, BOOKS, RUST, ask, isbn, new_book
from tests.support.statements import observed, sent


@pytest.fixture
def url(client):
    for number in range(3):
        client.post_json(BOOKS, new_book(number))
    url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
    # Pools are filled and dialects set up before anything is counted.
    client.get(url)
    client.put_json(url, {"stock": 50})
    return url


@pytest.fixture(params=["observed", "sent"])
def counting(request, monkeypatch):
    if request.param == "observed":
        return observed
    return lambda: sent(monkeypatch)


READS = [
    ("by id", "{url}", 1, 200),
    ("by id, none", f"{BOOKS}/01a20253-e83e-7b91-92af-097058bab2fa", 1, 404),
    ("by ISBN", f"{BOOKS}/isbn/{RUST['isbn']}", 1, 200),
    ("no id", f"{BOOKS}/none", 0, 404),
    ("no ISBN", f"{BOOKS}/isbn/none", 0, 404),
    ("wrong parameters", f"{BOOKS}?page=0", 0, 422),
    ("list", BOOKS, 1, 200),
    ("list of all filters", f"{BOOKS}?author=s&search=s&min_price=1&max_price=99&in_stock=true",
     (1, 2, 3, 4, 5), 200),
    ("list past its end", f"{BOOKS}?page=9", 2, 200),
    ("list without a count", f"{BOOKS}?count=none", 1, 200),
    ("health", f"{API}/health", 0, 200),
    ("options", "OPTIONS", 0, 204),
]  # fmt: skip


@pytest.mark.parametrize(("path", "number", "status"), [row[1:] for row in READS],
                         ids=[row[0] for row in READS])  # fmt: skip
def test_each_read_sends_exactly_its_number_of_statements(
    client, url, counting, path, number, status
):
    """A read has no BEGIN and no COMMIT: it is one round trip."""
    method, path = ("OPTIONS", BOOKS) if path == "OPTIONS" else ("GET", path.format(url=url))
    with counting() as statements:
        assert ask(client, method, path).status_int == status
    assert len(statements) in (number if isinstance(number, tuple) else (number,)), statements


def test_a_304_needs_one_statement(client, url, counting):
    tag = {"If-None-Match": client.get(url).headers["ETag"]}
    with counting() as statements:
        assert ask(client, "GET", url, headers=tag).status_int == 304
    assert len(statements) == 1, statements


def test_a_list_by_cursor_needs_one_statement(client, url, counting):
    cursor = client.get(f"{BOOKS}?limit=2").json["next_cursor"]
    with counting() as statements:
        assert ask(client, "GET", f"{BOOKS}?limit=2&cursor={cursor}").status_int == 200
    assert len(statements) == 1, statements


WRITES = [
    ("create", "POST", BOOKS, new_book(9), {}, 2, 201),
    ("put", "PUT", "{url}", {"stock": 1, "title": "x"}, {}, 1, 200),
    ("put of nothing", "PUT", "{url}", {}, {}, 1, 200),
    ("put with a condition", "PUT", "{url}", {"stock": 1}, {"If-Match": "*"}, 1, 200),
    ("patch", "PATCH", "{url}", {"stock": None}, {}, 1, 200),
    ("patch of extra", "PATCH", "{url}", {"extra": {"a": 1}}, {}, 2, 200),
    ("stock", "POST", "{url}/stock", {"delta": -1}, {}, 1, 200),
    ("upsert, new", "PUT", f"{BOOKS}/isbn/{isbn(9)}", new_book(9), {}, 1, 201),
    ("upsert, known", "PUT", f"{BOOKS}/isbn/{RUST['isbn']}", RUST, {}, 1, 200),
    ("delete", "DELETE", "{url}", None, {}, 1, 204),
    # A refusal needs one more statement to find its reason.
    ("conflict", "POST", BOOKS, RUST, {}, 2, 409),
    ("stale", "PUT", "{url}", {"stock": 1}, {"If-Match": '"1"'}, 2, 412),
    ("sold out", "POST", "{url}/stock", {"delta": -99}, {}, 2, 409),
    ("gone", "DELETE", f"{BOOKS}/01a20253-e83e-7b91-92af-097058bab2fa", None, {}, 2, 404),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "headers", "number", "status"),
                         [row[1:] for row in WRITES], ids=[row[0] for row in WRITES])  # fmt: skip
def test_each_write_sends_at_most_its_number_of_statements(
    client, url, counting, method, path, body, headers, number, status
):
    """BEGIN and COMMIT are not included in the number."""
    with counting() as statements:
        assert ask(client, method, path.format(url=url), body, headers).status_int == status
    assert 1 <= len(statements.work) <= number, statements
    assert len(statements.frame) <= 2, statements


@pytest.mark.parametrize("body", [b"{", b'{"price": "1"}', b"x" * (2**20 + 1)])
def test_an_invalid_body_is_refused_without_a_statement(client, url, counting, body):
    with counting() as statements:
        for method, path in (("POST", BOOKS), ("PUT", url), ("PATCH", url)):
            headers = {"Content-Type": "application/json"}
            assert ask(client, method, path, body, headers).status_int in (400, 413, 422)
    assert statements == []
