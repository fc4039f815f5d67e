"""Check every declared filter, single and in pairs, against a simple implementation in Python."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from typing import Any

from pyramid_bookstore import BookData, Bookstore
from pyramid_bookstore.catalogue.field import (
    ChangedSince,
    Equals,
    Field,
    Filter,
    InStock,
    Range,
    TextSearch,
)
from pyramid_bookstore.catalogue.query import filters
from pyramid_bookstore.search.folding import fold
from tests.support import reading


def chosen(field: Field, each: Filter, given: dict[str, Any], book: BookData) -> bool:
    """Whether the book matches the filter."""
    value = getattr(book, field.name)
    if isinstance(each, TextSearch):
        return reading.matches(
            {"title": book.title, "author": book.author, "isbn": book.isbn},
            author=given[field.name],
        )
    if isinstance(each, Range):
        low, high = given.get(f"min_{field.name}"), given.get(f"max_{field.name}")
        return (
            value is not None and (low is None or low <= value) and (high is None or value <= high)
        )
    if isinstance(each, InStock):
        return bool((value > 0) is given[each.name])
    if isinstance(each, ChangedSince):
        return bool(value >= given[each.name])
    assert isinstance(each, Equals), "a new kind of filter: say here what it means"
    return (
        fold(given[field.name]) == fold(value or "") if field.folded else given[field.name] == value
    )


def asked(field: Field, each: Filter, books: list[BookData]) -> Iterator[dict[str, Any]]:
    """Arguments for the filter: values that some books have, and one that no book has."""
    values = [value for book in books if (value := getattr(book, field.name)) is not None]
    values = values or [field.example]  # a field that no book here has
    if isinstance(each, Range):
        yield {f"min_{field.name}": min(values)}
        yield {f"max_{field.name}": max(values)}
        yield {f"min_{field.name}": values[0], f"max_{field.name}": values[0]}
    elif isinstance(each, InStock):
        yield {each.name: True}
        yield {each.name: False}
    elif isinstance(each, ChangedSince):
        yield {each.name: sorted(values)[len(values) // 2]}
        yield {each.name: max(values) + timedelta(microseconds=1)}
    else:
        for value in (values[0], values[-1]):
            yield {field.name: value}
            if field.folded:
                yield {field.name: value.upper()}
                yield {field.name: f"{value} qzx"}


def every_question(books: list[BookData]) -> Iterator[list[tuple[Field, Filter, dict[str, Any]]]]:
    """Every single filter, and every pair of filters."""
    single = [
        (field, each, given) for field, each in filters() for given in asked(field, each, books)
    ]
    yield from ([question] for question in single)
    for one, other in combinations(single, 2):
        if not {*one[2]} & {*other[2]} and one[1] is not other[1]:
            yield [one, other]


def check_every_filter(bookstore: Bookstore) -> int:
    """Run all queries with each kind of total; return the number of queries."""
    books = [*bookstore.list(limit=1000).books]
    assert len({book.stock > 0 for book in books}) == 2, "some in stock and some not"
    questions = [*every_question(books)]
    for question in questions:
        given = {name: value for _, _, values in question for name, value in values.items()}
        expected = {
            book.id
            for book in books
            if all(chosen(field, each, values, book) for field, each, values in question)
        }
        for count in ("exact", "estimated", "none"):
            page = bookstore.list(limit=1000, count=count, **given)
            assert {book.id for book in page.books} == expected, given
            assert page.total in (len(expected), None), given
    return len(questions)
