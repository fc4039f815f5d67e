"""The fixtures isolate tests: no test sees what another one wrote."""

import pytest
from sqlalchemy import text

from pyramid_bookstore.db.engines import make_reading_engine
from tests.support.postgres_databases import RunningPostgres

BOOK = {"title": "Momo", "author": "Michael Ende", "isbn": "9783522202558", "price": 15, "stock": 3}
BOOKS = "/api/v1/books"


def total(app):
    return app.get(BOOKS).json["total"]


@pytest.mark.parametrize("again", [1, 2])
def test_testapp_and_dbsession_share_a_transaction_that_is_rolled_back(testapp, dbsession, again):
    created = testapp.post_json(BOOKS, BOOK).json
    assert testapp.get(f"{BOOKS}/{created['id']}").json == created
    titles = dbsession.execute(text("SELECT title FROM bookstore_books")).scalars().all()
    assert titles == ["Momo"]


def test_nothing_of_testapp_is_committed(testapp, shared_database):
    testapp.post_json(BOOKS, BOOK)
    assert total(testapp) == 1
    # Autocommit: on SQLite a transaction would wait for the test's own, which writes.
    outside = make_reading_engine({"url": shared_database})
    with outside.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM bookstore_books")).scalar_one()
    outside.dispose()
    assert count == 0


@pytest.mark.parametrize("again", [1, 2])
def test_client_commits_and_starts_with_an_empty_catalogue(client, again):
    assert total(client) == 0
    created = client.post_json(BOOKS, BOOK).json
    assert client.get(f"{BOOKS}/{created['id']}").json == created


def test_make_client_has_a_database_of_its_own(client, make_client):
    client.post_json(BOOKS, BOOK)
    other = make_client({"bookstore.prefix": "/elsewhere"}, route_prefix="/shop")
    assert other.get("/shop/elsewhere/books").json["total"] == 0


def test_two_clients_made_with_one_url_share_its_database(database, engine, make_client):
    first, second = make_client(url=database), make_client(url=database)
    first.post_json(BOOKS, BOOK)
    assert total(second) == 1
    with engine.connect() as connection:
        found = connection.execute(text("SELECT title FROM bookstore_books")).scalars().all()
    assert found == ["Momo"]


def test_the_postgresql_of_the_tests_is_not_in_utc(postgres):
    """So a timestamp that lost its time zone would differ by hours."""
    if isinstance(postgres, RunningPostgres):
        pytest.skip("the server is not ours and has its own settings")
    assert postgres.query("SELECT extract(timezone FROM now())::int") == [(20700,)]
