"""Prefer: return=minimal (RFC 7240)."""

import pytest

from tests.support.api import BOOKS, RUST, new_book

MINIMAL = {"Prefer": "return=minimal"}


@pytest.fixture
def url(client):
    return client.post_json(BOOKS, RUST).headers["Location"]


def test_creating_with_return_minimal_gets_201_without_a_body(client):
    answer = client.post_json(BOOKS, RUST, headers=MINIMAL, status=201)
    assert answer.body == b""
    assert "Content-Type" not in answer.headers
    assert answer.headers["Content-Length"] == "0"
    assert answer.headers["Preference-Applied"] == "return=minimal"
    book = client.get(answer.headers["Location"])
    assert book.headers["ETag"] == answer.headers["ETag"]
    assert book.json["isbn"] == RUST["isbn"]


@pytest.mark.parametrize("method", ["put_json", "patch_json"])
def test_put_and_patch_with_return_minimal_get_204_with_the_new_etag(client, url, method):
    answer = getattr(client, method)(url, {"stock": 7}, headers=MINIMAL, status=204)
    assert answer.body == b""
    assert "Content-Length" not in answer.headers
    assert answer.headers["Preference-Applied"] == "return=minimal"
    book = client.get(url)
    assert book.json["stock"] == 7
    assert book.headers["ETag"] == answer.headers["ETag"]


def test_a_stock_change_with_return_minimal_gets_204_with_the_new_etag(client, url):
    answer = client.post_json(f"{url}/stock", {"delta": -1}, headers=MINIMAL, status=204)
    assert answer.headers["ETag"] == client.get(url).headers["ETag"]


@pytest.mark.parametrize(
    ("prefer", "minimal"),
    [
        ("return=minimal", True),
        ("RETURN=Minimal", True),
        ('return="minimal"', True),
        ("return = minimal", True),
        ("return=minimal; foo=bar", True),
        ("respond-async, wait=10, return=minimal", True),
        ("handling=lenient;x=1,return=minimal", True),
        ('foo="a, return=representation", return=minimal', True),
        ('foo="a, return=minimal"', False),
        ('foo="\\", return=minimal"', False),
        (" , ,return=minimal", True),
        ("return=representation", False),
        ("return=minimal, return=representation", True),
        ("return=representation, return=minimal", False),
        ("return", False),
        ("return=", False),
        ("return=minimalist", False),
        ("xreturn=minimal", False),
        ("minimal", False),
        ("", False),
        (",;=\"'", False),
        ("x" * 8000, False),
    ],
)
def test_return_minimal_is_recognized_in_every_valid_notation_of_prefer(
    client, url, prefer, minimal
):
    """Of repeated preferences the first counts; unknown or malformed ones are ignored."""
    answer = client.put_json(url, {"stock": 7}, headers={"Prefer": prefer})
    assert answer.status_int == (204 if minimal else 200)
    assert ("Preference-Applied" in answer.headers) == minimal


def test_a_refusal_has_its_body_despite_return_minimal(client, url):
    refused = client.put_json(url, {"stock": -1}, headers=MINIMAL, status=422)
    assert refused.json["details"][0]["field"] == "stock"
    assert "Preference-Applied" not in refused.headers
    client.post_json(BOOKS, RUST, headers=MINIMAL, status=409)


def test_a_read_has_its_body_despite_return_minimal(client, url):
    client.post_json(BOOKS, new_book())
    assert client.get(url, headers=MINIMAL).json["isbn"] == RUST["isbn"]
    assert client.get(BOOKS, headers=MINIMAL).json["total"] == 2
