"""Books by ISBN: reading with any notation of the ISBN, and the upsert of a whole book."""

import pytest

from tests.support.api import BOOKS, RUST, ask, assert_problem, isbn, new_book

URL = f"{BOOKS}/isbn/9781718500440"


class TestRead:
    @pytest.mark.parametrize(
        "written",
        ["9781718500440", "978-1-7185-0044-0", "978%201%207185%200044%200", "1718500440",
         "1-7185-0044-0", "978%E2%80%931%E2%80%937185%E2%80%930044%E2%80%930", "%20%201718500440"],
    )  # fmt: skip
    def test_a_book_is_read_by_its_isbn_in_any_notation(self, client, written):
        book = client.post_json(BOOKS, RUST).json
        answer = client.get(f"{BOOKS}/isbn/{written}")
        assert answer.json == book
        assert answer.headers["Content-Location"] == f"{BOOKS}/{book['id']}"
        assert answer.headers["ETag"] == client.get(f"{BOOKS}/{book['id']}").headers["ETag"]

    def test_head_and_304_by_isbn_have_the_content_location(self, client):
        client.post_json(BOOKS, RUST)
        answer = client.get(URL)
        assert client.head(URL).headers["Content-Location"] == answer.headers["Content-Location"]
        again = client.get(URL, headers={"If-None-Match": answer.headers["ETag"]}, status=304)
        assert again.body == b""
        assert again.headers["Content-Location"] == answer.headers["Content-Location"]

    @pytest.mark.parametrize(
        "written", ["9780000000002", "0000000000000", "x", "978171850044", "%00", "9781718500441"]
    )
    def test_an_unknown_or_invalid_isbn_gets_404(self, client, written):
        client.post_json(BOOKS, RUST)
        answer = client.get(f"{BOOKS}/isbn/{written}", status=404)
        assert_problem(answer, 404, "not_found")

    @pytest.mark.parametrize(
        ("written", "why"),
        [
            ("9780441172718", "The check digit of the ISBN 9780441172718 is wrong"),
            ("123", "this one has 3."),
            ("x", "is written with the digits 0 to 9"),
            ("9790000000001", "979-0 is the prefix of printed music"),
        ],
    )
    def test_the_404_of_what_is_no_isbn_says_why(self, client, written, why):
        message = client.get(f"{BOOKS}/isbn/{written}", status=404).json["message"]
        assert message.startswith("There is no such book. ")
        assert why in message
        assert client.get(URL, status=404).json["message"] == "There is no such book."


