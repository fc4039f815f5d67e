"""Examples for the OpenAPI document; each is valid by its schema."""

from typing import Any

from pyramid_bookstore.catalogue.fields import FIELDS, WRITABLE

NEW_BOOK: dict[str, Any] = {field.name: field.example for field in WRITABLE}
BOOK: dict[str, Any] = {name: field.example for name, field in FIELDS.items()} | {
    "isbn": "9781492052593"
}
CHANGES: dict[str, Any] = {"price": 34.99, "stock": 80}
PATCH: dict[str, Any] = {"price": 34.99, "description": None}
STOCK_CHANGE: dict[str, Any] = {"delta": -3}
_ID = BOOK["id"]
STOCK_CHANGES: dict[str, Any] = {
    "lines": [{"isbn": "978-1-4920-5259-3", "delta": -1}, {"id": _ID, "delta": -2}],
    "reason": "sale",
    "reference": "order 17",
}
STOCK_LEVELS: dict[str, Any] = {"lines": [{"id": _ID, "isbn": "9781492052593", "stock": 9}]}
NEW_HOLD: dict[str, Any] = {
    "lines": [{"isbn": "978-1-4920-5259-3", "quantity": 2}],
    "ttl": 900,
    "reference": "basket 4711",
}
HOLD_PATCH: dict[str, Any] = {"ttl": 900}
HOLD: dict[str, Any] = {
    "id": "01935e3c-9d2f-7b40-8a3c-5d1f0e9b7a27",
    "lines": [{"id": _ID, "isbn": "9781492052593", "quantity": 2}],
    "expires_at": "2026-03-02T17:20:12.481516Z",
}
MOVEMENTS: dict[str, Any] = {
    "data": [
        {
            "at": "2026-03-02T17:05:12.481516Z",
            "delta": -3,
            "stock": 9,
            "reason": "sale",
            "reference": "order 17",
            "by": "till-2",
            "request_id": "4f0c7b1e",
        }
    ],
    "limit": 1,
    "next_cursor": "NDcxMS4w",
}
PAGE: dict[str, Any] = {
    "data": [BOOK],
    "total": 7,
    "page": 1,
    "limit": 1,
    "total_pages": 7,
    "next_cursor": "gqFrkrMyMDI2LTAzLTAxVDA5OjMw",
}
LOOKUP_REQUEST: dict[str, Any] = {
    "isbns": ["978-1-4920-5259-3", "9781718500440", "12345"],
    "ids": [BOOK["id"]],
}
LOOKUP: dict[str, Any] = {"data": [BOOK], "missing": ["9781718500440"], "invalid": ["12345"]}
SUGGESTIONS: dict[str, Any] = {
    "data": [
        {"text": "J. R. R. Tolkien", "field": "author", "books": 11},
        {"text": "The Hobbit", "field": "title", "isbn": "9780261102217"},
    ],
    "corrected": False,
}
REPORT: dict[str, Any] = {
    "rows": 3,
    "created": 1,
    "updated": 1,
    "unchanged": 0,
    "rejected": 1,
    "dry_run": False,
    "rejects": [
        {
            "line": 4,
            "faults": [
                {"field": "price", "pointer": "/price", "message": "This field is required."}
            ],
        }
    ],
    "repeated": 0,
    "blank": 0,
    "absent": 1,
    "absent_books": [{"isbn": "9781718500440", "title": "The Rust Programming Language"}],
}
CSV = (
    "isbn,title,author,price,stock\r\n"
    "9781492052593,Programming Rust,Jim Blandy,49.99,12\r\n"
    '9781718500440,The Rust Programming Language,"Klabnik, Nichols",39.99,100\r\n'
)
NDJSON = (
    '{"isbn":"9781492052593","title":"Programming Rust","author":"Jim Blandy","price":49.99}\n'
    '{"isbn":"9781718500440","title":"The Rust Programming Language",'
    '"author":"Klabnik, Nichols","price":39.99,"stock":100}\n'
)
ETAG = '"63fa1b2c4d5e6"'
WHEN = "Mon, 02 Mar 2026 17:05:12 GMT"
ISBN = "978-1-4920-5259-3"
KEY = "order-4711"
