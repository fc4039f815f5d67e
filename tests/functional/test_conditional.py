"""Conditional requests (RFC 9110, section 13)."""

import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from tests.support.api import BOOKS, RUST, ask, assert_problem, isbn

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
    """Send the change; a change of the stock is sent to its own path."""
    return ask(client, method, url + ("/stock" if method == "POST" else ""), body, headers)


def matching(tag):
    """Values of If-Match that hold."""
    return ["*", " * ", tag, f" {tag} ", f'"x", {tag}', f'{tag},"x"', f'W/"x" , {tag}',
            f'"",{tag}', f'"a,b", {tag}', f"{tag}, {tag}", f'W/{tag}, {tag}',
            f'"x",,{tag}', f", {tag}", f"{tag} , ,", f"\t,,{tag},\t"]  # fmt: skip


def failing(tag):
    """Values of If-Match that do not hold: other tags, weak tags and malformed lists."""
    bare = tag.strip('"')
    return ["", " ", '"x"', '""', f"W/{tag}", bare, f'"{bare}', f"{tag} {tag}", f"*, {tag}",
            f"{tag}, *", f"{tag};", f"w/{tag}", '"0"', f'"0{bare}"', f'"{bare.upper()}x"', "W/*",
            f'"{"f" * 15}"', f'"{"f" * 16}"', f'"{"9" * 5000}"', '"-1"', '"1.5"', "'*'", '"*"',
            f"{tag}\x00", f'"{bare}é"', ",", ", ,", f'"{int(bare, 16) + 1:x}"', "**"]  # fmt: skip


class TestIfMatch:
    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_a_change_with_a_matching_if_match_is_done(self, client, url, method, body):
        for index in range(len(matching(""))):
            if method == "DELETE" and index:
                url = client.post_json(BOOKS, RUST).headers["Location"]
            tag = client.get(url).headers["ETag"]
            value = matching(tag)[index]
            answer = send(client, method, url, body, {"If-Match": value})
            assert answer.status_int == (204 if method == "DELETE" else 200), value

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_a_change_with_a_failing_if_match_gets_412_with_the_current_etag(
        self, client, url, tag, method, body
    ):
        before = client.get(url).body
        for value in failing(tag):
            answer = send(client, method, url, body, {"If-Match": value})
            document = assert_problem(answer, 412, "precondition_failed")
            assert (document["etag"], answer.headers["ETag"]) == (tag, tag)
        assert client.get(url).body == before

    def test_the_412_says_what_is_wrong_with_a_tag_that_cannot_hold(self, client, url, tag):
        bare = tag.strip('"')
        for value in ("", bare, f'"x", {bare}', f"W/{bare}", f"{tag}, *", f"'{bare}'"):
            message = ask(client, "PUT", url, {"stock": 1}, {"If-Match": value}).json["message"]
            assert message.startswith("If-Match must be * or ETags"), value
            assert "quotation marks" in message
        for value in (f"W/{tag}", f'W/"x", W/{tag}'):
            message = ask(client, "PUT", url, {"stock": 1}, {"If-Match": value}).json["message"]
            assert message == "If-Match holds for strong ETags alone, which have no W/ before them."
        for value in ('"x"', f'"x", W/{tag}'):
            headers = {"If-Match": value, "If-None-Match": '"1"'}
            answer = ask(client, "PUT", url, {"stock": 1}, headers)
            assert answer.json["message"] == "The book is in another version."

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_if_match_on_a_deleted_book_gets_404(self, client, url, method, body):
        client.delete(url)
        for value in ("*", '"1"'):
            answer = send(client, method, url, body, {"If-Match": value})
            assert_problem(answer, 404, "not_found")

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_if_match_with_too_many_tags_gets_400(self, client, url, tag, method, body):
        """Each tag is a parameter of the statement, and databases limit their number."""
        value = ",".join(f'"{number:x}"' for number in range(70_000))
        answer = send(client, method, url, body, {"If-Match": f"{value},{tag}"})
        assert_problem(answer, 400, "bad_request")
        few = ",".join(f'"{number:x}"' for number in range(99))
        answer = send(client, method, url, body, {"If-Match": f"{few},{tag}"})
        assert answer.status_int in (200, 204)

    def test_an_invalid_body_is_reported_before_a_failing_if_match(self, client, url):
        answer = ask(client, "PUT", url, {"stock": -1}, {"If-Match": '"x"'})
        assert_problem(answer, 422, "validation_failed", "stock")

    def test_the_412_of_a_stale_tag_has_an_etag_that_works(self, client, url, tag):
        client.put_json(url, {"stock": 1})
        stale = ask(client, "PUT", url, {"stock": 2}, {"If-Match": tag})
        fresh = stale.headers["ETag"]
        assert ask(client, "PUT", url, {"stock": 2}, {"If-Match": fresh}).status_int == 200

    def test_a_book_deleted_and_created_again_has_another_etag(self, client, url, tag):
        """The tag identifies the version of a book, not its content."""
        client.delete(url)
        again = client.post_json(BOOKS, RUST)
        assert again.headers["ETag"] != tag


