"""A page of another origin in a real Chromium reads, creates and changes books (`cors.origins`)."""

from __future__ import annotations

import json
import sqlite3
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pyramid_bookstore.testing import isbn
from tests.storefront.chromium import chromium
from tests.support.processes import free_port
from tests.support.server import running_server
from tests.support.tokens import SECRET, claims, sign

KEY = SECRET.strip()  # an INI keeps no blanks at the end
BOOK = {"title": "From afar", "author": "A", "isbn": isbn(4712), "price": 5}

#: Calls the API as a page does; a request that the browser stops gives status 0.
SCRIPT = """
const [url, options, done] = arguments;
fetch(url, options).then(async answer => done({
  status: answer.status,
  headers: Object.fromEntries(answer.headers),
  body: await answer.text(),
})).catch(error => done({status: 0, body: String(error)}));
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def page(tmp_path):
    """The address of an empty page, on an origin of its own."""
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Shop</title>", "utf-8")
    with ThreadingHTTPServer(("127.0.0.1", free_port()), partial(Quiet, directory=folder)) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}"
        site.shutdown()


@pytest.fixture
def database(sqlite_backend):
    url = sqlite_backend.create()
    yield url
    sqlite_backend.drop(url)


def settings(database, page):
    return {
        "bookstore.sqlalchemy.url": database,
        "bookstore.statement_timeout": "500",
        "bookstore.cors.origins": page,
        "bookstore.auth": "jwt",
        "bookstore.jwt.key": KEY,
        "bookstore.jwt.algorithms": "HS256",
        "bookstore.roles.staff": "add edit",
        "bookstore.anonymous": "view",
    }


def test_a_page_of_a_listed_origin_can_do_what_its_user_may(database, page, tmp_path):
    token = {"Authorization": f"Bearer {sign(claims(), KEY, 'HS256')}"}
    kind = {"Content-Type": "application/json"}
    with running_server(settings(database, page)) as server, chromium(page, tmp_path) as window:
        window.open("/")

        def fetch(method, path, body=None, **headers):
            options = {"method": method, "headers": headers, "cache": "no-store"}
            if body is not None:
                options["body"] = json.dumps(body)
            url = f"{server.url}/api/v1{path}"
            return window.driver.execute_async_script(SCRIPT, url, options)

        listed = fetch("GET", "/books")
        assert (listed["status"], json.loads(listed["body"])["total"]) == (200, 0)
        assert 'rel="first"' in listed["headers"]["link"]
        assert listed["headers"]["x-request-id"]

        refused = fetch("POST", "/books", BOOK, **kind)
        assert json.loads(refused["body"])["error"] == "unauthorized"
        once = {"Idempotency-Key": "k" * 30}
        made = fetch("POST", "/books", BOOK, **token, **kind, **once)
        assert made["status"] == 201
        again = fetch("POST", "/books", BOOK, **token, **kind, **once)
        assert (again["status"], again["headers"]["idempotency-replayed"]) == (201, "true")
        path = made["headers"]["location"].partition("/api/v1")[2]
        tag = made["headers"]["etag"]

        changed = fetch("PUT", path, {"price": 6}, **token, **kind, **{"If-Match": tag})
        assert (changed["status"], json.loads(changed["body"])["price"]) == (200, 6)
        stale = fetch("PATCH", path, {"price": 7}, **token, **kind, **{"If-Match": tag})
        assert (stale["status"], stale["headers"]["etag"]) == (412, changed["headers"]["etag"])
        same = fetch("GET", path, **{"If-None-Match": changed["headers"]["etag"]})
        assert (same["status"], same["body"]) == (304, "")
        invalid = fetch("POST", "/books", {"title": ""}, **token, **kind)
        assert json.loads(invalid["body"])["error"] == "validation_failed"
        forbidden = fetch("DELETE", path, **token)
        assert json.loads(forbidden["body"])["error"] == "forbidden"
        assert json.loads(fetch("GET", "/books/none")["body"])["error"] == "not_found"

        file = fetch("GET", "/books/export?format=ndjson")
        assert (file["status"], json.loads(file["body"])["title"]) == (200, "From afar")

        with sqlite3.connect(database.removeprefix("sqlite:///"), isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            busy = fetch("PUT", path, {"price": 8}, **token, **kind)
            other.execute("ROLLBACK")
        other.close()
        assert json.loads(busy["body"])["error"] == "unavailable"
        assert int(busy["headers"]["retry-after"]) > 0


def test_a_page_of_another_origin_reads_nothing(database, page, tmp_path):
    elsewhere = settings(database, "https://shop.example")
    with running_server(elsewhere) as server, chromium(page, tmp_path) as window:
        window.open("/")
        url = f"{server.url}/api/v1/books"
        for options in ({}, {"method": "PUT"}, {"headers": {"If-Match": "*"}}):
            found = window.driver.execute_async_script(SCRIPT, url, options)
            assert (found["status"], found["body"]) == (0, "TypeError: Failed to fetch")
        assert any("has been blocked by CORS policy" in said for said in window.complaints())
