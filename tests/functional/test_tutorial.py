"""The steps of the tutorial from which the API comes, unchanged."""

import json

from tests.support.api import API, BOOKS, assert_problem

RUST = {
    "title": "The Rust Programming Language",
    "author": "Steve Klabnik",
    "isbn": "9781718500440",
    "price": 39.99,
    "stock": 100,
}
TOLKIEN = [
    ("The Hobbit", "9780547928227"),
    ("The Fellowship of the Ring", "9780547928210"),
    ("The Two Towers", "9780547928203"),
    ("The Return of the King", "9780547928197"),
    ("The Silmarillion", "9780544338012"),
    ("Unfinished Tales", "9780544337992"),
    ("The Children of Húrin", "9780547086057"),
]


def test_a_book_can_be_created_found_changed_and_deleted(client):
    assert client.get(f"{API}/health").json == {"status": "ok"}

    created = client.post_json(BOOKS, RUST, status=201)
    book = created.json
    assert {name: book[name] for name in RUST} == RUST
    assert book["created_at"] == book["updated_at"]
    url = created.headers["Location"]
    assert url.endswith(f"{BOOKS}/{book['id']}")
    assert client.get(url).json == book

    listed = client.get(f"{BOOKS}?page=1&limit=5").json
    assert (listed["data"], listed["total"]) == ([book], 1)
    assert (listed["page"], listed["limit"], listed["total_pages"]) == (1, 5, 1)
    assert client.get(f"{BOOKS}?search=klabnik").json["data"] == [book]
    assert client.get(f"{BOOKS}?search=python").json["data"] == []

    changed = client.put_json(url, {"price": 34.99, "stock": 80}).json
    assert (changed["price"], changed["stock"]) == (34.99, 80)
    assert changed["title"] == RUST["title"]
    assert changed["created_at"] == book["created_at"]
    assert changed["updated_at"] > book["updated_at"]

    deleted = client.delete(url, status=204)
    assert deleted.body == b""
    assert_problem(client.get(url, status=404), 404, "not_found")
    assert_problem(client.delete(url, status=404), 404, "not_found")


def test_a_duplicate_isbn_gets_409_conflict(client):
    client.post_json(BOOKS, RUST)
    document = assert_problem(client.post_json(BOOKS, RUST, status=409), 409, "conflict", "isbn")
    assert document["field"] == "isbn"
    assert client.get(BOOKS).json["total"] == 1


def test_an_invalid_isbn_gets_422(client):
    for wrong in ("0000000000000", "9780000000000"):
        refused = client.post_json(BOOKS, RUST | {"isbn": wrong}, status=422)
        document = assert_problem(refused, 422, "validation_failed", "isbn")
        assert document["details"][0]["pointer"] == "/isbn"
    assert client.get(BOOKS).json["total"] == 0


def test_the_second_page_of_an_author_shows_the_right_books_and_totals(client):
    client.post_json(BOOKS, RUST)
    for title, isbn in TOLKIEN:
        book = {"title": title, "author": "J. R. R. Tolkien", "isbn": isbn, "price": 14, "stock": 1}
        client.post_json(BOOKS, book, status=201)
    answer = client.get(f"{BOOKS}?page=2&limit=3&author=tolkien")
    page = answer.json
    assert list(page) == ["data", "total", "page", "limit", "total_pages", "next_cursor"]
    assert (page["total"], page["page"], page["limit"], page["total_pages"]) == (7, 2, 3, 3)
    # Newest first: the fourth, third and second of those that were sent.
    assert [book["title"] for book in page["data"]] == [title for title, _ in TOLKIEN[3:0:-1]]
    assert isinstance(page["next_cursor"], str)
    assert json.loads(answer.body) == page


def test_prices_are_answered_exactly_with_two_decimals(client):
    """39.99 is never a binary float, and 15 is sent back with two decimals."""
    created = client.post_json(BOOKS, RUST)
    assert b'"price":39.99,' in created.body
    changed = client.put_json(created.headers["Location"], {"price": 15})
    assert b'"price":15.00,' in changed.body
