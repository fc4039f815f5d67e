"""Constraint errors become the right refusal; changes that lose to other writers get 503."""

import pytest
from sqlalchemy import text

from pyramid_bookstore.catalogue.store import ATTEMPTS, Store
from pyramid_bookstore.events import BookUpdated
from pyramid_bookstore.transactions.writers import AutocommitWriter, TransactionWriter
from tests.support.api import BOOKS, RUST, FixedContent, ask, assert_problem, isbn, new_book

#: SQL of a host that does not use the services, and the answer that the client gets.
PAST_THE_SERVICES = [
    ("price = -1", 422, "validation_failed", "price"),
    ("price = 0", 422, "validation_failed", "price"),
    ("stock = -1", 422, "validation_failed", "stock"),
    ("title = ''", 422, "validation_failed", "title"),
    ("author = ''", 422, "validation_failed", "author"),
    ("isbn = '1'", 422, "validation_failed", "isbn"),
    (f"description = '{'x' * 10_001}'", 422, "validation_failed", "description"),
    (f"isbn = '{isbn(1)}'", 409, "conflict", "isbn"),
]


@pytest.mark.parametrize(("change", "status", "code", "field"), PAST_THE_SERVICES)
def test_a_constraint_violation_is_answered_with_its_field_and_writes_nothing(
    make_client, change, status, code, field
):
    def configure(config):
        def write(event):
            session = event.request.bookstore.session
            session.execute(
                text(f"UPDATE bookstore_books SET {change} WHERE isbn = :isbn"),
                {"isbn": RUST["isbn"]},
            )

        config.add_subscriber(write, BookUpdated)

    client = make_client(configure=configure)
    client.post_json(BOOKS, new_book(1))
    url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
    content = FixedContent(client)
    answer = ask(client, "PUT", url, {"stock": 7})
    assert_problem(answer, status, code, field)
    content.assert_untouched()


def test_a_violated_constraint_of_the_host_gets_500_and_is_not_named(make_client, database, engine):
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE host_things (id INTEGER, CONSTRAINT host_rule CHECK (id > 0))"
        )

    def configure(config):
        def write(event):
            event.request.bookstore.session.execute(text("INSERT INTO host_things VALUES (0)"))

        config.add_subscriber(write, BookUpdated)

    client = make_client(url=database, configure=configure)
    url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
    content = FixedContent(client)
    answer = ask(client, "PUT", url, {"stock": 7})
    assert_problem(answer, 500, "internal_error")
    assert "host_rule" not in answer.text
    content.assert_untouched()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "", {"stock": 1}), ("PATCH", "", {"stock": 1}), ("PATCH", "", {"extra": {"a": 1}}),
     ("DELETE", "", None), ("POST", "/stock", {"delta": -1})],
)  # fmt: skip
def test_a_change_that_loses_to_others_on_every_attempt_gets_503(
    client, monkeypatch, method, path, body
):
    """The UPDATE matches no row, but a later read finds no reason: another writer was there."""
    url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
    content = FixedContent(client)
    tries = []
    with monkeypatch.context() as patch:
        for writer in (TransactionWriter, AutocommitWriter):
            patch.setattr(writer, "write", lambda self, *args: tries.append(args))
        answer = ask(client, method, url + path, body)
    assert_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert len(tries) == ATTEMPTS
    content.assert_untouched()


def test_a_patch_of_extra_that_loses_on_every_attempt_gets_503(client, monkeypatch):
    """Another writer changes the book each time between the read of `extra` and its write."""
    url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
    checked = Store.require

    def interrupted(self, book_id, condition):
        book = checked(self, book_id, condition)
        if not condition.given:
            self.update(book_id, {"stock": book.stock + 1}, condition)
        return book

    monkeypatch.setattr(Store, "require", interrupted)
    answer = ask(client, "PATCH", url, {"extra": {"a": 1}})
    assert_problem(answer, 503, "unavailable")
    assert "a" not in client.get(url).json["extra"]
