"""A model of the bookstore in memory, written only from the documentation of the API.

The real bookstore is compared with it. It uses no SQL, no schema and no HTTP. Only the form in
which texts are sorted, which has tests of its own, is taken from the package.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from typing import Any

from pyramid_bookstore.search.words import stored
from tests.support import reading

STOCK_MAX = 2**31 - 1
DEFAULTS: dict[str, Any] = {"stock": 0, "description": None, "extra": {}}


class Refused(Exception):
    """A request that the model refuses: the status, the code and the fields to be named."""

    def __init__(self, status: int, code: str, *fields: str) -> None:
        super().__init__(status, code, *fields)
        self.status, self.code, self.fields = status, code, fields


@dataclass
class ModelBook:
    """A book; ``created`` and ``updated`` are steps of the model's clock."""

    key: int
    fields: dict[str, Any]
    created: int
    updated: int


@dataclass
class Model:
    """The shop. Every change is one step of its clock."""

    books: dict[int, ModelBook] = field(default_factory=dict)
    clock: count[int] = field(default_factory=lambda: count(1))

    def create(self, fields: dict[str, Any]) -> ModelBook:
        """A new book."""
        whole = DEFAULTS | fields
        self._check(whole)
        if self.by_isbn(whole["isbn"]):
            raise Refused(409, "conflict", "isbn")
        now = next(self.clock)
        book = self.books[now] = ModelBook(now, copy.deepcopy(whole), now, now)
        return book

    def update(self, key: int, changes: dict[str, Any], *, stale: bool = False) -> ModelBook:
        """Change some fields of a book; ``stale`` means that If-Match does not match."""
        book = self.books.get(key)
        if book is None:
            raise Refused(404, "not_found")
        if stale:
            # An invalid change is refused before the version is compared.
            self._check(changes)
            raise Refused(412, "precondition_failed")
        self._check(book.fields | changes)
        other = self.by_isbn(changes["isbn"]) if "isbn" in changes else None
        if other is not None and other.key != key:
            raise Refused(409, "conflict", "isbn")
        # Of equal values nothing is written, and the order of members is no value.
        if any(_written(book.fields[name]) != _written(value) for name, value in changes.items()):
            book.fields |= copy.deepcopy(changes)
            book.updated = next(self.clock)
        return book

    def patch(self, key: int, patch: dict[str, Any]) -> ModelBook:
        """A JSON merge patch."""
        if key not in self.books:
            raise Refused(404, "not_found")
        changes = {
            name: DEFAULTS[name] if value is None else value for name, value in patch.items()
        }
        if isinstance(patch.get("extra"), dict):
            changes["extra"] = merged(self.books[key].fields["extra"], patch["extra"])
        return self.update(key, changes)

    def delete(self, key: int, *, stale: bool = False) -> None:
        """Delete a book."""
        if key not in self.books:
            raise Refused(404, "not_found")
        if stale:
            raise Refused(412, "precondition_failed")
        del self.books[key]

    def change_stock(self, key: int, delta: int) -> ModelBook:
        """Add or remove copies."""
        if key not in self.books:
            raise Refused(404, "not_found")
        book = self.books[key]
        stock = book.fields["stock"] + delta
        if stock < 0:
            raise Refused(409, "insufficient_stock")
        if stock > STOCK_MAX or (book.fields["price"] == 0 and delta > 0):
            raise Refused(422, "validation_failed", "delta")
        if delta:
            book.fields["stock"] = stock
            book.updated = next(self.clock)
        return book

    def upsert(self, fields: dict[str, Any]) -> tuple[ModelBook, bool]:
        """Create or replace a book by its ISBN; also return whether it is new."""
        whole = DEFAULTS | fields
        known = self.by_isbn(whole["isbn"])
        return (
            (self.create(whole), True) if known is None else (self.update(known.key, whole), False)
        )

    def by_isbn(self, isbn: str) -> ModelBook | None:
        """The book with this ISBN."""
        found = (book for book in self.books.values() if book.fields["isbn"] == isbn)
        return next(found, None)

    def listed(
        self,
        *,
        author: str | None = None,
        search: str | None = None,
        min_price: Decimal | None = None,
        max_price: Decimal | None = None,
        in_stock: bool | None = None,
        sort: tuple[tuple[str, bool], ...] = (("created_at", True),),
    ) -> list[ModelBook]:
        """All books that match the filters, in order."""
        books = [
            book for book in self.books.values()
            if reading.matches(book.fields, search or "", author or "")
            and (min_price is None or book.fields["price"] >= min_price)
            and (max_price is None or book.fields["price"] <= max_price)
            and (in_stock is None or (book.fields["stock"] > 0) == in_stock)
        ]  # fmt: skip
        # From the last key to the first: each sort keeps the order of those after it.
        books.sort(key=lambda book: book.created, reverse=sort[-1][1])
        for name, descending in reversed(sort):
            books.sort(key=_SORT_KEYS[name], reverse=descending)
        return books

    @staticmethod
    def _check(fields: dict[str, Any]) -> None:
        if fields.get("price") == 0 and fields.get("stock", 0) > 0:
            raise Refused(422, "validation_failed", "price")


_SORT_KEYS: dict[str, Callable[[ModelBook], Any]] = {
    # UTF-8 in byte order is the order of the code points, which is how Python compares text.
    "title": lambda book: stored(book.fields["title"]),
    "author": lambda book: stored(book.fields["author"]),
    "price": lambda book: book.fields["price"],
    "stock": lambda book: book.fields["stock"],
    "created_at": lambda book: book.created,
    "updated_at": lambda book: book.updated,
}


def _written(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
