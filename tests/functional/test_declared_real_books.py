"""Declared fields of real books, beside a plain reading of the same file."""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

from tests.support.feeds import EXPORT, send

FILE = os.environ.get("BOOKSTORE_GOODBOOKS", "")
OPTIONS = (
    "?skip_invalid=true&repair_isbn=true&set=price=9.99&column=author=authors"
    "&column=published=original_publication_year&column=language=language_code"
)

pytestmark = pytest.mark.skipif(
    not Path(FILE or "-").is_file(), reason="BOOKSTORE_GOODBOOKS names no file of goodbooks-10k"
)


@pytest.fixture
def client(make_client: Callable[..., TestApp]) -> TestApp:
    return make_client({"bookstore.migrate": "true", "bookstore.trade": "true"})


def years(book: Any) -> str:
    published: str = book["extra"].get("published", "")
    return published if published.startswith("-") else published[:4]


def counted(books: list[Any], of: Callable[[Any], list[str]]) -> list[tuple[str, int]]:
    numbers = Counter(value for book in books for value in of(book))
    return sorted(numbers.items(), key=lambda pair: (-pair[1], pair[0]))


def test_real_books_are_filtered_and_counted_as_a_plain_reading_does(client: TestApp) -> None:
    report = send(client, gzip.decompress(Path(FILE).read_bytes()), OPTIONS).json
    assert (report["created"], report["rejected"]) == (9_271, 729)
    books = [json.loads(line) for line in client.get(f"{EXPORT}?format=ndjson").text.splitlines()]
    assert len(books) == 9_271
    asked: dict[str, Callable[[Any], bool]] = {
        "language=en-CA": lambda book: "en-CA" in book["extra"].get("language", []),
        "language=ger&language=fre": lambda book: bool(
            {"ger", "fre"} & {*book["extra"].get("language", [])}
        ),
        "published=1999": lambda book: years(book) == "1999",
        "min_published=1800&max_published=1899": lambda book: "1800" <= years(book) <= "1899",
        "max_published=-0001": lambda book: years(book).startswith("-"),
        "language=eng&max_published=1950": lambda book: (
            "eng" in book["extra"].get("language", []) and (years(book) or "9") <= "1950"
        ),
    }
    for query, chosen in asked.items():
        found = [book for book in books if chosen(book)]
        answer = client.get(f"/api/v1/books?{query}&facets=language&limit=1").json
        assert answer["total"] == len(found) > 0, query
        if "language" in query or len(found) > 3_000:
            continue
        expected = counted(found, lambda book: book["extra"].get("language", []))
        given = [(each["value"], each["books"]) for each in answer["facets"]["language"]]
        assert dict(given) == dict(expected[:20]), query
    own = client.get("/api/v1/books?language=ger&facets=language&limit=1").json["facets"]
    assert all(each["estimated"] for each in own["language"])
    share = next(each for each in own["language"] if each["value"] == "eng")["books"]
    real = dict(counted(books, lambda book: book["extra"].get("language", [])))["eng"]
    assert 0.9 < share / real < 1.1


@pytest.mark.parametrize("kind", ["csv", "ndjson", "xlsx"])
def test_real_books_go_out_and_in_unchanged(client: TestApp, kind: str) -> None:
    send(client, gzip.decompress(Path(FILE).read_bytes()), OPTIONS)
    answer = client.get(f"{EXPORT}?format={kind}")
    report = send(client, answer.body, kind=answer.content_type).json
    assert (report["unchanged"], report["rows"]) == (9_271, 9_271)
