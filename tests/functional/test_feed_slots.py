"""`bookstore.concurrent.feeds`: how many imports and exports are served at once."""

import gc

import pytest

from tests.support.api import BOOKS, new_book

EXPORT = f"{BOOKS}/export"


@pytest.fixture
def client(make_client):
    client = make_client({"bookstore.migrate": True, "bookstore.concurrent.feeds": 1})
    client.post_json(BOOKS, new_book(1))
    return client


def begun(client, path=EXPORT):
    """An answer whose body nobody has read to its end."""
    environ = client.RequestClass.blank(path).environ
    return client.app(environ, lambda status, headers, exc_info=None: None)


def refused(client):
    answer = client.get(EXPORT, status=503)
    return answer.json["error"] == "unavailable" and answer.headers["Retry-After"].isdigit()


def test_more_feeds_than_allowed_are_refused_and_nothing_else_is(client):
    chunks = begun(client)
    assert refused(client)
    row = "title,author,isbn,price\nt,a,9780306406157,1\n"
    assert client.post(f"{BOOKS}/import", row, {"Content-Type": "text/csv"}, status=503)
    assert client.get(BOOKS).json["total"] == 1
    assert client.head(EXPORT).status_int == 200  # reads nothing
    chunks.close()
    chunks.close()
    assert client.get(EXPORT).body.count(b"\n") == 2
    assert client.post(f"{BOOKS}/import", row, {"Content-Type": "text/csv"}).json["created"] == 1


def test_an_answer_that_is_never_sent_gives_its_place_back(client):
    """As where a host's tween puts another answer in its place."""
    chunks = begun(client)
    assert refused(client)
    del chunks
    gc.collect()
    assert client.get(EXPORT).status_int == 200


def test_a_feed_that_fails_gives_its_place_back(client, monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr("pyramid_bookstore.feeds.exporter.walk", fail)
        client.get(EXPORT, status=500)
    client.post(f"{BOOKS}/import", "nonsense", {"Content-Type": "text/csv"}, status=422)
    assert client.get(EXPORT).status_int == 200
