"""Lists that cost much wait for each other; whatever is cheap waits for nobody."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from webtest import TestApp

from pyramid_bookstore.catalogue import listing, rows
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.query import GatedReader, Query
from pyramid_bookstore.db.slots import Slots
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.web.mount import Mount
from tests.support.api import BOOKS, assert_problem
from tests.support.apps import build_app, close_app
from tests.support.catalogue import book_row, fill

#: More than are counted for nothing.
MANY = 1_600

COSTLY = [
    "search=book",
    "search=9780",
    "author=anon&count=exact",
    "min_price=1",
    "in_stock=true&sort=title",
    "search=book&sort=title&page=900&limit=3",
]
CHEAP = [
    "",
    "page=80",
    "sort=price,-title",
    "search=rare",
    "search=rare&sort=relevance",
    "search=book&count=none",
    "search=book&count=estimated",
    "min_price=1&count=none",
    "min_price=99",
]


@pytest.fixture
def large(monkeypatch):
    """A catalogue is large from so many books on."""
    for module in (listing, rows):
        monkeypatch.setattr(module, "COSTLY", 1_000)


@pytest.fixture(scope="module")
def client(backend):
    url = backend.create()
    app = build_app({"bookstore.sqlalchemy.url": url, "bookstore.concurrent.searches": "1"})
    engine = make_engine({"url": url})
    fill(
        engine,
        (
            book_row(number, title="A rare book" if number == 7 else f"Book {number}")
            for number in range(1, MANY + 1)
        ),
    )
    engine.dispose()
    yield TestApp(app)
    close_app(app)
    backend.drop(url)


@contextmanager
def all_slots_taken(client):
    """As while another costly list is read, and for whom nobody waits."""
    mount = Mount.of(client.app.registry)
    mount.searches = Slots(1)
    with mount.searches.held():
        yield


@pytest.mark.parametrize("query", COSTLY)
def test_a_costly_list_is_refused_while_as_many_as_may_be_are_read(client, large, query):
    with all_slots_taken(client):
        refused = client.get(f"{BOOKS}?{query}", status=503)
    assert_problem(refused, 503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert client.get(f"{BOOKS}?{query}").json["total"] in (MANY, MANY - 1)


@pytest.mark.parametrize("query", CHEAP)
def test_a_cheap_list_is_served_meanwhile(client, large, query):
    with all_slots_taken(client):
        client.get(f"{BOOKS}?{query}", status=200)


@pytest.mark.parametrize("query", COSTLY)
def test_in_a_small_catalogue_no_list_waits(client, query):
    with all_slots_taken(client):
        client.get(f"{BOOKS}?{query}", status=200)


def test_a_book_and_suggestions_are_served_meanwhile(client):
    url = f"{BOOKS}/{client.get(BOOKS).json['data'][0]['id']}"
    with all_slots_taken(client):
        client.get(url, status=200)
        client.get(f"{BOOKS}/suggest?q=ra", status=200)


def test_the_setting_says_how_many_are_read_at_once(make_client):
    client = make_client({"bookstore.concurrent.searches": "2"})
    searches = Mount.of(client.app.registry).searches
    with searches.held(), searches.held(), pytest.raises(Unavailable):
        searches.take()


def test_a_gated_reader_gives_its_slot_back_whatever_comes():
    class Broken:
        dialect = None

        def rows(self, query, values):
            raise LookupError

    slots = Slots(1)
    reader = GatedReader(Broken(), slots)
    for _ in range(2):
        with pytest.raises(LookupError):
            reader.rows(Query(None, costly=True), {})
    with slots.held():
        with pytest.raises(LookupError):
            reader.rows(Query(None), {})
        with pytest.raises(Unavailable):
            reader.rows(Query(None, costly=True), {})
