"""A book by its id: create, read, PUT, PATCH, DELETE and stock."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.support.api import BOOKS, RUST, ask, assert_problem, isbn, new_book

FIELDS = [
    "id", "title", "author", "isbn", "price", "stock", "description", "extra",
    "created_at", "updated_at",
]  # fmt: skip


@pytest.fixture
def book(client):
    return client.post_json(BOOKS, RUST, status=201).json


@pytest.fixture
def url(book):
    return f"{BOOKS}/{book['id']}"


class TestCreate:
    def test_creating_answers_the_whole_book_with_location_and_etag(self, client):
        answer = client.post_json(BOOKS, RUST, status=201)
        book = answer.json
        assert [name for name in book if name in FIELDS] == FIELDS
        assert {name: book[name] for name in RUST} == RUST
        assert answer.headers["Location"] == f"http://localhost{BOOKS}/{book['id']}"
        assert re.fullmatch(r'"[0-9a-f]+"', answer.headers["ETag"])
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert client.get(answer.headers["Location"]).json == book

    def test_fields_left_out_on_create_get_their_defaults(self, client):
        only = {name: RUST[name] for name in ("title", "author", "isbn", "price")}
        book = client.post_json(BOOKS, only).json
        assert (book["stock"], book["description"], book["extra"]) == (0, None, {})

    def test_ids_are_uuid7_and_ascend_in_order_of_creation(self, client):
        ids = [client.post_json(BOOKS, new_book(number)).json["id"] for number in range(5)]
        assert ids == sorted(ids)
        assert {UUID(each).version for each in ids} == {7}

    def test_a_new_book_has_equal_utc_timestamps_of_now(self, client):
        book = client.post_json(BOOKS, RUST).json
        assert book["created_at"] == book["updated_at"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", book["created_at"])
        moment = datetime.fromisoformat(book["created_at"])
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)

    @pytest.mark.parametrize(
        "written",
        ["978-1-7185-0044-0", "978 1 7185 0044 0", "978–1–7185–0044–0", " 9781718500440 ",
         "1718500440", "1-7185-0044-0", "1 7185 0044 0"],
    )  # fmt: skip
    def test_an_isbn_in_any_notation_is_stored_as_isbn_13(self, client, written):
        book = client.post_json(BOOKS, RUST | {"isbn": written}, status=201).json
        assert book["isbn"] == "9781718500440"

    def test_an_isbn_10_that_ends_in_x_is_stored_as_isbn_13(self, client):
        for number, written in enumerate(["080442957X", "0-8044-2957-x"]):
            status = 409 if number else 201
            client.post_json(BOOKS, RUST | {"isbn": written}, status=status)
        assert client.get(BOOKS).json["data"][0]["isbn"] == "9780804429573"

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [(b"0.01", b"0.01"), (b"99999999.99", b"99999999.99"), (b"1", b"1.00"), (b"1.5", b"1.50"),
         (b"1.50", b"1.50"), (b"1.500000", b"1.50"), (b"1e2", b"100.00"), (b"199e-2", b"1.99"),
         (b"0.1", b"0.10"), (b"8.29", b"8.29"), (b"1.005e1", b"10.05"), (b"33333333.33",) * 2],
    )  # fmt: skip
    def test_prices_are_stored_and_shown_exactly_with_two_decimals(self, client, sent, kept):
        body = b'{"title": "T", "author": "A", "isbn": "9781718500440", "price": %s}' % sent
        book = ask(client, "POST", BOOKS, body, {"Content-Type": "application/json"})
        assert book.status_int == 201
        assert b'"price":%s,' % kept in book.body
        assert b'"price":%s,' % kept in ask(client, "GET", BOOKS).body

    @pytest.mark.parametrize("zero", [b"0", b"0.00", b"-0", b"-0.0", b"0e5"])
    def test_every_notation_of_zero_is_a_price_of_0_00(self, client, zero):
        body = b'{"title": "T", "author": "A", "isbn": "9781718500440", "price": %s}' % zero
        book = ask(client, "POST", BOOKS, body, {"Content-Type": "application/json"})
        assert b'"price":0.00,"stock":0,' in book.body

    @pytest.mark.parametrize("stock", [0, 1, 2**31 - 1])
    def test_a_stock_from_0_to_its_maximum_is_accepted(self, client, stock):
        assert client.post_json(BOOKS, RUST | {"stock": stock}).json["stock"] == stock

    @pytest.mark.parametrize(
        ("sent", "kept"),
        [("  Momo \t\n", "Momo"), ("Mo\u0301mo", "M\u00f3mo"), ("x" * 255, "x" * 255),
         ("ß" * 255, "ß" * 255), ("😀" * 255, "😀" * 255), (" " + "x" * 255 + " ", "x" * 255),
         ("o\u0308" * 255, "\u00f6" * 255), ("<b>&amp;\"'\\", "<b>&amp;\"'\\"), ("%_", "%_"),
         ("a  b", "a  b"), ("\u200f\u05d0", "\u05d0"), ("'); DROP TABLE x;--",) * 2,
         ("\u007f\u0001x", "x"), ("\ufffe\uffff", "\ufffe\uffff")],
    )  # fmt: skip
    def test_title_and_author_are_trimmed_and_normalized_to_nfc(self, client, sent, kept):
        book = client.post_json(BOOKS, RUST | {"title": sent, "author": sent}, status=201).json
        assert (book["title"], book["author"]) == (kept, kept)
        assert client.get(f"{BOOKS}/{book['id']}").json == book

    @pytest.mark.parametrize("text", [None, "", "x", " kept as it is\n\n", "é" * 10_000])
    def test_a_description_is_kept_unchanged(self, client, text):
        book = client.post_json(BOOKS, RUST | {"description": text}, status=201).json
        assert book["description"] == text

    def test_extra_keeps_the_digits_of_its_numbers_and_the_order_of_its_keys(self, client):
        extra = (
            b'{"z":1,"a":[1.10,1e3,-0.001,12345678901234567890.5,true,false,null,""],'
            b'"nested":{"x":{"y":[{}]}},"big":9223372036854775807,"text":"\xc3\xa9\xf0\x9f\x98\x80"}'
        )
        body = b'{"title":"T","author":"A","isbn":"9781718500440","price":1,"extra":%s}' % extra
        created = ask(client, "POST", BOOKS, body, {"Content-Type": "application/json"})
        assert created.status_int == 201
        read = ask(client, "GET", f"{BOOKS}/{created.json['id']}")
        assert read.body == created.body
        kept = created.body.partition(b'"extra":')[2].partition(b',"created_at"')[0]
        # The same digits; 1e3 may be written otherwise, as long as it is the same number.
        assert b'"a":[1.10,' in kept
        assert b"12345678901234567890.5" in kept
        assert b'"big":9223372036854775807' in kept
        assert created.json["extra"]["a"][1] == 1000
        assert list(created.json["extra"]) == ["z", "a", "nested", "big", "text"]

    def test_extra_may_have_16_kib_and_not_a_byte_more(self, client):
        extra = {"x": "y" * (16_384 - len('{"x":""}'))}
        assert client.post_json(BOOKS, RUST | {"extra": extra}, status=201).json["extra"] == extra
        extra["x"] += "y"
        refused = client.post_json(BOOKS, new_book(extra=extra), status=422)
        assert_problem(refused, 422, "validation_failed", "extra")

    def test_creating_reports_all_invalid_fields_at_once(self, client):
        wrong = {
            "title": " ", "isbn": "1", "price": -1, "stock": True, "description": 5, "extra": [],
            "id": "x", "colour": "red",
        }  # fmt: skip
        document = assert_problem(
            client.post_json(BOOKS, wrong, status=422), 422, "validation_failed",
            "title", "author", "isbn", "price", "stock", "description", "extra", "id", "colour",
        )  # fmt: skip
        assert {detail["pointer"] for detail in document["details"]} == {
            f"/{detail['field']}" for detail in document["details"]
        }

    def test_a_free_book_in_stock_is_reported_only_if_all_fields_are_valid(self, client):
        free = RUST | {"price": 0, "stock": 1}
        refused = client.post_json(BOOKS, free, status=422)
        assert_problem(refused, 422, "validation_failed", "price")
        also_wrong = client.post_json(BOOKS, free | {"title": ""}, status=422)
        assert_problem(also_wrong, 422, "validation_failed", "title")


class TestRead:
    def test_head_has_the_headers_of_get_and_no_body(self, client, url):
        got, headed = client.get(url), client.head(url)
        assert headed.body == b""
        for response in (got, headed):
            del response.headers["X-Request-ID"]
        assert headed.headers == got.headers
        assert got.headers["Content-Length"] == str(len(got.body))

    def test_a_book_is_sent_with_cache_control_no_cache(self, client, url):
        assert client.get(url).headers["Cache-Control"] == "no-cache"

    def test_an_id_in_upper_case_finds_the_same_book(self, client, book):
        assert client.get(f"{BOOKS}/{book['id'].upper()}").json == book

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"])
    def test_every_method_on_an_unknown_id_gets_404(self, client, method):
        path = f"{BOOKS}/{uuid4()}" + ("/stock" if method == "POST" else "")
        body = {"delta": 1} if method == "POST" else {"stock": 1}
        response = ask(client, method, path, None if method in ("GET", "HEAD") else body)
        if method == "HEAD":
            assert (response.status_int, response.body) == (404, b"")
        else:
            assert_problem(response, 404, "not_found")


class TestPut:
    @pytest.mark.parametrize("name", ["title", "author", "isbn", "price", "stock", "description"])
    def test_put_of_one_field_changes_only_that_field(self, client, book, url, name):
        value = {"title": "T", "author": "A", "isbn": isbn(7), "price": 1.25, "stock": 7,
                 "description": None}[name]  # fmt: skip
        changed = client.put_json(url, {name: value}).json
        assert changed == book | {name: value, "updated_at": changed["updated_at"]}
        assert changed["updated_at"] > book["updated_at"]
        assert client.get(url).json == changed

    def test_put_replaces_extra_as_a_whole(self, client, url):
        assert client.put_json(url, {"extra": {"a": 1}}).json["extra"] == {"a": 1}

    def test_put_of_no_fields_changes_neither_book_nor_etag(self, client, book, url):
        answer = client.put_json(url, {})
        assert answer.json == book
        assert answer.headers["ETag"] == client.get(url).headers["ETag"]

    def test_put_of_the_books_own_isbn_is_accepted(self, client, book, url):
        assert client.put_json(url, {"isbn": "1-7185-0044-0"}).json["isbn"] == book["isbn"]

    def test_put_of_an_isbn_of_another_book_is_a_conflict_and_changes_nothing(self, client, url):
        other = client.post_json(BOOKS, new_book(1)).json
        refused = client.put_json(url, {"isbn": other["isbn"], "stock": 1}, status=409)
        assert assert_problem(refused, 409, "conflict", "isbn")["field"] == "isbn"
        assert client.get(url).json["stock"] == RUST["stock"]

    def test_no_sequence_of_puts_makes_a_book_free_and_in_stock(self, client, url):
        refused = client.put_json(url, {"price": 0}, status=422)
        assert_problem(refused, 422, "validation_failed", "price")
        assert client.put_json(url, {"price": 0, "stock": 0}).json["price"] == 0
        refused = client.put_json(url, {"stock": 1}, status=422)
        assert_problem(refused, 422, "validation_failed", "price")
        assert client.put_json(url, {"stock": 1, "price": 0.01}).json["stock"] == 1

    def test_every_put_of_another_value_changes_updated_at_and_etag(self, client, url):
        answers = [client.put_json(url, {"stock": stock}) for stock in (1, 2, 1, 2, 1)]
        times = [answer.json["updated_at"] for answer in answers]
        assert times == sorted(set(times))
        assert len({answer.headers["ETag"] for answer in answers}) == 5

    def test_put_of_null_for_a_required_field_is_refused(self, client, url):
        nulls = dict.fromkeys(["title", "author", "isbn", "price", "stock", "extra"])
        refused = client.put_json(url, nulls, status=422)
        assert_problem(refused, 422, "validation_failed", *nulls)


class TestPatch:
    @pytest.mark.parametrize("kind", ["application/merge-patch+json", "application/json"])
    def test_patch_accepts_json_and_merge_patch_json(self, client, url, kind):
        assert client.patch(url, '{"stock": 3}', content_type=kind).json["stock"] == 3

    def test_patch_with_null_resets_an_optional_field_to_its_default(self, client, url):
        patched = client.patch_json(url, {"stock": None, "description": None, "extra": None}).json
        assert (patched["stock"], patched["description"], patched["extra"]) == (0, None, {})

    def test_patch_with_null_for_a_required_field_is_refused(self, client, url):
        nulls = dict.fromkeys(["title", "author", "isbn", "price"])
        refused = client.patch_json(url, nulls, status=422)
        assert_problem(refused, 422, "validation_failed", *nulls)

    def test_patch_merges_extra_recursively(self, client, url):
        client.put_json(url, {"extra": {"a": {"x": 1, "y": 2}, "b": [1, 2], "c": 3}})
        patch = {"extra": {"a": {"y": None, "z": {"deep": None, "er": 1}}, "b": [3], "d": {}}}
        merged = client.patch_json(url, patch).json["extra"]
        assert merged == {"a": {"x": 1, "z": {"er": 1}}, "b": [3], "c": 3, "d": {}}

    def test_patch_is_refused_if_the_merged_extra_is_too_large(self, client, url):
        half = {"a": "x" * 10_000}
        client.put_json(url, {"extra": half})
        refused = client.patch_json(url, {"extra": {"b": "x" * 10_000}}, status=422)
        assert_problem(refused, 422, "validation_failed", "extra")
        assert client.get(url).json["extra"] == half

    @pytest.mark.parametrize("extra", [[], "x", 5, True])
    def test_patch_refuses_an_extra_that_is_not_an_object(self, client, url, extra):
        refused = client.patch_json(url, {"extra": extra}, status=422)
        assert_problem(refused, 422, "validation_failed", "extra")


class TestDelete:
    def test_deleting_answers_204_without_a_body_and_then_404(self, client, url):
        answer = client.delete(url, status=204)
        assert answer.body == b""
        assert "Content-Type" not in answer.headers
        assert "Content-Length" not in answer.headers
        assert_problem(client.delete(url, status=404), 404, "not_found")

    def test_the_isbn_of_a_deleted_book_may_be_used_again(self, client, book, url):
        client.delete(url)
        again = client.post_json(BOOKS, RUST, status=201).json
        assert again["id"] != book["id"]


class TestStock:
    def test_a_stock_change_adds_its_delta_and_answers_the_book(self, client, book, url):
        sold = client.post_json(f"{url}/stock", {"delta": -3})
        assert sold.json == book | {"stock": 97, "updated_at": sold.json["updated_at"]}
        assert sold.json["updated_at"] > book["updated_at"]
        assert sold.headers["ETag"] == client.get(url).headers["ETag"]
        assert client.post_json(f"{url}/stock", {"delta": 5}).json["stock"] == 102
        assert client.post_json(f"{url}/stock", {"delta": -102}).json["stock"] == 0

    def test_a_stock_change_below_zero_is_refused_and_changes_nothing(self, client, url):
        refused = client.post_json(f"{url}/stock", {"delta": -101}, status=409)
        document = assert_problem(refused, 409, "insufficient_stock")
        assert document["available"] == 100
        assert client.get(url).json["stock"] == 100

    def test_a_stock_change_above_the_maximum_is_refused(self, client, url):
        room = 2**31 - 1 - 100
        refused = client.post_json(f"{url}/stock", {"delta": room + 1}, status=422)
        assert_problem(refused, 422, "validation_failed", "delta")
        assert client.post_json(f"{url}/stock", {"delta": room}).json["stock"] == 2**31 - 1
        refused = client.post_json(f"{url}/stock", {"delta": 2**31 - 1}, status=422)
        assert_problem(refused, 422, "validation_failed", "delta")
        assert client.post_json(f"{url}/stock", {"delta": -(2**31 - 1)}).json["stock"] == 0

    def test_the_stock_of_a_free_book_cannot_be_changed(self, client):
        free = client.post_json(BOOKS, new_book(price=0, stock=0)).json
        refused = client.post_json(f"{BOOKS}/{free['id']}/stock", {"delta": 1}, status=422)
        assert_problem(refused, 422, "validation_failed", "delta")
        refused = client.post_json(f"{BOOKS}/{free['id']}/stock", {"delta": -1}, status=409)
        assert assert_problem(refused, 409, "insufficient_stock")["available"] == 0

    def test_a_stock_change_of_zero_is_accepted(self, client, url):
        assert client.post_json(f"{url}/stock", {"delta": 0}).json["stock"] == 100


def test_urls_in_answers_have_the_route_prefix_and_the_script_name(make_client):
    """Checked for the headers Location and Link."""
    client = make_client({"bookstore.prefix": "/v2"}, route_prefix="shop")
    created = ask(client, "POST", "/shop/v2/books", new_book(), SCRIPT_NAME="/app")
    assert created.headers["Location"].startswith("http://localhost/app/shop/v2/books/")
    page = ask(client, "GET", "/shop/v2/books", SCRIPT_NAME="/app")
    assert page.headers["Link"].startswith("</app/shop/v2/books>;")
