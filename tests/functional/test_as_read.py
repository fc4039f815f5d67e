"""A book goes back as it was read, and a change that changes nothing leaves it as it is."""

from __future__ import annotations

import csv
import io
import json

import pytest

from pyramid_bookstore.catalogue.store import Store
from pyramid_bookstore.events import BookEvent
from pyramid_bookstore.feeds import patches
from tests.support.api import BOOKS, RUST, ask, isbn, new_book

OTHER = "01a20253-e83e-7b91-92af-097058bab2fa"
READ_ONLY = {
    "created_at": "2001-01-01T00:00:00Z", "updated_at": None, "available": 3,
}  # fmt: skip


@pytest.fixture
def book(client):
    return client.post_json(BOOKS, RUST).json


def path(book):
    return f"{BOOKS}/{book['id']}"


def ways(book):
    """Each way to change a book."""
    by_isbn = f"{BOOKS}/isbn/{book['isbn']}"
    return [("PUT", path(book)), ("PATCH", path(book)), ("PUT", by_isbn)]


@pytest.mark.parametrize("way", range(3))
class TestChanges:
    def test_a_change_takes_a_book_as_it_was_read_and_passes_over_what_the_server_sets(
        self, client, book, way
    ):
        method, url = ways(book)[way]
        read = client.get(path(book)).json | READ_ONLY | {"price": 12.5}
        changed = ask(client, method, url, read)
        assert changed.status_int == 200
        assert changed.json["price"] == 12.5
        assert changed.json["created_at"] == book["created_at"]
        assert changed.json["updated_at"] > book["updated_at"]
        upper = {**changed.json, "id": book["id"].upper(), "stock": 4}
        assert ask(client, method, url, upper).json["stock"] == 4

    @pytest.mark.parametrize("other", [OTHER, "x", "", 5, None, [], {}])
    def test_another_id_is_refused_together_with_all_other_faults(self, client, book, way, other):
        method, url = ways(book)[way]
        body = {name: book[name] for name in RUST} | {"id": other, "price": 1}
        refused = ask(client, method, url, body)
        assert refused.status_int == 422
        assert [each["pointer"] for each in refused.json["details"]] == ["/id"]
        refused = ask(client, method, url, body | {"price": -1, "colour": "red"})
        pointers = {each["pointer"] for each in refused.json["details"]}
        assert pointers >= {"/price", "/colour"}
        assert client.get(path(book)).json == book

    def test_a_change_that_changes_nothing_leaves_the_book_and_the_list_as_they_are(
        self, client, book, way
    ):
        method, url = ways(book)[way]
        listed = client.get(BOOKS)
        reordered = {"pages": 560, "publisher": "No Starch Press"}
        for same in (
            RUST, book, RUST | {"extra": reordered}, RUST | {"isbn": "ISBN 1-7185-0044-0"},
            RUST | {"title": f" \u200b{RUST['title']} "}, RUST | {"price": 39.990},
        ):  # fmt: skip
            answer = ask(client, method, url, same)
            assert (answer.status_int, answer.json) == (200, book)
            assert answer.headers["ETag"] == client.get(path(book)).headers["ETag"]
        assert client.get(BOOKS).headers["ETag"] == listed.headers["ETag"]

    def test_the_condition_holds_for_a_change_that_changes_nothing_too(self, client, book, way):
        method, url = ways(book)[way]
        tag = client.get(path(book)).headers["ETag"]
        assert ask(client, method, url, RUST, {"If-Match": tag}).status_int == 200
        assert ask(client, method, url, RUST, {"If-Match": '"1"'}).status_int == 412
        client.put_json(path(book), {"stock": 1})
        assert ask(client, method, url, RUST | {"stock": 1}, {"If-Match": tag}).status_int == 412

    def test_members_of_extra_that_change_at_equal_length_are_written(self, client, book, way):
        method, url = ways(book)[way]
        for pages in (561, 562):
            changed = {"publisher": "No Starch Press", "pages": pages}
            answer = ask(client, method, url, RUST | {"extra": changed})
            assert answer.json["extra"] == changed
            assert answer.json["updated_at"] > book["updated_at"]

    def test_no_event_tells_of_a_change_that_changes_nothing(self, make_client, way):
        heard = []
        client = make_client(
            configure=lambda config: config.add_subscriber(heard.append, BookEvent)
        )
        book = client.post_json(BOOKS, RUST).json
        method, url = ways(book)[way]
        assert ask(client, method, url, RUST).json == book
        client.post_json(f"{path(book)}/stock", {"delta": 0})
        assert [type(each).__name__ for each in heard] == ["BookCreated"]
        ask(client, method, url, RUST | {"price": 5})
        assert [type(each).__name__ for each in heard] == ["BookCreated", "BookUpdated"]


@pytest.mark.parametrize("name", ["id", *READ_ONLY])
def test_a_create_refuses_what_the_server_sets(client, book, name):
    body = new_book(1) | {name: book.get(name, 3)}
    refused = client.post_json(BOOKS, body, status=422).json
    assert [each["field"] for each in refused["details"]] == [name]


def test_an_upsert_of_no_book_passes_over_times_and_refuses_an_id(client):
    url = f"{BOOKS}/isbn/{isbn(1)}"
    refused = client.put_json(url, new_book(1) | {"id": OTHER}, status=422).json
    assert refused["details"][0]["field"] == "id"
    for headers in ({"If-None-Match": "*"}, {"If-Match": "*"}):
        client.put_json(url, new_book(1) | {"id": OTHER}, headers=headers, status=422)
    made = client.put_json(url, new_book(1) | READ_ONLY, status=201).json
    assert made["created_at"] > "2026"
    client.put_json(url, made, headers={"If-None-Match": "*"}, status=412)


