"""``--source``, ``--absent``, ``--max-absent``: what a source's newest file lacks."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import event, inspect, text

from pyramid_bookstore.feeds import bulk_postgresql, bulk_sqlite
from tests.support.feeds import BOOKS, isbn, messages, send
from tests.support.snapshots import HEADER, book_path, engine_of, file_of, members, query, stocks


def indexes(client):
    found = inspect(engine_of(client)).get_indexes("bookstore_books")
    return sorted(index["name"] for index in found)


@pytest.mark.parametrize("absent", ["keep", "zero", "delete"])
def test_books_of_the_source_that_are_not_in_its_next_file_are_dealt_with_and_named(client, absent):
    assert send(client, file_of([1, 2, 3]), query(absent=absent)).json["absent"] == 0
    send(client, file_of([4]), query("another"))
    send(client, file_of([5]))
    before = {book["isbn"]: book for book in client.get(BOOKS).json["data"]}
    report = send(client, file_of([1, 3]), query(absent=absent)).json
    assert (report["unchanged"], report["updated"], report["absent"]) == (2, 0, 1)
    assert report["absent_books"] == [{"isbn": isbn(2), "title": "Title 2"}]
    after = {book["isbn"]: book for book in client.get(BOOKS).json["data"]}
    old, new = before.pop(isbn(2)), after.pop(isbn(2), None)
    assert after == before
    if absent == "keep":
        assert new == old
    elif absent == "zero":
        assert new == old | {"stock": 0, "updated_at": new["updated_at"]}
        assert new["updated_at"] > old["updated_at"]
    else:
        assert new is None
        assert isbn(2) not in [found for _, found, _ in members(client)]


def test_a_dry_run_reports_the_same_and_writes_nothing(client):
    send(client, file_of([1, 2, 3]), query())
    state = client.get(BOOKS).json, members(client)
    for absent in ("keep", "zero", "delete"):
        dry = send(client, file_of([1, 4]), query(absent=absent, dry_run="true")).json
        assert (dry["created"], dry["absent"]) == (1, 2)
        assert (client.get(BOOKS).json, members(client)) == state
    assert dry == send(client, file_of([1, 4]), query(absent="delete")).json | {"dry_run": True}


def test_a_book_is_of_every_source_that_it_came_with(client):
    send(client, file_of([1, 2]), query("one"))
    send(client, file_of([2]), query("two"))
    assert send(client, file_of([9]), query("two", "zero")).json["absent"] == 1
    assert send(client, file_of([9]), query("one", "zero")).json["absent"] == 2
    assert stocks(client) == {1: 0, 2: 0, 9: 3}


def test_a_book_that_is_in_the_catalogue_already_belongs_to_the_source_once_it_came(client):
    send(client, file_of([1, 2]))
    send(client, file_of([1, 2]), query())
    assert send(client, file_of([1]), query(absent="zero")).json["absent"] == 1
    assert stocks(client) == {1: 3, 2: 0}


def test_what_was_absent_before_counts_again_only_once_it_has_copies(client):
    """Else the books that a source has given up would fill the guard's share in the end."""
    send(client, file_of([1, 2, 3, 4]), query())
    assert send(client, file_of([1, 2, 3]), query(absent="zero")).json["absent"] == 1
    for max_absent in ("0", "50"):
        answer = send(client, file_of([1, 2, 3]), query(absent="zero", max_absent=max_absent))
        assert answer.json["absent"] == 0
    client.post_json(f"{book_path(client, 4)}/stock", {"delta": 2})
    assert send(client, file_of([1, 2, 3]), query(absent="zero")).json["absent"] == 1
    assert stocks(client)[4] == 0
    # It comes back, and goes away again.
    send(client, file_of([1, 2, 3, 4], stock=0), query(absent="zero"))
    assert send(client, file_of([1, 2, 3]), query(absent="zero")).json["absent"] == 1
    # To delete is still to be done.
    assert send(client, file_of([1, 2, 3]), query(absent="delete")).json["absent"] == 1
    assert stocks(client) == {1: 3, 2: 3, 3: 3}


def test_an_absent_book_without_stock_is_reported_and_stays_as_it_is(client):
    send(client, file_of([1, 2], stock=0), query())
    before = client.get(book_path(client, 2)).json
    assert send(client, file_of([1], stock=0), query(absent="zero")).json["absent"] == 1
    assert client.get(book_path(client, 2)).json == before


def test_a_deleted_book_leaves_no_member(client):
    send(client, file_of([1, 2, 3]), query())
    client.delete(book_path(client, 2))
    assert [found for _, found, _ in members(client)] == [isbn(1), isbn(3)]
    with engine_of(client).begin() as connection:
        connection.execute(text("DELETE FROM bookstore_books"))
    assert members(client) == []


