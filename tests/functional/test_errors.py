"""The contract's table of errors, row by row, with invalid bodies and headers of all kinds."""

import gzip
import io
import json
import logging

import pytest
from pyramid.httpexceptions import HTTPForbidden, HTTPFound, HTTPUnauthorized
from pyramid.security import Allowed, Denied

from pyramid_bookstore.events import BookCreated
from pyramid_bookstore.web.problems import PROBLEMS
from tests.support.api import BOOKS, RUST, FixedContent, ask, assert_problem, new_book

JSON = {"Content-Type": "application/json"}
VALID = json.dumps(RUST).encode()


class Policy:
    """A host's security policy: the user is in ``X-User``; the permissions are given."""

    def __init__(self, permitted, *, forgotten=()):
        self.permitted = permitted
        self.forgotten = list(forgotten)

    def identity(self, request):
        return request.headers.get("X-User")

    authenticated_userid = identity

    def permits(self, request, context, permission):
        allowed = permission in self.permitted
        return Allowed("") if allowed else Denied("")

    def remember(self, request, userid, **kw):
        return []

    def forget(self, request, **kw):
        return self.forgotten


class Unseekable(io.RawIOBase):
    """A body as a server passes it: readable once, not seekable; counts the bytes read."""

    def __init__(self, content):
        self._content = io.BytesIO(content)
        self.taken = 0

    def readable(self):
        return True

    def read(self, size=-1):
        part = self._content.read(size)
        self.taken += len(part)
        return part