class TestUpsert:
    def test_put_by_isbn_creates_a_book_and_then_replaces_it(self, client):
        created = client.put_json(URL, RUST, status=201)
        book = created.json
        assert created.headers["Location"] == f"http://localhost{BOOKS}/{book['id']}"
        assert created.headers["Content-Location"] == f"{BOOKS}/{book['id']}"
        assert client.get(f"{BOOKS}/{book['id']}").json == book

        whole = {"title": "T", "author": "A", "price": 1}
        replaced = client.put_json(URL, whole, status=200)
        assert "Location" not in replaced.headers
        assert replaced.headers["Content-Location"] == f"{BOOKS}/{book['id']}"
        expected = book | {"title": "T", "author": "A", "price": 1, "stock": 0}
        expected |= {"description": None, "extra": {}, "updated_at": replaced.json["updated_at"]}
        assert replaced.json == expected
        assert replaced.json["updated_at"] > book["updated_at"]
        assert replaced.headers["ETag"] != created.headers["ETag"]

    def test_put_by_isbn_accepts_other_notations_of_the_same_isbn(self, client):
        client.put_json(f"{BOOKS}/isbn/1-7185-0044-0", RUST | {"isbn": "1718500440"}, status=201)
        client.put_json(URL, RUST | {"isbn": "978 1 7185 0044 0"}, status=200)
        assert client.get(BOOKS).json["total"] == 1

    def test_put_by_isbn_refuses_another_isbn_in_the_body(self, client):
        refused = client.put_json(URL, RUST | {"isbn": isbn(5)}, status=422)
        assert_problem(refused, 422, "validation_failed", "isbn")

    def test_put_by_isbn_reports_all_invalid_fields_at_once(self, client):
        wrong = {"isbn": isbn(5), "price": "1", "stock": -1, "author": "A"}
        refused = client.put_json(URL, wrong, status=422)
        assert_problem(refused, 422, "validation_failed", "isbn", "title", "price", "stock")

    @pytest.mark.parametrize("given", [None, 5, "", "9781718500441", "x", []])
    def test_put_by_isbn_refuses_an_invalid_isbn_in_the_body(self, client, given):
        refused = client.put_json(URL, RUST | {"isbn": given}, status=422)
        assert_problem(refused, 422, "validation_failed", "isbn")

    @pytest.mark.parametrize("wrong", ["9780000000000", "x", "%00", "1718500441"])
    def test_put_by_isbn_refuses_an_invalid_isbn_in_the_path(self, client, wrong):
        book = {name: RUST[name] for name in RUST if name != "isbn"}
        refused = client.put_json(f"{BOOKS}/isbn/{wrong}", book, status=422)
        assert_problem(refused, 422, "validation_failed", "isbn")

    def test_put_by_isbn_needs_all_required_fields(self, client):
        client.put_json(URL, RUST)
        refused = client.put_json(URL, {"stock": 3}, status=422)
        assert_problem(refused, 422, "validation_failed", "title", "author", "price")
        assert client.get(URL).json["stock"] == RUST["stock"]

    def test_put_by_isbn_refuses_a_free_book_in_stock(self, client):
        refused = client.put_json(URL, RUST | {"price": 0}, status=422)
        assert_problem(refused, 422, "validation_failed", "price")

    def test_put_by_isbn_with_return_minimal_has_no_body(self, client):
        minimal = {"Prefer": "return=minimal"}
        created = client.put_json(URL, RUST, headers=minimal, status=201)
        assert (created.body, created.headers["Preference-Applied"]) == (b"", "return=minimal")
        replaced = client.put_json(URL, RUST, headers=minimal, status=204)
        assert replaced.headers["ETag"] == client.get(URL).headers["ETag"]


class TestConditions:
    def test_put_by_isbn_with_if_none_match_any_only_creates(self, client):
        only_new = {"If-None-Match": "*"}
        client.put_json(URL, RUST, headers=only_new, status=201)
        current = client.get(URL).headers["ETag"]
        refused = client.put_json(URL, RUST | {"stock": 1}, headers=only_new, status=412)
        assert_problem(refused, 412, "precondition_failed")
        assert refused.headers["ETag"] == current
        assert client.get(URL).json["stock"] == RUST["stock"]

    def test_put_by_isbn_with_if_match_only_replaces(self, client):
        refused = client.put_json(URL, RUST, headers={"If-Match": "*"}, status=412)
        assert_problem(refused, 412, "precondition_failed")
        assert "ETag" not in refused.headers
        assert client.get(BOOKS).json["total"] == 0
        tag = client.put_json(URL, RUST).headers["ETag"]
        client.put_json(URL, RUST | {"stock": 3}, headers={"If-Match": "*"}, status=200)
        stale = client.put_json(URL, RUST, headers={"If-Match": tag}, status=412)
        assert_problem(stale, 412, "precondition_failed")
        current = stale.headers["ETag"]
        client.put_json(URL, RUST | {"stock": 4}, headers={"If-Match": current}, status=200)
        assert client.get(URL).json["stock"] == 4

    def test_put_by_isbn_needs_a_condition_if_the_setting_requires_it(self, make_client):
        client = make_client({"bookstore.require_if_match": "true"})
        assert_problem(client.put_json(URL, RUST, status=428), 428, "precondition_required")
        client.put_json(URL, RUST, headers={"If-None-Match": "*"}, status=201)
        client.put_json(URL, RUST, headers={"If-Match": "*"}, status=200)


def test_the_path_books_isbn_is_the_route_of_a_book(client):
    """/books/isbn matches the route of a book with the id `isbn`, which does not exist."""
    assert_problem(ask(client, "GET", f"{BOOKS}/isbn"), 404, "not_found")
    assert_problem(ask(client, "POST", f"{BOOKS}/isbn", new_book()), 405, "method_not_allowed")