def test_a_delta_of_nothing_changes_nothing(client, book):
    answer = client.post_json(f"{path(book)}/stock", {"delta": 0})
    assert answer.json == book
    client.post_json(f"{path(book)}/stock", {"delta": 0}, headers={"If-Match": '"1"'}, status=412)
    client.post_json(f"{BOOKS}/{OTHER}/stock", {"delta": 0}, status=404)


def test_a_merge_patch_of_nothing_changes_nothing(client, book):
    for patch in ({}, {"extra": {}}, {"extra": {"none": None}}, {"extra": {"pages": 560}}):
        assert client.patch_json(path(book), patch).json == book


def test_an_upsert_is_tried_again_while_others_delete_and_change_the_book(
    client, book, monkeypatch
):
    """Between its statements: the book of the first attempt is gone, of the second is changed."""
    find = Store.find_by_isbn
    seen = []

    def find_between_others(store, number):
        seen.append(number)
        if len(seen) == 1:
            client.delete(path(book))
            client.post_json(BOOKS, RUST)
            return None
        return find(store, number)

    monkeypatch.setattr(Store, "find_by_isbn", find_between_others)
    client.put_json(f"{BOOKS}/isbn/{RUST['isbn']}", RUST, status=200)
    assert len(seen) == 2


def test_an_upsert_that_others_change_under_its_hands_is_tried_again(client, book, monkeypatch):
    """Of an `extra` of the same length, the book is read before it is written."""
    update = Store.update
    seen = []

    def update_after_others(store, *args, **more):
        if not seen:
            seen.append(book)
            client.put_json(path(book), {"stock": 7})
        return update(store, *args, **more)

    monkeypatch.setattr(Store, "update", update_after_others)
    changed = RUST | {"extra": {"publisher": "No Starch Press", "pages": 777}}
    answer = client.put_json(f"{BOOKS}/isbn/{RUST['isbn']}", changed).json
    assert (answer["extra"]["pages"], answer["stock"]) == (777, RUST["stock"])
    assert len(seen) == 1


def test_an_upsert_of_a_book_that_comes_and_goes_gives_up_in_the_end(client, book, monkeypatch):
    monkeypatch.setattr(Store, "find_by_isbn", lambda store, number: None)
    refused = client.put_json(f"{BOOKS}/isbn/{RUST['isbn']}", RUST, status=503)
    assert refused.headers["Retry-After"] == "1"


def lines(books):
    return "\n".join(map(json.dumps, books)).encode()


def table(books):
    file = io.StringIO()
    writer = csv.DictWriter(file, [*books[0]])
    writer.writeheader()
    writer.writerows({**each, "extra": json.dumps(each["extra"])} for each in books)
    return file.getvalue().encode()


FEEDS = [("application/x-ndjson", lines), ("text/csv", table)]


@pytest.mark.parametrize(("kind", "made"), FEEDS, ids=["ndjson", "csv"])
class TestImport:
    def send(self, client, kind, body, query=""):
        return ask(client, "POST", f"{BOOKS}/import?{query}", body, {"Content-Type": kind})

    def test_an_import_takes_books_as_they_were_read_and_changes_what_differs(
        self, client, kind, made
    ):
        books = [client.post_json(BOOKS, new_book(number)).json for number in range(3)]
        read = [each | {"available": 3} for each in books]
        read[1]["price"] = 11
        answer = self.send(client, kind, made(read))
        assert (answer.json["unchanged"], answer.json["updated"]) == (2, 1)
        for number in (0, 2):
            assert client.get(path(books[number])).json == books[number]

    def test_the_order_of_the_members_of_extra_is_no_change(self, client, kind, made, monkeypatch):
        monkeypatch.setattr(patches, "PAGE", 2)
        books = [
            client.post_json(
                BOOKS, new_book(number, extra={"a": number, "b": {"c": 1, "d": 2}})
            ).json
            for number in range(3)
        ]
        turned = [each | {"extra": dict(reversed(each["extra"].items()))} for each in books]
        turned[2]["extra"] |= {"a": 9}
        answer = self.send(client, kind, made(turned))
        assert (answer.json["unchanged"], answer.json["updated"]) == (2, 1)
        assert client.get(path(books[0])).json == books[0]

    def test_a_row_with_another_id_than_its_book_is_rejected(self, client, kind, made):
        books = [client.post_json(BOOKS, new_book(number)).json for number in range(3)]
        read = [
            books[0] | {"id": books[1]["id"], "price": 9}, books[1], books[2] | {"id": "x"},
            books[2] | {"isbn": isbn(4), "id": OTHER},
        ]  # fmt: skip
        refused = self.send(client, kind, made(read), "skip_invalid=true").json
        assert (refused["rejected"], refused["unchanged"], refused["created"]) == (3, 1, 0)
        assert {fault["field"] for each in refused["rejects"] for fault in each["faults"]} == {"id"}
        assert client.get(path(books[0])).json == books[0]

    def test_the_id_of_another_programs_file_is_not_ours(self, client, kind, made):
        """Where columns that are no field are passed over."""
        book = client.post_json(BOOKS, new_book(1)).json
        answer = self.send(client, kind, made([book | {"id": "77"}]), "column=isbn%3Disbn")
        assert answer.json["unchanged"] == 1


def test_a_cell_for_the_id_may_be_empty(client):
    body = f"id,isbn,title,author,price\n,{isbn(2)},T,A,1\n".encode()
    report = ask(client, "POST", f"{BOOKS}/import", body, {"Content-Type": "text/csv"}).json
    assert (report["created"], report["rejected"]) == (1, 0)
