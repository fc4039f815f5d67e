"""Feeds for tests, and a function to send them."""

from __future__ import annotations

from typing import Any

BOOKS = "/api/v1/books"
IMPORT = f"{BOOKS}/import"
EXPORT = f"{BOOKS}/export"
CSV = "text/csv"
NDJSON = "application/x-ndjson"

MOMO = "9783522202558"
FAUST = "9783866472334"

HEADER = "isbn,title,author,price,stock\n"
ROW = f"{MOMO},Momo,Ende,15.00,3\n"


def isbn(number: int) -> str:
    """The ISBN-13 whose first twelve digits are 978 and ``number``."""
    body = f"978{number:09d}"
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(body))
    return f"{body}{-total % 10}"


def csv_of(count: int) -> list[dict[str, str]]:
    """Rows of ``count`` plain books, all different."""
    return [
        {"isbn": isbn(number * 7919), "title": f"Title {number}", "author": f"Author {number}",
         "price": f"{number % 90 + 1}.50", "stock": str(number % 5)}
        for number in range(count)
    ]  # fmt: skip


def send(client: Any, body: str | bytes, query: str = "", *, kind: str = CSV, **more: Any) -> Any:
    """POST a feed to the import; the other arguments are those of ``client.post``."""
    content = body.encode() if isinstance(body, str) else body
    return client.post(f"{IMPORT}{query}", content, content_type=kind, **more)


def only(client: Any) -> Any:
    """The one book of the catalogue."""
    [book] = client.get(BOOKS).json["data"]
    return book


def messages(answer: Any) -> str:
    """The messages of a refusal."""
    return " ".join(each["message"] for each in answer.json["details"])
