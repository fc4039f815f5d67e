"""Conditional requests (RFC 9110, section 13)."""

import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from tests.support.api import BOOKS, RUST, ask, assert_problem

CHANGES = [("PUT", {"stock": 1}), ("PATCH", {"stock": 1}), ("PATCH", {"extra": {"x": 1}}),
           ("PUT", {}), ("DELETE", None), ("POST", {"delta": -1})]  # fmt: skip
FUTURE = "Fri, 31 Dec 2100 23:59:59 GMT"
PAST = "Sat, 01 Jan 2000 00:00:00 GMT"
NO_DATES = ["", "x", "0", "yesterday", "Sat, 32 Jan 2000 00:00:00 GMT", "2000-01-01T00:00:00Z",
            "Sat, 01 Jan 99999 00:00:00 GMT", "é" * 3000,
            "Sat, 01 Jan 2000 00:00:00 +99999999", "Fri, 31 Dec 9999 23:59:59 GMT",
            "Sat, 01 Jan 2000 25:00:00 GMT"]  # fmt: skip


@pytest.fixture
def url(client):
    return client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")


@pytest.fixture
def tag(client, url):
    return client.get(url).headers["ETag"]


def send(client, method, url, body, headers):
    """The change; that of the stock goes to its own path."""
    return ask(client, method, url + ("/stock" if method == "POST" else ""), body, headers)


def matching(tag):
    """Values of If-Match that hold."""
    return ["*", " * ", tag, f" {tag} ", f'"x", {tag}', f'{tag},"x"', f'W/"x" , {tag}',
            f'"",{tag}', f'"a,b", {tag}', f"{tag}, {tag}", f'W/{tag}, {tag}',
            f'"x",,{tag}', f", {tag}", f"{tag} , ,", f"\t,,{tag},\t"]  # fmt: skip


def failing(tag):
    """Values of If-Match that do not hold: other tags, weak ones, and what is no list of tags."""
    bare = tag.strip('"')
    return ["", " ", '"x"', '""', f"W/{tag}", bare, f'"{bare}', f"{tag} {tag}", f"*, {tag}",
            f"{tag}, *", f"{tag};", f"w/{tag}", '"0"', f'"0{bare}"', f'"{bare.upper()}x"', "W/*",
            f'"{"f" * 15}"', f'"{"f" * 16}"', f'"{"9" * 5000}"', '"-1"', '"1.5"', "'*'", '"*"',
            f"{tag}\x00", f'"{bare}é"', ",", ", ,", f'"{int(bare, 16) + 1:x}"', "**"]  # fmt: skip


class TestIfMatch:
    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_holds(self, client, url, method, body):
        for index in range(len(matching(""))):
            if method == "DELETE" and index:
                url = client.post_json(BOOKS, RUST).headers["Location"]
            tag = client.get(url).headers["ETag"]
            value = matching(tag)[index]
            answer = send(client, method, url, body, {"If-Match": value})
            assert answer.status_int == (204 if method == "DELETE" else 200), value

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_fails(self, client, url, tag, method, body):
        before = client.get(url).body
        for value in failing(tag):
            answer = send(client, method, url, body, {"If-Match": value})
            document = assert_problem(answer, 412, "precondition_failed")
            assert (document["etag"], answer.headers["ETag"]) == (tag, tag)
        assert client.get(url).body == before

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_of_no_book(self, client, url, method, body):
        client.delete(url)
        for value in ("*", '"1"'):
            answer = send(client, method, url, body, {"If-Match": value})
            assert_problem(answer, 404, "not_found")

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_more_tags_than_anybody_has(self, client, url, tag, method, body):
        """Every one is a parameter of the statement; databases take only so many."""
        value = ",".join(f'"{number:x}"' for number in range(70_000))
        answer = send(client, method, url, body, {"If-Match": f"{value},{tag}"})
        assert_problem(answer, 400, "bad_request")
        few = ",".join(f'"{number:x}"' for number in range(99))
        answer = send(client, method, url, body, {"If-Match": f"{few},{tag}"})
        assert answer.status_int in (200, 204)

    def test_a_refused_body_is_told_first(self, client, url):
        answer = ask(client, "PUT", url, {"stock": -1}, {"If-Match": '"x"'})
        assert_problem(answer, 422, "validation_failed", "stock")

    def test_a_stale_tag_says_which_is_fresh(self, client, url, tag):
        client.put_json(url, {"stock": 1})
        stale = ask(client, "PUT", url, {"stock": 2}, {"If-Match": tag})
        fresh = stale.headers["ETag"]
        assert ask(client, "PUT", url, {"stock": 2}, {"If-Match": fresh}).status_int == 200

    def test_a_book_made_anew_is_another(self, client, url, tag):
        """Same fields, same ISBN: the tag is of the version, not of what is in it."""
        client.delete(url)
        again = client.post_json(BOOKS, RUST)
        assert again.headers["ETag"] != tag