class TestRequireIfMatch:
    @pytest.mark.parametrize(("method", "body"), [each for each in CHANGES if each[0] != "POST"])
    def test_a_change_without_if_match_gets_428_if_the_setting_requires_it(
        self, make_client, method, body
    ):
        client = make_client({"bookstore.require_if_match": "true"})
        url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
        answer = send(client, method, url, body, {})
        assert_problem(answer, 428, "precondition_required")
        headers = {"If-Match": client.get(url).headers["ETag"]}
        assert send(client, method, url, body, headers).status_int in (200, 204)

    def test_stock_changes_and_if_unmodified_since_need_no_if_match(self, make_client):
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
    def test_a_read_with_a_matching_if_none_match_gets_304_without_a_body(
        self, client, url, tag, method, value
    ):
        answer = ask(client, method, url, headers={"If-None-Match": value.format(tag=tag)})
        assert (answer.status_int, answer.body) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert answer.headers["Last-Modified"]
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "Content-Type" not in answer.headers
        assert "Content-Length" not in answer.headers

    @pytest.mark.parametrize("value", ['"x"', "", "W/*", "x", '"x", x', "{tag} {tag}", "'{tag}'"])
    def test_a_read_with_another_or_malformed_if_none_match_gets_200(self, client, url, tag, value):
        answer = ask(client, "GET", url, headers={"If-None-Match": value.format(tag=tag)})
        assert answer.status_int == 200
        assert answer.headers["ETag"] == tag

    def test_a_read_with_the_old_etag_of_a_changed_book_gets_200(self, client, url, tag):
        client.put_json(url, {"stock": 1})
        assert client.get(url, headers={"If-None-Match": tag}).json["stock"] == 1

    def test_if_none_match_takes_precedence_over_if_modified_since(self, client, url):
        headers = {"If-None-Match": '"x"', "If-Modified-Since": FUTURE}
        assert ask(client, "GET", url, headers=headers).status_int == 200

    def test_if_none_match_on_a_deleted_book_gets_404(self, client, url):
        client.delete(url)
        answer = ask(client, "GET", url, headers={"If-None-Match": "*"})
        assert_problem(answer, 404, "not_found")


