"""Races with real threads: each has one winner, and every loser gets the right refusal."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.api import BOOKS, RUST, ask, assert_problem, isbn, new_book


@pytest.fixture
def url(client):
    return client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")


def race(client, requests):
    """The answers to requests that are sent at the same moment."""
    barrier = threading.Barrier(len(requests))

    def send(request):
        barrier.wait()
        return ask(client, *request)

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def statuses(answers):
    return Counter(answer.status_int for answer in answers)


class TestConditionalWrites:
    @pytest.mark.parametrize("method", ["PUT", "PATCH"])
    def test_of_a_hundred_writes_with_one_etag_one_wins_and_99_get_412(self, client, url, method):
        tag = {"If-Match": client.get(url).headers["ETag"]}
        answers = race(client, [(method, url, {"stock": n + 1_000}, tag) for n in range(100)])
        assert statuses(answers) == {200: 1, 412: 99}
        winner = next(answer for answer in answers if answer.status_int == 200)
        book = client.get(url)
        assert (book.json, book.headers["ETag"]) == (winner.json, winner.headers["ETag"])
        for answer in answers:
            if answer is not winner:
                assert_problem(answer, 412, "precondition_failed")
                assert answer.headers["ETag"] == winner.headers["ETag"]

    def test_of_a_hundred_conditional_deletes_one_wins_and_99_get_404(self, client, url):
        tag = {"If-Match": client.get(url).headers["ETag"]}
        answers = race(client, [("DELETE", url, None, tag)] * 100)
        assert statuses(answers) == {204: 1, 404: 99}

    def test_of_writes_and_deletes_with_one_etag_exactly_one_wins(self, client, url):
        tag = {"If-Match": client.get(url).headers["ETag"]}
        requests = [("PUT", url, {"stock": n + 1}, tag) for n in range(20)]
        answers = race(client, [*requests, *[("DELETE", url, None, tag)] * 20])
        counts = statuses(answers)
        assert counts[200] + counts[204] == 1
        assert set(counts) <= {200, 204, 404, 412}
        assert client.get(url, status="*").status_int == (200 if counts[200] else 404)

    def test_parallel_patches_of_extra_are_merged_or_refused(self, client, url):
        """Each adds a member; a patch that loses too often gets 503 and adds none."""
        client.put_json(url, {"extra": {}})
        names = [f"member{number}" for number in range(24)]
        patches = [("PATCH", url, {"extra": {name: 1}}) for name in names]
        answers = race(client, patches)
        assert set(statuses(answers)) <= {200, 503}
        assert statuses(answers)[200] >= 1
        done = {
            name for name, answer in zip(names, answers, strict=True) if answer.status_int == 200
        }
        assert set(client.get(url).json["extra"]) == done
        for answer in answers:
            if answer.status_int == 503:
                assert_problem(answer, 503, "unavailable")
                assert answer.headers["Retry-After"] == "1"


class TestIsbns:
    def test_of_parallel_creates_with_one_isbn_one_wins_and_49_get_409(self, client):
        answers = race(client, [("POST", BOOKS, new_book(7, stock=n)) for n in range(50)])
        assert statuses(answers) == {201: 1, 409: 49}
        for answer in answers:
            if answer.status_int == 409:
                assert assert_problem(answer, 409, "conflict", "isbn")["field"] == "isbn"
        winner = next(answer for answer in answers if answer.status_int == 201)
        assert client.get(BOOKS).json["data"] == [winner.json]
        assert client.get(BOOKS).json["total"] == 1

    def test_of_parallel_changes_to_one_isbn_one_wins_and_19_get_409(self, client):
        """The unique index decides, not a read before the write."""
        books = [client.post_json(BOOKS, new_book(n)).json["id"] for n in range(20)]
        wanted = {"isbn": isbn(99), "stock": 77}
        answers = race(client, [("PUT", f"{BOOKS}/{each}", wanted) for each in books])
        assert statuses(answers) == {200: 1, 409: 19}
        stocks = Counter(book["stock"] for book in client.get(f"{BOOKS}?limit=100").json["data"])
        assert stocks == {77: 1, 5: 19}

    def test_two_books_that_swap_their_isbns_both_get_409(self, client):
        """The requests must not block each other."""
        first, second = (client.post_json(BOOKS, new_book(n)).json for n in range(2))
        requests = [
            ("PUT", f"{BOOKS}/{first['id']}", {"isbn": second["isbn"]}),
            ("PUT", f"{BOOKS}/{second['id']}", {"isbn": first["isbn"]}),
        ]
        assert statuses(race(client, requests * 10)) == {409: 20}

    def test_parallel_upserts_of_one_isbn_create_one_book(self, client):
        path = f"{BOOKS}/isbn/{isbn(7)}"
        answers = race(client, [("PUT", path, new_book(7, stock=n + 1)) for n in range(50)])
        assert statuses(answers) == {201: 1, 200: 49}
        assert len({answer.json["id"] for answer in answers}) == 1
        assert len({answer.headers["ETag"] for answer in answers}) == 50
        last = max(answers, key=lambda answer: answer.json["updated_at"])
        assert client.get(path).json == last.json
        assert client.get(BOOKS).json["total"] == 1

    def test_of_parallel_create_only_upserts_one_wins_and_29_get_412(self, client):
        only_new = {"If-None-Match": "*"}
        path = f"{BOOKS}/isbn/{isbn(7)}"
        answers = race(client, [("PUT", path, new_book(7), only_new)] * 30)
        assert statuses(answers) == {201: 1, 412: 29}


class TestDeletes:
    def test_of_parallel_deletes_of_one_book_one_wins_and_49_get_404(self, client, url):
        assert statuses(race(client, [("DELETE", url)] * 50)) == {204: 1, 404: 49}

    def test_a_delete_parallel_to_creates_of_its_isbn_leaves_at_most_one_book(self, client, url):
        """At most one of the creates can succeed."""
        answers = race(client, [("DELETE", url), *[("POST", BOOKS, RUST)] * 10])
        counts = statuses(answers)
        assert counts[204] == 1
        assert counts[201] <= 1
        assert counts[201] + counts[409] == 10
        assert client.get(BOOKS).json["total"] == counts[201]


class TestStock:
    def test_no_copy_is_sold_twice(self, client, url):
        client.put_json(url, {"stock": 30})
        answers = race(client, [("POST", f"{url}/stock", {"delta": -1})] * 60)
        assert statuses(answers) == {200: 30, 409: 30}
        left = sorted(each.json["stock"] for each in answers if each.status_int == 200)
        assert left == [*range(30)]
        for answer in answers:
            if answer.status_int == 409:
                assert assert_problem(answer, 409, "insufficient_stock")["available"] >= 0
        assert client.get(url).json["stock"] == 0

    def test_parallel_changes_never_make_a_book_free_and_in_stock(self, client, url):
        """The refusal of the later request names the field."""
        for _ in range(5):
            client.put_json(url, {"price": 5, "stock": 0})
            requests = [("PUT", url, {"price": 0}), ("PUT", url, {"stock": 3}),
                        ("POST", f"{url}/stock", {"delta": 2})] * 4  # fmt: skip
            answers = race(client, requests)
            for answer in answers:
                if answer.status_int != 200:
                    document = assert_problem(answer, 422, "validation_failed")
                    assert document["details"][0]["field"] in ("price", "delta")
            book = client.get(url).json
            assert (book["price"] == 0) != (book["stock"] > 0)
            assert 200 in statuses(answers)


def test_readers_never_see_half_of_a_change(client, url):
    """A writer changes two fields together, and no reader sees only one of the changes."""
    client.put_json(url, {"title": "n0", "stock": 0})
    stop = threading.Event()
    seen = []

    def read():
        while not stop.is_set():
            for book in (client.get(url).json, *client.get(BOOKS).json["data"]):
                seen.append((book["title"], f"n{book['stock']}"))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for number in range(60):
            client.put_json(url, {"title": f"n{number}", "stock": number})
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert seen
    assert all(title == stock for title, stock in seen)


def test_parallel_changes_each_have_their_own_etag(client, url):
    """Also for changes in quick succession, no two versions of a book have the same ETag."""
    answers = race(client, [("PUT", url, {"stock": n + 1}) for n in range(50)])
    assert statuses(answers) == {200: 50}
    assert len({answer.headers["ETag"] for answer in answers}) == 50