def stream(content, *, length=None):
    """The environ of a request whose body is streamed; without length it is chunked."""
    body = Unseekable(content)
    environ = {
        "wsgi.input": body,
        "webob.is_body_seekable": False,
        "CONTENT_TYPE": JSON["Content-Type"],
    }
    if length is None:
        environ |= {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    else:
        environ["CONTENT_LENGTH"] = str(length)
    return body, environ


class TestProblemDocuments:
    def test_a_problem_document_has_exactly_the_documented_members(self, client):
        answer = ask(client, "GET", f"{BOOKS}/none")
        assert answer.json == {
            "type": "urn:bookstore:problem:not_found",
            "title": "Not found",
            "status": 404,
            "detail": "There is no such book.",
            "instance": f"{BOOKS}/none",
            "error": "not_found",
            "message": "There is no such book.",
        }

    @pytest.mark.parametrize(
        ("path", "instance"),
        [("/x%20y", "/x%20y"), ("/%E2%82%AC", "/%E2%82%AC"), ("/%22%3C%3E", "/%22%3C%3E"),
         ("/%FF", "/%FF"), ("/a;b=c,d", "/a;b=c,d"), ("/%0d%0a", "/%0D%0A"), ("/%00", "/%00"),
         ("/" + "x" * 5000, "/" + "x" * (2047 - len(BOOKS)))],
    )  # fmt: skip
    def test_instance_is_a_uri_reference_of_bounded_length(self, client, path, instance):
        answer = ask(client, "GET", BOOKS + path)
        assert answer.json["instance"] == BOOKS + instance

    def test_instance_contains_the_script_name(self, client):
        answer = ask(client, "GET", f"{BOOKS}/none", SCRIPT_NAME="/shop")
        assert answer.json["instance"] == f"/shop{BOOKS}/none"

    def test_every_error_code_has_a_status_and_a_title(self):
        from pyramid_bookstore import errors
        from pyramid_bookstore.web import errors as http_errors
        from pyramid_bookstore.web import problems

        def codes(cls):
            yield cls.code
            for sub in cls.__subclasses__():
                yield from codes(sub)

        known = set(codes(errors.BookstoreError))
        assert known == set(PROBLEMS), (http_errors, problems)

    def test_a_head_request_gets_the_error_headers_without_a_body(self, client):
        answer = ask(client, "HEAD", f"{BOOKS}/none")
        assert (answer.status_int, answer.body) == (404, b"")
        assert answer.headers["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("accept", ["text/html", "image/png;q=1", "*/*;q=0", "", "x", "é"])
    def test_the_header_accept_never_changes_the_answer(self, client, accept):
        """There is only one representation, so 406 would not help (RFC 9110, 15.5.7)."""
        headers = {"Accept": accept, "Accept-Language": "xx", "Accept-Charset": "utf-7"}
        assert ask(client, "GET", BOOKS, headers=headers).content_type == "application/json"
        answer = ask(client, "GET", f"{BOOKS}/none", headers=headers)
        assert_problem(answer, 404, "not_found")


class TestInvalidJSON:
    @pytest.mark.parametrize("body", [b"", b" \n\t", b"{", b'{"a":1,"a":1}', b"NaN", b"[" * 100_000,
                                      b"\xff\xfe{\x00}\x00", b'"\\ud800"',
                                      b"\xef\xbb\xbf{}"])  # fmt: skip
    def test_a_body_that_is_not_valid_json_gets_400_invalid_json(self, client, body):
        answer = ask(client, "POST", BOOKS, body, JSON)
        document = assert_problem(answer, 400, "invalid_json")
        assert len(document["detail"]) < 300

    def test_an_empty_body_without_a_content_type_gets_400_invalid_json(self, client):
        for method, path in (("POST", BOOKS), ("PUT", f"{BOOKS}/isbn/{RUST['isbn']}")):
            assert_problem(ask(client, method, path), 400, "invalid_json")

    def test_invalid_json_is_reported_with_its_line(self, client):
        answer = ask(client, "POST", BOOKS, b'{\n  "title": "x",\n  oops\n}', JSON)
        assert "line 3" in assert_problem(answer, 400, "invalid_json")["detail"]


class TestBadRequest:
    @pytest.mark.parametrize("query", ["search=%ff", "search=%", "search=%2", "%zz=1", "page=1%",
                                       "search=%C3%28", "search=%ED%A0%80",
                                       "%F4%90%80%80"])  # fmt: skip
    def test_a_malformed_query_string_gets_400_bad_request(self, client, query):
        book = client.post_json(BOOKS, RUST).json
        for path in (BOOKS, f"{BOOKS}/{book['id']}", f"{BOOKS}/isbn/{book['isbn']}"):
            assert_problem(ask(client, "GET", f"{path}?{query}"), 400, "bad_request")
        answer = ask(client, "DELETE", f"{BOOKS}/{book['id']}?{query}")
        assert_problem(answer, 400, "bad_request")

    def test_raw_query_bytes_must_be_utf_8(self, client):
        assert_problem(ask(client, "GET", BOOKS, QUERY_STRING="search=\xff"), 400, "bad_request")
        fine = ask(client, "GET", BOOKS, QUERY_STRING="search=\xc3\xa9")
        assert fine.status_int == 200

    def test_more_than_100_parameters_get_400_bad_request(self, client):
        query = "&".join(f"p{number}=1" for number in range(101))
        assert_problem(ask(client, "GET", f"{BOOKS}?{query}"), 400, "bad_request")

    @pytest.mark.parametrize(
        "path", ["%FF", "%C3%28", "x%ff/stock", "isbn/%ff", "%ED%A0%80", "%80"]
    )
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST", "OPTIONS", "TRACE"])
    def test_a_path_that_is_not_utf_8_gets_400_bad_request(self, client, method, path):
        assert_problem(ask(client, method, f"{BOOKS}/{path}"), 400, "bad_request")

    @pytest.mark.parametrize("path", ["/x%ff", "/api%ff/v1/books", "/api/v1x/%ff",
                                      "/api/v1/other/%ff",
                                      "/api/v1/booksellers/%ff"])  # fmt: skip
    def test_a_malformed_path_outside_our_routes_is_left_to_the_host(self, client, path):
        from pyramid.exceptions import URLDecodeError

        with pytest.raises(URLDecodeError):
            ask(client, "GET", path)

    @pytest.mark.parametrize(
        "length", ["x", "-1", "1.5", "1e3", "+5", "0x10", "٥", "1 2", "1,1", " "]
    )
    def test_a_malformed_content_length_gets_400_bad_request(self, client, length):
        answer = ask(client, "POST", BOOKS, VALID, JSON, CONTENT_LENGTH=length)
        assert_problem(answer, 400, "bad_request")

    @pytest.mark.parametrize("chunk", [VALID, VALID[:10], b""])
    def test_a_body_shorter_than_its_content_length_gets_400(self, client, chunk):
        _, environ = stream(chunk, length=len(VALID) + 1)
        assert_problem(ask(client, "POST", BOOKS, **environ), 400, "bad_request")
        answer = ask(client, "POST", BOOKS, chunk, JSON, CONTENT_LENGTH=str(len(VALID) + 1))
        assert_problem(answer, 400, "bad_request")
        assert client.get(BOOKS).json["total"] == 0


class TestPayloadTooLarge:
    def test_a_too_long_body_is_refused_by_its_content_length_unread(self, client):
        body, environ = stream(b" " * 2**21, length=2**21)
        assert_problem(ask(client, "POST", BOOKS, **environ), 413, "payload_too_large")
        assert body.taken == 0

    @pytest.mark.parametrize("length", [2**20 + 1, 2**63, "9" * 5000, "0" * 30 + "9" * 7])
    def test_a_too_large_content_length_of_any_size_gets_413(self, client, length):
        _, environ = stream(b"", length=length)
        assert_problem(ask(client, "POST", BOOKS, **environ), 413, "payload_too_large")

    def test_a_too_long_chunked_body_is_refused_without_reading_all_of_it(self, client):
        body, environ = stream(b" " * 2**22)
        assert_problem(ask(client, "POST", BOOKS, **environ), 413, "payload_too_large")
        assert body.taken <= 2**20 + 2**17

    @pytest.mark.parametrize("extra", [0, 1])
    @pytest.mark.parametrize("chunked", [True, False])
    def test_the_body_size_limit_is_exact_to_the_byte(self, make_client, extra, chunked):
        client = make_client({"bookstore.max_body_size": len(VALID)})
        content = VALID + b" " * extra
        _, environ = stream(content, length=None if chunked else len(content))
        answer = ask(client, "POST", BOOKS, **environ)
        assert answer.status_int == (413 if extra else 201)

    @pytest.mark.parametrize(("method", "path"), [("PUT", "/x"), ("PATCH", "/x"), ("POST",
                                                  "/x/stock"),
                                                  ("PUT", "/isbn/x")])  # fmt: skip
    def test_the_body_size_limit_applies_to_every_write(self, client, method, path):
        book = client.post_json(BOOKS, RUST).json
        path = path.replace("/x", f"/{book['id']}")
        answer = ask(client, method, BOOKS + path, b" " * (2**20 + 1), JSON)
        assert_problem(answer, 413, "payload_too_large")


class TestChunked:
    def test_a_chunked_body_without_a_length_is_read(self, client):
        _, environ = stream(VALID)
        answer = ask(client, "POST", BOOKS, **environ)
        assert (answer.status_int, answer.json["isbn"]) == (201, RUST["isbn"])

    def test_an_empty_chunked_body_gets_400_invalid_json(self, client):
        _, environ = stream(b"")
        assert_problem(ask(client, "POST", BOOKS, **environ), 400, "invalid_json")

    @pytest.mark.parametrize(("method", "path"), [("POST", ""), ("PUT", "/isbn/9780306406157")])
    def test_an_empty_chunked_body_without_a_type_gets_400_invalid_json(self, client, method, path):
        """The request has neither length nor type; the application finds the end of the body."""
        _, environ = stream(b"")
        del environ["CONTENT_TYPE"]
        assert_problem(ask(client, method, BOOKS + path, **environ), 400, "invalid_json")

    def test_a_chunked_body_without_a_type_gets_415(self, client):
        _, environ = stream(VALID)
        del environ["CONTENT_TYPE"]
        assert_problem(ask(client, "POST", BOOKS, **environ), 415, "unsupported_media_type")

    def test_bytes_beyond_the_content_length_are_ignored(self, client):
        _, environ = stream(VALID + b"garbage", length=len(VALID))
        assert ask(client, "POST", BOOKS, **environ).status_int == 201


class TestUnsupportedMediaType:
    @pytest.mark.parametrize(
        "kind",
        ["text/plain", "text/json", "application/xml", "application/x-www-form-urlencoded",
         "multipart/form-data; boundary=x", "application/jsonx", "application/json+x", "json",
         "*/*",
         "application/*", "application/json, text/plain", "application / json",
         "application/json é",
         "application/merge-patch+json", "application/problem+json", "application/ld+json", ";",
         "é"],
    )  # fmt: skip
    def test_other_media_types_get_415_with_the_accepted_ones(self, client, kind):
        answer = ask(client, "POST", BOOKS, VALID, {"Content-Type": kind})
        document = assert_problem(answer, 415, "unsupported_media_type")
        assert document["accepted"] == ["application/json"]
        assert answer.headers["Accept"] == "application/json"

    def test_a_body_without_a_content_type_gets_415(self, client):
        answer = ask(client, "POST", BOOKS, VALID)
        assert_problem(answer, 415, "unsupported_media_type")

    def test_the_415_of_patch_names_both_accepted_media_types(self, client):
        book = client.post_json(BOOKS, RUST).json
        answer = ask(
            client, "PATCH", f"{BOOKS}/{book['id']}", b"{}", {"Content-Type": "text/plain"}
        )
        document = assert_problem(answer, 415, "unsupported_media_type")
        assert set(document["accepted"]) == {"application/merge-patch+json", "application/json"}
        assert answer.headers["Accept-Patch"] == answer.headers["Accept"]

    @pytest.mark.parametrize(
        "charset",
        ["utf-7", "utf-16", "utf-32", "latin-1", "iso-8859-1", "us-ascii", "x", '"utf-7"', "UTF-7",
         '"latin-1', "utf_8_sig", "idna", "rot13", "zlib", "base64", "utf-8; charset=utf-7",
         "é", ""],
    )  # fmt: skip
    def test_a_charset_other_than_utf_8_gets_415(self, client, charset):
        kind = f"application/json; charset={charset}"
        answer = ask(client, "POST", BOOKS, VALID, {"Content-Type": kind})
        assert_problem(answer, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "kind",
        ["application/json;charset=utf-8", 'application/json; charset="UTF-8"', "APPLICATION/JSON",
         "application/json; Charset=Utf8", "application/json ; charset=utf-8", " application/json",
         "application/json; v=1", "application/json;", 'application/json; x="a;charset=utf-7"',
         "application/json; profile=x; charset=utf-8"],
    )  # fmt: skip
    def test_every_notation_of_application_json_in_utf_8_is_accepted(self, client, kind):
        answer = ask(client, "POST", BOOKS, VALID, {"Content-Type": kind})
        assert answer.status_int == 201

    @pytest.mark.parametrize(
        "encoding", ["gzip", "deflate", "br", "identity, gzip", "x", "GZIP", "é"]
    )
    def test_a_compressed_body_gets_415(self, client, encoding):
        body = gzip.compress(VALID)
        answer = ask(client, "POST", BOOKS, body, JSON | {"Content-Encoding": encoding})
        assert_problem(answer, 415, "unsupported_media_type")
        assert answer.headers["Accept-Encoding"] == "identity"

    def test_a_gzip_body_without_content_encoding_gets_400_invalid_json(self, client):
        answer = ask(client, "POST", BOOKS, gzip.compress(VALID), JSON)
        assert_problem(answer, 400, "invalid_json")


