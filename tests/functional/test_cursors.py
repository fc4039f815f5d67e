"""Cursors with equal keys, in every order, under concurrent changes, and forged cursors."""

from __future__ import annotations

import base64
import json
import random
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from itertools import count
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from pyramid_bookstore.catalogue.listing import list_books
from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.catalogue.query import NEWEST_FIRST, ListQuery
from pyramid_bookstore.catalogue.shapes import SORT_COLUMNS
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.query import SessionReader
from pyramid_bookstore.errors import ValidationFailed
from tests.support import reading
from tests.support.catalogue import BEGINNING, book_row
from tests.support.examples import examples

numbers = count(1)


def random_book(chosen):
    """A row with few distinct sort keys, and texts whose order depends on the collation."""
    moment = BEGINNING + timedelta(microseconds=chosen.randint(0, 3))
    return book_row(
        next(numbers),
        id=UUID(int=chosen.getrandbits(128)),
        title=chosen.choice(["a", "A b", "a-b", "b", "é", "z", "Ω", "本", "\U0001f4da"]),
        author=chosen.choice(["x", "X", "y z"]),
        price=Decimal(chosen.randint(1, 3)),
        stock=chosen.randint(0, 2),
        created_at=moment,
    ) | {"updated_at": moment + timedelta(microseconds=chosen.randint(0, 2))}


@pytest.fixture(scope="module")
def session(backend):
    """A session whose transaction is rolled back after each example."""
    url = backend.create()
    engine = make_engine({"url": url})
    with engine.connect() as connection, Session(connection) as session:
        yield session
    engine.dispose()
    backend.drop(url)


orders = st.lists(
    st.tuples(st.sampled_from(sorted(SORT_COLUMNS)), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda part: part[0],
).map(tuple)
filters = st.sampled_from(
    [
        {},
        {"max_price": Decimal(2)},
        {"in_stock": True},
        {"search": "a"},
        {"author": "x"},
    ]
)


def python_order(rows, sort):
    """The rows in this order, sorted by Python."""
    columns = [(SORT_COLUMNS[field].key, down) for field, down in sort]
    columns.append(("id", columns[-1][1]))
    for column, down in reversed(columns):
        rows = sorted(rows, key=lambda row: row[column], reverse=down)
    return rows


def chosen_by(filters, row):
    return (
        row["price"] <= filters.get("max_price", row["price"])
        and (row["stock"] > 0 or not filters.get("in_stock"))
        and reading.matches(row, filters.get("search", ""), filters.get("author", ""))
    )


@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), sort=orders, filters=filters, limit=st.integers(1, 7))
@example(seed=1, sort=NEWEST_FIRST, filters={}, limit=1)
@example(seed=2, sort=(("stock", False), ("title", True)), filters={}, limit=2)
def test_paging_by_cursor_shows_each_unchanged_book_exactly_once(
    session, seed, sort, filters, limit
):
    session.rollback()  # the example before
    chosen = random.Random(seed)
    reader = SessionReader(session)
    rows = [random_book(chosen) for _ in range(25)]
    session.execute(insert(Book), rows)
    alive = {row["id"]: row for row in rows}
    stayed = set(alive)

    def come_and_go():
        for gone in chosen.sample(sorted(alive), k=min(2, len(alive))):
            del alive[gone]
            stayed.discard(gone)
            session.execute(delete(Book).where(Book.id == gone))
        new = [random_book(chosen) for _ in range(2)]
        session.execute(insert(Book), new)
        alive.update({row["id"]: row for row in new})

    def page(cursor):
        options = {"sort": sort, "limit": limit, "count": "none"}
        return list_books(reader, ListQuery(filters=filters, cursor=cursor, **options))

    def expected():
        there = [row for row in alive.values() if row["id"] in stayed and chosen_by(filters, row)]
        return [row["id"] for row in python_order(there, sort)]

    seen, last = [], page(None)
    while True:
        seen += [book.id for book in last.books]
        come_and_go()
        if last.next_cursor is None:
            break
        last = page(last.next_cursor)
    assert len(seen) == len(set(seen))
    assert [book for book in seen if book in stayed] == expected()

    # The same backwards from the last page; a page whose books were all deleted has no cursors.
    if not last.books:
        return
    seen = [book.id for book in reversed(last.books)]
    while last.previous_cursor is not None:
        come_and_go()
        before = page(last.previous_cursor)
        assert len(before.books) <= limit
        seen += [book.id for book in reversed(before.books)]
        if not before.books:
            break
        last = before
    assert len(seen) == len(set(seen))
    known = set(seen)
    assert [book for book in reversed(seen) if book in stayed] == [
        book for book in expected() if book in known
    ]
    assert set(expected()) <= known


HOSTILE = [
    0, -1, 2**31, 2**63, 2**64, 10**300, -(10**20), "", "NaN", "sNaN", "Infinity", "-0", "1e400",
    "1e-400", "0.001", "1_0", "١", "\0", "\ud800", "a" * 300, "%", "' OR 1=1 --", None, True, 1.5,
    [], {}, "00000000-0000-0000-0000-000000000000", "urn:uuid:x",
]  # fmt: skip


def opened(cursor):
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def closed(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("field", SORT_COLUMNS)
def test_a_forged_cursor_gives_a_page_or_is_refused(session, field):
    """Also with the right fingerprint, forged keys give a page or a 422, never an exception."""
    session.rollback()
    chosen = random.Random(field)
    session.execute(insert(Book), [random_book(chosen) for _ in range(3)])
    reader = SessionReader(session)
    sort = ((field, False),)

    def page(cursor):
        options = {"sort": sort, "limit": 1, "count": "none"}
        return list_books(reader, ListQuery(cursor=cursor, **options))

    mark, backwards, (key, book) = opened(page(None).next_cursor)
    refused = 0
    for hostile in HOSTILE:
        for keys in ([hostile, book], [key, hostile], [key, book, hostile], [hostile], hostile):
            try:
                assert len(page(closed([mark, backwards, keys])).books) <= 1
            except ValidationFailed:
                refused += 1
    assert refused > 3 * len(HOSTILE)
    for broken in ([], {}, 1, [mark], [mark, 2, [key, book]], ["x", False, [key, book]], None):
        with pytest.raises(ValidationFailed):
            page(closed(broken))


@settings(max_examples=examples(100))
@given(text=st.text(max_size=60), at=st.integers(0, 80), flip=st.integers(1, 255))
def test_a_damaged_cursor_gives_a_page_or_is_refused(session, text, at, flip):
    session.rollback()
    reader, chosen = SessionReader(session), random.Random(7)
    session.execute(insert(Book), [random_book(chosen) for _ in range(2)])

    def page(cursor):
        options = {"sort": NEWEST_FIRST, "limit": 1, "count": "none"}
        return list_books(reader, ListQuery(cursor=cursor, **options))

    whole = page(None).next_cursor
    data = bytearray(base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4)))
    data[at % len(data)] ^= flip
    damaged = base64.urlsafe_b64encode(bytes(data)).decode().rstrip("=")
    for cursor in (text or "x", damaged, whole[:at] or "x", whole + text):
        with suppress(ValidationFailed):
            page(cursor)