def test_a_large_file_may_take_the_place_of_all_books(client, monkeypatch):
    """The catalogue is empty then, and indexes are made anew at the end."""
    for module in (bulk_postgresql, bulk_sqlite):
        monkeypatch.setattr(module, "MIN_ROWS", 5)
    send(client, file_of(range(20)), query())
    before = indexes(client)
    report = send(client, file_of(range(20, 45)), query(absent="delete")).json
    assert (report["created"], report["absent"]) == (25, 20)
    assert sorted(stocks(client)) == list(range(20, 45))
    assert client.get(f"{BOOKS}?search=title 31").json["total"] == 1
    assert indexes(client) == before


def test_of_very_many_absent_books_the_first_are_named_and_all_are_counted(client, monkeypatch):
    monkeypatch.setattr("pyramid_bookstore.feeds.absent.MAX_LISTED", 3)
    send(client, file_of(range(9)), query())
    report = send(client, file_of([8]), query(absent="delete")).json
    assert report["absent"] == 8
    assert [book["isbn"] for book in report["absent_books"]] == [isbn(n) for n in range(3)]
    assert stocks(client) == {8: 3}


class TestGuard:
    @pytest.mark.parametrize("absent", ["zero", "delete"])
    def test_more_than_five_percent_are_refused_and_nothing_is_written(self, client, absent):
        send(client, file_of(range(20)), query())
        state = client.get(f"{BOOKS}?limit=100").json, members(client)
        for more in ({}, {"dry_run": "true"}):
            answer = send(
                client,
                file_of([*range(18), 77]),
                query(absent=absent, max_absent="5%25", **more),
                status=422,
            )
            [fault] = answer.json["details"]
            assert fault["field"] == "max_absent"
            assert fault["message"] == (
                "2 of the 20 books that came with 'trade' are not in the file; that is more than"
                f" 5%, so nothing was written. The first of them: {isbn(18)}, {isbn(19)}. If it is"
                " right, say --max-absent 10% (over HTTP max_absent=10); a dry run with that names"
                " them in its report."
            )
            assert (client.get(f"{BOOKS}?limit=100").json, members(client)) == state
        default = f"?source=trade&absent={absent}"
        assert send(client, file_of(range(1, 20)), default).json["absent"] == 1

    @pytest.mark.parametrize(
        ("max_absent", "absent", "allowed"),
        [
            ("0", 0, True), ("0%25", 1, False), ("33.3", 1, False), ("33.4", 1, True),
            ("66", 2, False), ("66.7%25", 2, True), ("99.9", 3, False), ("100", 3, True),
        ],
    )  # fmt: skip
    def test_the_share_may_be_met_and_not_exceeded(self, client, max_absent, absent, allowed):
        send(client, file_of(range(3)), query())
        there = [*range(absent, 3), 9]
        answer = send(
            client,
            file_of(there),
            query(absent="zero", max_absent=max_absent),
            status=200 if allowed else 422,
        )
        assert stocks(client)[0] == (0 if allowed and absent else 3)
        if not allowed:
            proposed = re.search(r"--max-absent ([0-9.]+)%", messages(answer))[1]
            send(client, file_of(there), query(absent="zero", max_absent=proposed))

    def test_the_books_of_other_sources_do_not_dilute_it(self, client):
        send(client, file_of(range(50)), query("large"))
        send(client, file_of([1, 2]), query())
        send(client, file_of([1]), query(absent="zero", max_absent="5"), status=422)

    def test_kept_books_need_no_guard(self, client):
        send(client, file_of([1, 2]), query())
        assert send(client, file_of([1]), query(max_absent="0")).json["absent"] == 1

    @pytest.mark.parametrize("absent", ["zero", "delete"])
    @pytest.mark.parametrize("body", ["", f"{isbn(77)},,A,1.00,1\n"])
    def test_a_file_without_a_valid_row_empties_no_shop(self, client, absent, body):
        send(client, file_of([1, 2]), query())
        answer = send(client, HEADER + body, query(absent=absent, skip_invalid="true"), status=422)
        assert "The file has no valid row" in messages(answer)
        assert stocks(client) == {1: 3, 2: 3}
        assert send(client, HEADER, query()).json["absent"] == 2

    def test_the_first_file_of_a_source_may_have_anything_or_nothing(self, client):
        send(client, file_of([1, 2]))
        assert send(client, HEADER, query(absent="delete")).json["absent"] == 0
        answer = send(client, HEADER + "x\n", query(absent="zero", skip_invalid="true"))
        assert (answer.json["absent"], answer.json["rejected"]) == (0, 1)
        assert stocks(client) == {1: 3, 2: 3}


def test_without_a_source_an_import_has_no_statement_about_it(client):
    seen = []

    def note(connection, cursor, statement, *rest):
        seen.append(statement)

    engine = engine_of(client)
    event.listen(engine, "before_cursor_execute", note)
    try:
        send(client, file_of([1, 2]))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert seen
    assert not [each for each in seen if re.search("source|absent|present", each)]
