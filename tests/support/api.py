"""Shared by tests of the HTTP API: sample books, raw requests, and a check of error responses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import count
from typing import Any

from webob import Request, Response

API = "/api/v1"
BOOKS = f"{API}/books"

#: A book with every writable field, as the API returns it.
RUST: dict[str, Any] = {
    "title": "The Rust Programming Language",
    "author": "Steve Klabnik, Carol Nichols",
    "isbn": "9781718500440",
    "price": 39.99,
    "stock": 100,
    "description": "The official book on Rust.",
    "extra": {"publisher": "No Starch Press", "pages": 560},
}

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
_TAG = re.compile(r'\\?"[0-9a-f]{12,16}\\?"')
_CURSOR = re.compile(r'"next_cursor":"[\w-]+"')


def isbn(number: int) -> str:
    """A valid ISBN-13, another one for every number up to 999,999,999."""
    digits = f"978{number:09d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def new_book(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A book to send, with a different ISBN for every number."""
    book = {"title": f"Book {number}", "author": "Anna Seghers", "price": 10, "stock": 5}
    return book | {"isbn": isbn(number)} | changes


def ask(
    app: Any,
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    **environ: Any,
) -> Response:
    """Send a request exactly as given, without default headers, and return the response unchecked.

    ``body`` is bytes, or a value to be sent as JSON; ``environ`` is set last of all.
    """
    request = Request.blank(path, method=method)
    if body is not None:
        request.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        if not isinstance(body, bytes):
            request.environ["CONTENT_TYPE"] = "application/json"
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        special = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
        request.environ[key if special else f"HTTP_{key}"] = value
    request.environ.update(environ)
    return request.get_response(getattr(app, "app", app))


def assert_problem(
    response: Response, status: int, code: str, *fields: str, request_id: str | None = None
) -> dict[str, Any]:
    """Assert that a response is the problem document of this status and code, and return it.

    With ``fields`` it must name exactly these in ``details``, in whatever order.
    """
    assert response.status_int == status, (response.status, response.text[:500])
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.body)
    assert document["error"] == code, document
    assert document["status"] == status
    assert document["type"] == f"urn:bookstore:problem:{code}"
    assert document["title"]
    assert document["instance"].startswith("/")
    assert document["message"] == document["detail"] != ""
    assert response.headers["X-Request-ID"]
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    details = document.get("details", [])
    assert all(set(detail) == {"field", "pointer", "message"} for detail in details)
    if fields:
        assert sorted(detail["field"] for detail in details) == sorted(fields), details
    return document


def alike(text: str) -> str:
    """The text of a response with ids, times, tags and cursors replaced, to compare databases."""
    numbers = count(1)
    seen: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return seen.setdefault(match[0], f"<id {next(numbers)}>")

    text = _TIME.sub("<time>", _UUID.sub(number, text))
    return _CURSOR.sub('"next_cursor":"<cursor>"', _TAG.sub("<tag>", text))


class FixedContent:
    """The content of a database, to be compared before and after."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.before = self.now()

    def now(self) -> str:
        """All books (up to 100) as the API shows them, times and ids too."""
        return str(ask(self._app, "GET", f"{BOOKS}?limit=100").text)

    def assert_untouched(self) -> None:
        """Assert that nothing was written since."""
        assert self.now() == self.before
