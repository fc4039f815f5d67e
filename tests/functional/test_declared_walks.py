"""Lists of many books by declared fields, which are walked: those of a model, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from webtest import TestApp

from pyramid_bookstore.cli import main
from tests.support.api import isbn
from tests.support.apps import build_app, close_app
from tests.support.backends import Backend
from tests.support.server import write_ini

FIELDS = {
    "bookstore.migrate": "true",
    "bookstore.field.publisher": "text filter facet sort",
    "bookstore.field.pages": "integer filter sort",
}
BOOKS = [
    {
        "isbn": isbn(number),
        "title": f"T{number % 7}",
        "author": "A",
        "price": number % 5 + 1,
        # A ninth of the books is without.
        "extra": {"publisher": f"P{number % 3}", "pages": number * 7 % 100} if number % 9 else {},
    }
    for number in range(900)
]


@pytest.fixture(scope="module")
def url(backend: Backend) -> Iterator[str]:
    url = backend.create()
    yield url
    backend.drop(url)


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[TestApp]:
    """Of books that no test changes."""
    app = build_app(FIELDS | {"bookstore.sqlalchemy.url": url})
    rows = "\n".join(map(json.dumps, BOOKS))
    client = TestApp(app)
    client.post("/api/v1/books/import", rows.encode(), content_type="application/x-ndjson")
    yield client
    close_app(app)


Book = dict[str, Any]
FILTERS: dict[str, Callable[[Book], bool]] = {
    "": lambda book: True,
    "publisher=p1": lambda book: book["extra"].get("publisher") == "P1",
    "publisher=p1&publisher=p2&min_price=2": lambda book: (
        book["extra"].get("publisher") in ("P1", "P2") and book["price"] >= 2
    ),
    "min_pages=20&max_pages=80&publisher=p0": lambda book: (
        20 <= book["extra"].get("pages", -1) <= 80 and book["extra"]["publisher"] == "P0"
    ),
    "search=t3&publisher=p1": lambda book: (
        book["title"] == "T3" and book["extra"].get("publisher") == "P1"
    ),
}
SORTS = (
    "pages",
    "-pages",
    "publisher",
    "-publisher,pages",
    "title,-pages",
    "-pages,-title",
    "-created_at",
    "created_at,title",
    "-created_at,title",
)


def key(book: Book, name: str) -> Any:
    value = book["extra"].get(name, "") if name in ("pages", "publisher") else book[name]
    return (value != "", value)


@pytest.mark.parametrize("sort", SORTS)
def test_every_page_of_a_filtered_list_in_the_order_of_a_declared_field(
    client: TestApp, sort: str
) -> None:
    """Without a value comes first, ascending; forwards by cursor, and each page by number too."""
    for query, rule in FILTERS.items():
        found: list[Book] = []
        cursor = ""
        for number in range(1, 99):
            path = f"/api/v1/books?limit=40&sort={sort}&{query}"
            page = client.get(path + (f"&cursor={cursor}" if cursor else "")).json
            assert client.get(f"{path}&page={number}&count=none").json["data"] == page["data"]
            found += page["data"]
            cursor = page["next_cursor"]
            if not cursor:
                break
        wanted = [book["isbn"] for book in BOOKS if rule(book)]
        assert sorted(book["isbn"] for book in found) == sorted(wanted), query
        for before, after in pairwise(found):
            for name in sort.split(","):
                this, that = (key(book, name.lstrip("-")) for book in (before, after))
                if this != that:
                    assert (this < that) != name.startswith("-"), query
                    break


@pytest.mark.parametrize("query", ["", "publisher=p1&"])
def test_a_page_in_the_order_of_a_declared_field_enters_its_index(
    client: TestApp, url: str, tmp_path: Path, query: str
) -> None:
    """Not from its beginning: so a page costs the same at any depth, and a walk gives up."""
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL goes by the size of the table")
    said = explained(client, url, tmp_path, f"sort=pages&{query}")
    assert "SEARCH bookstore_books USING INDEX bookstore_declared_pages_idx" in said


@pytest.mark.parametrize("more", ["", "&min_price=2", "&publisher=p2&publisher=p1"])
def test_books_of_a_value_are_read_in_the_order_of_their_age_on_sqlite(
    client: TestApp, url: str, tmp_path: Path, more: str
) -> None:
    """From the cursor on, so that no others are met, wherever in the catalogue they are."""
    if not url.startswith("sqlite"):
        pytest.skip("PostgreSQL has no such index")
    said = explained(client, url, tmp_path, f"publisher=p1{more}&")
    by_age = "SEARCH aged USING PRIMARY KEY (token=? AND created_at<?)" in said
    assert by_age == ("publisher" not in more)


def explained(client: TestApp, url: str, folder: Path, query: str) -> str:
    """What `bookstore explain` says of the second page."""
    query = f"{query}limit=5&count=none&"
    cursor = client.get(f"/api/v1/books?{query}").json["next_cursor"]
    ini = write_ini(folder, FIELDS | {"bookstore.sqlalchemy.url": url})
    asked = f"{query}cursor={cursor}"
    return CliRunner().invoke(main, ["-c", str(ini), "explain", asked]).output
