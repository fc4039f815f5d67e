"""What Schemathesis cannot know from the description: rules that JSON Schema cannot express.

Only requests that are meant to be valid are changed, and a comment states the rule for each change.
All other requests, above all negative tests, are sent as generated.
"""

from __future__ import annotations

import random
import uuid
from typing import Any

import schemathesis
from hypothesis import strategies as st

from pyramid_bookstore.testing import isbn

_LARGEST = 2**63 - 1

_NUMBERS = st.integers(0, 999_999_999)


def _as_isbn_10(digits: str) -> str:
    body = digits[3:12]
    check = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), body, strict=True))
    return f"{body}{'0123456789X'[-check % 11]}"


# A pattern cannot express a check digit.
_ISBNS = _NUMBERS.map(isbn)
schemathesis.openapi.format(
    "isbn",
    _ISBNS
    | _ISBNS.map(_as_isbn_10)
    | _ISBNS.map(
        lambda digits: f"{digits[:3]}-{digits[3]} {digits[4:8]}-{digits[8:12]}-{digits[12]}"
    ),
)


def _feed(case: Any) -> str:
    """A file to import; the description only says that it is text."""
    chosen = random.Random(str(case.body))
    numbers = chosen.sample(range(1_000_000_000), chosen.randint(1, 5))
    if case.media_type == "text/csv":
        rows = [
            f"{isbn(number)},Title,Author,{number % 100 + 1},{number % 7}" for number in numbers
        ]
        return "\r\n".join(["isbn,title,author,price,stock", *rows])
    row = '{{"isbn":"{}","title":"A","author":"B","price":1.5}}\n'
    return "".join(row.format(isbn(number)) for number in numbers)


@schemathesis.serializer("application/x-ndjson", "text/csv")
def _as_it_is(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Make a valid request follow the rules that concern several of its parts."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    query = case.query or {}
    # A cursor is opaque, and comes from a page.
    query.pop("cursor", None)
    low, high = query.get("min_price"), query.get("max_price")
    if low is not None and high is not None and float(low) > float(high):
        query["min_price"], query["max_price"] = high, low
    headers = case.headers or {}
    # A key is used for one request only.
    if "Idempotency-Key" in headers:
        headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.path == "/books/import":
        case.body = _feed(case)
    if isinstance(case.body, dict):
        _tidy(case)


def _tidy(case: Any) -> None:
    body = case.body
    # To JSON Schema 5.0 is an integer; here it is a number with a fraction.
    for name in ("stock", "delta"):
        if isinstance(body.get(name), float):
            body[name] = int(body[name])
    if "extra" in body:
        body["extra"] = _storable(body["extra"])
    # The path has the ISBN; one in the body would have to be the same.
    if case.path == "/books/isbn/{isbn}":
        body.pop("isbn", None)
    # Whether a book may be free, or have copies, depends on the other of the two.
    if case.path == "/books/{id}" and ("price" in body) != ("stock" in body):
        body.pop("stock", None)
        if "price" in body:
            body["price"] = body["price"] or 1


def _storable(value: Any) -> Any:
    """JSON without NUL and with integers of 64 bits, at every depth."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-_LARGEST, min(value, _LARGEST))
    return value


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Texts are trimmed before their length is checked; `maxLength` cannot express that."""
    if type(failure).__name__ != "AcceptedNegativeData" or not isinstance(case.body, dict):
        return True
    texts = [case.body.get(name) for name in ("title", "author")]
    return not any(isinstance(text, str) and len(text) > 255 >= len(text.strip()) for text in texts)