class TestIfNoneMatchOnChanges:
    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_a_change_with_a_matching_if_none_match_gets_412(self, client, url, tag, method, body):
        for value in ("*", tag, f"W/{tag}", f'"1", {tag}'):
            answer = send(client, method, url, body, {"If-None-Match": value})
            assert_problem(answer, 412, "precondition_failed")
        answer = send(client, method, url, body, {"If-None-Match": '"1"', "If-Match": tag})
        assert answer.status_int in (200, 204)

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_a_change_with_an_if_none_match_without_quotation_marks_gets_412(
        self, client, url, tag, method, body
    ):
        """What it excludes is unknown; it may be the version that there is."""
        for value in (tag.strip('"'), "x", f'"1", {tag.strip(chr(34))}'):
            answer = send(client, method, url, body, {"If-None-Match": value})
            document = assert_problem(answer, 412, "precondition_failed")
            assert document["message"].startswith("If-None-Match must be * or ETags")
            assert document["etag"] == tag

    def test_an_upsert_goes_by_the_tags_of_if_none_match(self, client, url, tag):
        """Where there is no such book, it has none of these versions, and is created."""
        book = client.get(url).json
        whole = {name: book[name] for name in ("title", "author", "price")} | {"stock": 9}
        by_isbn = f"{BOOKS}/isbn/{book['isbn']}"
        refused = ask(client, "PUT", by_isbn, whole, {"If-None-Match": tag})
        assert_problem(refused, 412, "precondition_failed")
        refused = ask(client, "PUT", by_isbn, whole, {"If-None-Match": "unquoted"})
        assert_problem(refused, 412, "precondition_failed")
        assert ask(client, "PUT", by_isbn, whole, {"If-None-Match": '"1"'}).status_int == 200
        other = f"{BOOKS}/isbn/{isbn(7)}"
        assert ask(client, "PUT", other, whole, {"If-None-Match": tag}).status_int == 201

    def test_the_412_of_a_tag_that_is_excluded_says_so(self, client, url, tag):
        for value in ("*", tag):
            answer = ask(client, "PUT", url, {"stock": 1}, {"If-None-Match": value})
            message = "The book is in a version that If-None-Match excludes."
            assert answer.json["message"] == message

    def test_a_change_is_done_only_if_if_match_and_if_none_match_hold(self, client, url, tag):
        answer = ask(client, "PUT", url, {"stock": 1}, {"If-Match": "*", "If-None-Match": tag})
        assert_problem(answer, 412, "precondition_failed")


class TestDates:
    def test_last_modified_is_updated_at(self, client, url):
        answer = client.get(url)
        moment = parsedate_to_datetime(answer.headers["Last-Modified"])
        assert moment.strftime("%Y-%m-%dT%H:%M:%S") == answer.json["updated_at"][:19]

    def test_if_modified_since_gets_304_only_a_second_after_the_change(self, client, url):
        assert ask(client, "GET", url, headers={"If-Modified-Since": PAST}).status_int == 200
        # Within the second of the change a date cannot distinguish two versions.
        assert ask(client, "GET", url, headers={"If-Modified-Since": FUTURE}).status_int == 200
        time.sleep(1.05)
        last = client.get(url).headers["Last-Modified"]
        for since in (last, FUTURE):
            answer = ask(client, "GET", url, headers={"If-Modified-Since": since})
            assert (answer.status_int, answer.body) == (304, b"")
        assert ask(client, "GET", url, headers={"If-Modified-Since": PAST}).status_int == 200

    @pytest.mark.parametrize("date", NO_DATES)
    def test_an_invalid_date_is_ignored(self, client, url, date):
        assert ask(client, "GET", url, headers={"If-Modified-Since": date}).status_int == 200
        answer = ask(client, "PUT", url, {"stock": 1}, {"If-Unmodified-Since": date})
        assert answer.status_int == 200

    @pytest.mark.parametrize(("method", "body"), CHANGES)
    def test_a_change_with_an_old_if_unmodified_since_gets_412(self, client, url, method, body):
        for since in (PAST, "Sat, 01 Jan 0100 00:00:00 GMT"):
            answer = send(client, method, url, body, {"If-Unmodified-Since": since})
            assert_problem(answer, 412, "precondition_failed")
        now = client.get(url).headers["Last-Modified"]
        answer = send(client, method, url, body, {"If-Unmodified-Since": now})
        assert answer.status_int in (200, 204)

    def test_if_match_takes_precedence_over_if_unmodified_since(self, client, url):
        headers = {"If-Match": "*", "If-Unmodified-Since": PAST}
        assert ask(client, "PUT", url, {"stock": 1}, headers).status_int == 200

    def test_if_unmodified_since_of_now_holds(self, client, url):
        headers = {"If-Unmodified-Since": formatdate(time.time() + 5, usegmt=True)}
        assert ask(client, "DELETE", url, headers=headers).status_int == 204
