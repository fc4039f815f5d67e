"""Whatever is created, changed, deleted, imported or rolled back, a search finds what there is.

The same is done to SQLite and PostgreSQL, and both are compared with the plain reading.
"""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.catalogue.models import Book, columns_of
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.errors import RowsRefused
from pyramid_bookstore.values.text import nfc
from tests.support import reading
from tests.support.api import isbn
from tests.support.backends import Emptier
from tests.support.examples import examples
from tests.support.searching import WORDS, searches

TITLES = (
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join).map(str.strip).map(nfc)
)
NUMBERS = st.integers(0, 7)


class Searches(RuleBasedStateMachine):
    """``engines`` and ``emptiers`` are set by the test."""

    engines = ()
    emptiers = ()

    @initialize()
    def open(self):
        for empty in self.emptiers:
            empty()
        self.sessions = [Session(engine) for engine in self.engines]
        #: By ISBN: the books of this transaction, and those that are committed.
        self.books, self.committed = {}, {}
        # So that both have the same books in the same order of time.
        self.commit()
        self.create(number=8, title="the sea", author="J. R. R. Stone", stock=1)

    def teardown(self):
        for session in getattr(self, "sessions", ()):
            session.close()

    def shops(self):
        return [Bookstore.on(session) for session in self.sessions]

    @rule(number=NUMBERS, title=TITLES, author=TITLES, stock=st.integers(0, 1))
    def create(self, number, title, author, stock):
        assume(isbn(number) not in self.books)
        book = {"title": title, "author": author, "isbn": isbn(number), "stock": stock}
        for shop in self.shops():
            shop.create(book | {"price": 10})
        self.books[isbn(number)] = book

    @rule(data=st.data(), title=TITLES, of_author=st.booleans())
    @precondition(lambda self: self.books)
    def change(self, data, title, of_author):
        chosen = data.draw(st.sampled_from(sorted(self.books)))
        changes = {"author" if of_author else "title": title}
        for shop in self.shops():
            shop.update(shop.get_by_isbn(chosen).id, changes)
        self.books[chosen] = self.books[chosen] | changes

    @rule(data=st.data())
    @precondition(lambda self: len(self.books) > 1)
    def delete(self, data):
        chosen = data.draw(st.sampled_from(sorted(self.books)))
        for shop in self.shops():
            shop.delete(shop.get_by_isbn(chosen).id)
        del self.books[chosen]

    @rule(
        rows=st.dictionaries(NUMBERS, TITLES, min_size=1, max_size=4),
        author=TITLES,
        dry_run=st.booleans(),
        spoiled=st.booleans(),
    )
    def import_(self, rows, author, dry_run, spoiled):
        books = {
            isbn(number): {"title": title, "author": author, "isbn": isbn(number), "stock": 1}
            for number, title in rows.items()
        }
        lines = [json.dumps(book | {"price": 10}) for book in books.values()] + ["{}"] * spoiled
        feed = "\n".join(lines).encode()
        for shop in self.shops():
            try:
                shop.import_books(io.BytesIO(feed), "ndjson", dry_run=dry_run)
            except RowsRefused:
                assert spoiled
        if not dry_run and not spoiled:
            self.books |= books

    @rule(title=TITLES, number=NUMBERS)
    @precondition(lambda self: self.books)
    def change_by_sql(self, title, number):
        """By nobody's service, several rows at once."""
        for session in self.sessions:
            session.execute(
                update(Book).where(Book.isbn > isbn(number)).values(columns_of({"title": title}))
            )
            session.expire_all()
        for each in self.books:
            if each > isbn(number):
                self.books[each] = self.books[each] | {"title": title}

    @rule(number=NUMBERS)
    def delete_by_sql(self, number):
        for session in self.sessions:
            session.execute(delete(Book).where(Book.isbn < isbn(number)))
        self.books = {each: book for each, book in self.books.items() if each >= isbn(number)}
        assume(self.books)

    @rule()
    def commit(self):
        for session in self.sessions:
            session.commit()
        self.committed = dict(self.books)

    @rule()
    @precondition(lambda self: self.committed)
    def roll_back(self):
        for session in self.sessions:
            session.rollback()
        self.books = dict(self.committed)

    @rule(title=TITLES)
    @precondition(lambda self: self.books)
    def roll_back_to_a_savepoint(self, title):
        for session in self.sessions:
            point = session.begin_nested()
            session.execute(update(Book).values(columns_of({"author": title})))
            point.rollback()

    @rule(data=st.data())
    @precondition(lambda self: self.books)
    def search(self, data):
        self.check(data.draw(searches([*self.books.values()])))

    @invariant()
    def usual_searches(self):
        if getattr(self, "books", None):
            for search in ("the", "国", "???", "r stone"):
                self.check(search)

    def check(self, search):
        expected = {each for each, book in self.books.items() if reading.matches(book, search)}
        pages = []
        for shop in self.shops():
            for sort in ("title", "relevance"):
                page = shop.list(search=search, sort=sort)
                assert {book.isbn for book in page.books} == expected, (search, sort)
                assert page.total == len(expected)
                if sort == "title":
                    pages.append([book.title for book in page.books])
        assert pages[0] == pages[1]


@pytest.mark.no_cover
def test_a_search_finds_what_there_is_after_every_sequence_of_changes(
    sqlite_backend, postgres_backend
):
    backends = (sqlite_backend, postgres_backend)
    urls = [backend.create() for backend in backends]
    engines = [make_engine({"url": url}) for url in urls]
    machine = type(
        "Machine",
        (Searches,),
        {"engines": engines, "emptiers": [Emptier(engine) for engine in engines]},
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(15), stateful_step_count=15, suppress_health_check=[*HealthCheck]
        ),
    )
    with engines[0].begin() as connection:
        connection.execute(
            text("INSERT INTO bookstore_search (bookstore_search) VALUES ('integrity-check')")
        )
    for backend, engine, url in zip(backends, engines, urls, strict=True):
        engine.dispose()
        backend.drop(url)