class TestRequired:
    @pytest.mark.parametrize(("method", "body"), [each for each in CHANGES if each[0] != "POST"])
    def test_428(self, make_client, method, body):
        client = make_client({"bookstore.require_if_match": "true"})
        url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
        answer = send(client, method, url, body, {})
        assert_problem(answer, 428, "precondition_required")
        headers = {"If-Match": client.get(url).headers["ETag"]}
        assert send(client, method, url, body, headers).status_int in (200, 204)

    def test_not_for_what_guards_itself(self, make_client):
        client = make_client({"bookstore.require_if_match": "true"})
        url = client.post_json(BOOKS, RUST, status=201).headers["Location"]
        assert client.post_json(f"{url}/stock", {"delta": -1}).json["stock"] == 99
        unmodified = {"If-Unmodified-Since": FUTURE}
        assert client.put_json(url, {"stock": 5}, headers=unmodified).json["stock"] == 5


class TestIfNoneMatchOnReads:
    @pytest.mark.parametrize(
        "value",
        [
            "*",
            "{tag}",
            "W/{tag}",
            '"x", {tag}',
            'W/"x",W/{tag} ',
            '"a,b" , {tag}',
            '"x",,{tag}',
            ", {tag}",
            "{tag}, ,",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_304(self, client, url, tag, method, value):
        answer = ask(client, method, url, headers={"If-None-Match": value.format(tag=tag)})
        assert (answer.status_int, answer.body) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["Last-Modified"]
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Content-Type" not in answer.headers
        assert "Content-Length" not in answer.headers

    @pytest.mark.parametrize("value", ['"x"', "", "W/*", "x", '"x", x', "{tag} {tag}", "'{tag}'"])
    def test_200(self, client, url, tag, value):
        answer = ask(client, "GET", url, headers={"If-None-Match": value.format(tag=tag)})
        assert answer.status_int == 200
        assert answer.headers["ETag"] == tag

    def test_changed_and_so_200(self, client, url, tag):
        client.put_json(url, {"stock": 1})
        assert client.get(url, headers={"If-None-Match": tag}).json["stock"] == 1

    def test_outranks_the_date(self, client, url):
        headers = {"If-None-Match": '"x"', "If-Modified-Since": FUTURE}
        assert ask(client, "GET", url, headers=headers).status_int == 200

    def test_of_no_book(self, client, url):
        client.delete(url)
        answer = ask(client, "GET", url, headers={"If-None-Match": "*"})
        assert_problem(answer, 404, "not_found")


class TestIfNoneMatchOnChanges:
    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_a_version_that_must_not_be(self, client, url, tag, method, body):
        for value in ("*", tag, f"W/{tag}", f'"1", {tag}'):
            answer = send(client, method, url, body, {"If-None-Match": value})
            assert_problem(answer, 412, "precondition_failed")
        answer = send(client, method, url, body, {"If-None-Match": '"1"', "If-Match": tag})
        assert answer.status_int in (200, 204)

    def test_both_conditions_must_hold(self, client, url, tag):
        answer = ask(client, "PUT", url, {"stock": 1}, {"If-Match": "*", "If-None-Match": tag})
        assert_problem(answer, 412, "precondition_failed")


class TestDates:
    def test_last_modified_is_updated_at(self, client, url):
        answer = client.get(url)
        moment = parsedate_to_datetime(answer.headers["Last-Modified"])
        assert moment.strftime("%Y-%m-%dT%H:%M:%S") == answer.json["updated_at"][:19]

    def test_not_modified_since(self, client, url):
        assert ask(client, "GET", url, headers={"If-Modified-Since": PAST}).status_int == 200
        # Within the second of the change a date cannot tell two versions apart.
        assert ask(client, "GET", url, headers={"If-Modified-Since": FUTURE}).status_int == 200
        time.sleep(1.05)
        last = client.get(url).headers["Last-Modified"]
        for since in (last, FUTURE):
            answer = ask(client, "GET", url, headers={"If-Modified-Since": since})
            assert (answer.status_int, answer.body) == (304, b"")
        assert ask(client, "GET", url, headers={"If-Modified-Since": PAST}).status_int == 200

    @pytest.mark.parametrize("date", NO_DATES)
    def test_what_is_no_date_is_passed_over(self, client, url, date):
        assert ask(client, "GET", url, headers={"If-Modified-Since": date}).status_int == 200
        answer = ask(client, "PUT", url, {"stock": 1}, {"If-Unmodified-Since": date})
        assert answer.status_int == 200

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_unmodified_since(self, client, url, method, body):
        for since in (PAST, "Sat, 01 Jan 0100 00:00:00 GMT"):
            answer = send(client, method, url, body, {"If-Unmodified-Since": since})
            assert_problem(answer, 412, "precondition_failed")
        now = client.get(url).headers["Last-Modified"]
        answer = send(client, method, url, body, {"If-Unmodified-Since": now})
        assert answer.status_int in (200, 204)

    def test_if_match_outranks_the_date(self, client, url):
        headers = {"If-Match": "*", "If-Unmodified-Since": PAST}
        assert ask(client, "PUT", url, {"stock": 1}, headers).status_int == 200

    def test_a_date_of_now(self, client, url):
        headers = {"If-Unmodified-Since": formatdate(time.time() + 5, usegmt=True)}
        assert ask(client, "DELETE", url, headers=headers).status_int == 204
