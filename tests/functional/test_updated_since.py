"""The filter ``updated_since``: what changed at or after a time, at a bounded cost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.catalogue import changed, listing
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.listing import walk
from pyramid_bookstore.catalogue.query import list_query
from pyramid_bookstore.catalogue.relevance import list_page
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.errors import ValidationFailed
from tests.support.api import BOOKS, isbn, new_book
from tests.support.catalogue import BEGINNING, ExplainingReader, book_row, fill

#: Books of which some changed lately, all of them among the oldest.
MANY, CHANGED = 12_000, 40
LATELY = BEGINNING + timedelta(days=3000)


@pytest.fixture
def books(client):
    made = [client.post_json(BOOKS, new_book(number)).json for number in range(4)]
    changed = client.put_json(f"{BOOKS}/{made[1]['id']}", {"stock": 9}).json
    return [made[0], changed, made[2], made[3]]


def since(client, moment, more=""):
    found = client.get(f"{BOOKS}?updated_since={quote(moment)}{more}").json
    return [book["isbn"] for book in found["data"]], found["total"]


def test_books_that_changed_at_or_after_a_time_are_listed(client, books):
    second = books[2]["updated_at"]
    assert since(client, second) == ([isbn(3), isbn(2), isbn(1)], 3)
    assert since(client, books[1]["updated_at"]) == ([isbn(1)], 1)
    after = datetime.fromisoformat(books[1]["updated_at"]) + timedelta(microseconds=1)
    assert since(client, after.isoformat()) == ([], 0)
    assert since(client, second, "&sort=updated_at&min_price=1&search=book") == (
        [isbn(2), isbn(3), isbn(1)], 3,
    )  # fmt: skip


def test_a_time_may_have_any_offset(client, books):
    moment = datetime.fromisoformat(books[3]["updated_at"])
    for hours in (-11, 0, 5):
        zone = moment.tzinfo.__class__(timedelta(hours=hours)) if hours else UTC
        assert since(client, moment.astimezone(zone).isoformat())[1] == 2


def test_pages_and_cursors_keep_the_filter(client, books):
    page = client.get(f"{BOOKS}?limit=2&updated_since={quote(books[0]['updated_at'])}")
    assert "updated_since=" in page.headers["Link"]
    query = f"limit=2&updated_since={quote(books[0]['updated_at'])}"
    following = client.get(f"{BOOKS}?{query}&cursor={page.json['next_cursor']}").json
    assert [book["isbn"] for book in following["data"]] == [isbn(1), isbn(0)]


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_the_export_has_it_too(client, books, format):
    query = f"format={format}&updated_since={quote(books[3]['updated_at'])}"
    exported = client.get(f"{BOOKS}/export?{query}").text
    assert exported.count("Anna Seghers") == 2
    assert (isbn(1) in exported, isbn(2) in exported) == (True, False)


def test_the_command_line_has_it_too(run, ini, client):
    done = run("export", "-", "--format", "ndjson", "--updated-since", "2999-01-01T00:00:00Z")
    assert "0 books written" in done.stderr


def test_python_takes_a_datetime_or_text(engine: Engine):
    with Session(engine) as session:
        bookstore = Bookstore.on(session)
        book = bookstore.create({**new_book(1)})
        for moment in (book.updated_at, book.updated_at.isoformat()):
            assert bookstore.list(updated_since=moment).total == 1
        assert bookstore.list(updated_since=datetime(2999, 1, 1, tzinfo=UTC)).total == 0
        with pytest.raises(ValidationFailed, match="offset"):
            bookstore.list(updated_since=datetime(2026, 1, 1))  # without a zone


@pytest.fixture(scope="module")
def large(backend):
    url = backend.create()
    engine = make_engine({"url": url})
    fill(engine, [book_row(number) for number in range(1, MANY + 1)])
    with engine.begin() as connection:
        table = "UPDATE bookstore_books SET updated_at = :moment WHERE isbn <= :isbn"
        value = LATELY if engine.dialect.name == "postgresql" else LATELY.timestamp() * 1e6
        last = str(9_780_000_000_000 + CHANGED)
        connection.execute(text(table), {"moment": value, "isbn": last})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM ANALYZE bookstore_books"))
    yield engine
    engine.dispose()
    backend.drop(url)


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "updated_at", "title", "-price"])
@pytest.mark.parametrize("count", ["exact", "estimated", "none"])
def test_the_few_that_changed_are_found_by_the_index_of_their_times(large, sort, count):
    """They are the oldest of all: to walk from the newest would read the whole catalogue."""
    reader = ExplainingReader(large)
    page = list_page(reader, list_query(sort=sort, count=count, updated_since=LATELY))
    assert len(page.books) == 20
    assert page.total in (CHANGED, None)
    assert "bookstore_books_updated_at_idx" in reader.plans[-1]


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "-title,price"])
def test_many_that_changed_are_walked_to_a_limit_and_then_collected(large, sort, monkeypatch):
    """As where a catalogue is so large that the changed ones are too many to be counted."""
    module = f"pyramid_bookstore.search.{large.dialect.name}"
    monkeypatch.setattr(f"{module}.{'RARE' if 'sqlite' in module else 'RECENT'}", 10)
    monkeypatch.setattr(f"{module}.PATIENCE", 0.01)
    listing._probe_query.cache_clear()
    reader = ExplainingReader(large)
    page = list_page(reader, list_query(sort=sort, limit=10, updated_since=LATELY))
    listing._probe_query.cache_clear()
    keys = [book.title if "title" in sort else book.isbn for book in page.books]
    assert keys == sorted(keys, reverse=sort.startswith("-"))
    assert (len(page.books), page.total) == (10, CHANGED)


CHANGES = list_query(updated_since=LATELY).filters


def isbns(rows):
    place = list(FIELDS).index("isbn")
    return [row[place] for row in rows]


@pytest.mark.parametrize("more", [{}, {"max_price": "1000", "search": "book", "in_stock": True}])
def test_an_export_reads_the_index_of_the_changes_and_then_the_changed_books(
    large, monkeypatch, more
):
    """No page walks past the others."""
    monkeypatch.setattr(changed, "RUN", 11)
    reader = ExplainingReader(large)
    filters = list_query(updated_since=LATELY, **more).filters
    pages = [*walk(reader, filters, size=16)]
    assert [len(page) for page in pages] == [16, 16, 8]
    oldest_first = [f"{9_780_000_000_000 + number}" for number in range(1, CHANGED + 1)]
    assert [each for page in pages for each in isbns(page)] == oldest_first
    sqlite = large.dialect.name == "sqlite"
    looked, run, *_, last = reader.plans
    assert "bookstore_books_updated_at_idx" in looked or more
    assert "bookstore_books_updated_at_idx" in run
    assert ("sqlite_autoindex_bookstore_books_" if sqlite else "bookstore_books_pkey") in last
    for plan in reader.plans[1:]:
        assert not re.search(r"SCAN bookstore_books\b|Seq Scan|created_at_idx", plan), plan


def test_a_page_of_an_export_of_which_no_book_matches_is_passed_over(large):
    reader = ExplainingReader(large)
    assert [*walk(reader, list_query(updated_since=LATELY, max_price="0").filters, size=9)] == []


def test_a_book_that_changes_while_the_changes_are_read_comes_once_as_it_is_then(engine):
    fill(engine, [book_row(number) for number in range(1, 7)])

    class Meanwhile(ExplainingReader):
        """Changes one book after each statement: one that was read, or one that was not yet."""

        def rows(self, query, values):
            found = super().rows(query, values)
            number = len(self.plans) - 1
            if 1 <= number <= 3:
                with Session(engine) as session, session.begin():
                    Bookstore.on(session).update(book_row(number)["id"], {"stock": 70 + number})
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changed, "RUN", 2)
        filters = list_query(updated_since=BEGINNING).filters
        rows = [row for page in walk(Meanwhile(engine), filters, size=4) for row in page]
    place = list(FIELDS).index("stock")
    assert isbns(rows) == [f"{9_780_000_000_000 + number}" for number in range(1, 7)]
    assert [row[place] for row in rows[:3]] == [71, 72, 73]


def test_an_export_of_very_many_changes_keeps_no_list_of_them(large, monkeypatch):
    whole = isbns(row for page in walk(ExplainingReader(large), CHANGES, size=16) for row in page)
    monkeypatch.setattr(changed, "RUN", 11)
    monkeypatch.setattr(changed, "MOST", 20)
    pages = [*walk(ExplainingReader(large), CHANGES, size=16)]
    assert [each for page in pages for each in isbns(page)] == whole
    assert len(whole) == CHANGED