class TestPathOddities:
    @pytest.mark.parametrize(
        "odd",
        ["none", "0", "-1", "%00", "%20", "%2e%2e", "..", ".", "~", "%C3%A9", "%E2%80%AE",
         "'", '"',
         "<x>", "{{id}}", "{{{id}}}", "urn:uuid:{id}", "{id}%00", "{id}%20", "%20{id}", "{id};v=1",
         "{id}.json", "{id},{id}", "{bare}", "x" * 10_000, "null", "undefined", "NaN",
         "%D9%A1" * 36,
         "{id}%0A", "ZZZZZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZZZZZZZZZ", "_" * 36, "{id:.35}",
         "{{{id:.34}}}", "1_2_3456-1234-1234-1234-123456789012"],
    )  # fmt: skip
    def test_a_path_segment_that_is_not_an_id_gets_404(self, client, odd):
        book = client.post_json(BOOKS, RUST).json
        path = odd.format(id=book["id"], bare=book["id"].replace("-", ""))
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = ask(client, method, f"{BOOKS}/{path}", {} if method[0] == "P" else None)
            assert_problem(answer, 404, "not_found")
        assert client.get(BOOKS).json["total"] == 1

    @pytest.mark.parametrize("path", ["/api/v1//books", "//api/v1/books", "/api/v1/books//",
                                      "/api/v1/./books", "/api/v1/../v1/books", "/API/v1/books",
                                      "/api/v1/books;x", "/api/v1/books.json"])  # fmt: skip
    def test_paths_that_are_not_routes_get_404(self, client, path):
        assert ask(client, "GET", path).status_int == 404


class TestSecurity:
    def secured(self, make_client, *permitted, **options):
        policy = Policy(permitted, **options)
        return make_client(configure=lambda config: config.set_security_policy(policy))

    def test_an_anonymous_request_without_permission_gets_401_with_a_challenge(self, make_client):
        client = self.secured(make_client, "bookstore.view")
        assert ask(client, "GET", BOOKS).status_int == 200
        answer = ask(client, "POST", BOOKS, RUST)
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == 'Application realm="bookstore"'

    def test_the_401_has_the_challenge_of_the_policy_of_the_host(self, make_client):
        headers = [("Set-Cookie", "x=; Max-Age=0"), ("www-authenticate", 'Basic realm="shop"')]
        client = self.secured(make_client, forgotten=headers)
        answer = ask(client, "GET", BOOKS)
        assert_problem(answer, 401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="shop"'

    def test_a_known_user_without_permission_gets_403_without_a_challenge(self, make_client):
        client = self.secured(make_client)
        answer = ask(client, "DELETE", f"{BOOKS}/x", headers={"X-User": "anna"})
        document = assert_problem(answer, 403, "forbidden")
        assert (
            document["detail"] == "You may not do this: it needs the permission bookstore.delete."
        )
        assert "WWW-Authenticate" not in answer.headers

    def test_permission_is_checked_before_anything_else_is_reported(self, make_client):
        """A caller without permission gets no information about ids, bodies or parameters."""
        client = self.secured(make_client)
        for path in (BOOKS, f"{BOOKS}/none", f"{BOOKS}?page=0", f"{BOOKS}/none?x=1"):
            assert_problem(ask(client, "GET", path), 401, "unauthorized")
        answer = ask(client, "POST", BOOKS, b"{", {"Content-Type": "text/plain"})
        assert_problem(answer, 401, "unauthorized")

    def test_answers_are_cache_control_private_if_there_is_a_security_policy(self, make_client):
        client = self.secured(make_client, "bookstore.view")
        assert ask(client, "GET", BOOKS).headers["Cache-Control"] == "private, no-cache"

    def test_health_ready_and_options_need_no_permission(self, make_client):
        client = self.secured(make_client)
        assert ask(client, "GET", "/api/v1/health").status_int == 200
        assert ask(client, "GET", "/api/v1/ready").status_int == 200
        assert ask(client, "OPTIONS", BOOKS).status_int == 204

    @pytest.mark.parametrize("error", [HTTPForbidden, HTTPUnauthorized])
    def test_a_policy_that_raises_forbidden_or_unauthorized_is_a_refusal(self, make_client, error):
        class Raising(Policy):
            def permits(self, request, context, permission):
                raise error

        client = make_client(configure=lambda config: config.set_security_policy(Raising(())))
        assert_problem(ask(client, "GET", BOOKS), 401, "unauthorized")
        answer = ask(client, "GET", BOOKS, headers={"X-User": "anna"})
        document = assert_problem(answer, 403, "forbidden")
        assert document["message"] == "You may not do this."  # its reason is not known

    def test_a_policy_that_raises_a_redirect_redirects(self, make_client):
        class Redirecting(Policy):
            def permits(self, request, context, permission):
                raise HTTPFound("/login")

        client = make_client(configure=lambda config: config.set_security_policy(Redirecting(())))
        answer = ask(client, "GET", BOOKS)
        assert (answer.status_int, answer.headers["Location"]) == (302, "http://localhost/login")


class TestDefects:
    def failing(self, make_client, error):
        def configure(config):
            def fail(event):
                raise error

            config.add_subscriber(fail, BookCreated)

        return make_client(configure=configure)

    def test_a_defect_gets_500_without_details_which_are_only_in_the_log(self, make_client, caplog):
        client = self.failing(make_client, ZeroDivisionError("secret-of-the-host"))
        content = FixedContent(client)
        with caplog.at_level(logging.ERROR, logger="pyramid_bookstore"):
            answer = ask(client, "POST", BOOKS, RUST, {"X-Request-ID": "find-me"})
        assert_problem(answer, 500, "internal_error")
        for word in ("secret", "ZeroDivision", "Traceback", "sqlalchemy"):
            assert word not in answer.text
        assert "find-me" in caplog.text
        assert "secret-of-the-host" in caplog.text
        content.assert_untouched()

    def test_httpnotfound_from_a_subscriber_gets_404_and_writes_nothing(self, make_client):
        from pyramid.httpexceptions import HTTPNotFound

        client = self.failing(make_client, HTTPNotFound())
        content = FixedContent(client)
        assert_problem(ask(client, "POST", BOOKS, RUST), 404, "not_found")
        content.assert_untouched()


def test_a_refused_request_writes_nothing(client):
    book = client.post_json(BOOKS, RUST).json
    url = f"{BOOKS}/{book['id']}"
    content = FixedContent(client)
    for method, path, body in [
        ("POST", BOOKS, RUST),
        ("POST", BOOKS, new_book(price="1")),
        ("PUT", url, {"stock": -1, "title": "x"}),
        ("PATCH", url, {"title": None}),
        ("POST", f"{url}/stock", {"delta": -101}),
        ("PUT", f"{BOOKS}/isbn/{book['isbn']}", {"title": "x"}),
        ("DELETE", f"{url}?x=1", None),
    ]:
        assert ask(client, method, path, body).status_int in (409, 422)
    content.assert_untouched()
