"""`/docs`: the page, its files, and the page without the extra that has Swagger UI."""

from __future__ import annotations

import re

import pytest

from pyramid_bookstore.description import page
from tests.support.api import API, ask, assert_problem

SETTINGS = {"bookstore.sqlalchemy.url": "sqlite://", "bookstore.title": "Shop <&> Sons"}


@pytest.fixture
def app(make_app):
    return make_app(SETTINGS)


@pytest.fixture
def without_extra(monkeypatch):
    """As if flask-swagger-ui were not installed."""
    find = page.importlib.util.find_spec
    monkeypatch.setattr(
        page.importlib.util,
        "find_spec",
        lambda name: None if name == "flask_swagger_ui" else find(name),
    )
    page.swagger_folder.cache_clear()
    page.asset.cache_clear()
    yield
    page.swagger_folder.cache_clear()
    page.asset.cache_clear()


def addresses(html):
    return re.findall(r'(?:src|href)="([^"]*)"', html)


def test_the_docs_page_links_only_to_existing_files_of_its_own_host(app):
    answer = ask(app, "GET", f"{API}/docs")
    assert answer.status_int == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Shop &lt;&amp;&gt; Sons" in answer.text
    assert "Shop <" not in answer.text
    for address in addresses(answer.text):
        # Relative to the page, and nothing from another host.
        assert re.match(r"(docs/|openapi\.json$)", address), address
        found = ask(app, "GET", f"{API}/{address}")
        assert found.status_int == 200
        if "?v=" in address:
            assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    # For those without JavaScript.
    assert f"{API}/books/{{id}}/stock" in answer.text


def test_the_content_security_policy_of_the_page_is_strict(app):
    """No inline script, no eval, no other host, and no page may put it into a frame."""
    answer = ask(app, "GET", f"{API}/docs")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    assert re.findall(r"<script(?! src=)", answer.text) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=", answer.text) == []


def test_page_files_have_their_media_type_and_an_etag(app):
    types = {
        "docs.css": "text/css; charset=utf-8",
        "docs.js": "text/javascript; charset=utf-8",
        "swagger-ui.css": "text/css; charset=utf-8",
        "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
        "favicon-32x32.png": "image/png",
    }
    for name, content_type in types.items():
        answer = ask(app, "GET", f"{API}/docs/{name}")
        assert answer.headers["Content-Type"] == content_type
        assert answer.headers["Cache-Control"] == "no-cache"
        tag = answer.headers["ETag"]
        again = ask(app, "GET", f"{API}/docs/{name}", headers={"If-None-Match": tag})
        assert (again.status_int, again.body) == (304, b"")


OTHERS = [
    "index.css", "none", "page.py", "..", "..%2fx.css", "plain.html", "swagger-ui.js", "%2e%2e",
    "docs.css%00",
]  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_files_that_are_not_of_the_page_are_not_found(app, name):
    answer = ask(app, "GET", f"{API}/docs/{name}")
    assert answer.status_int == 404
    if "%2f" not in name:
        assert_problem(answer, 404, "not_found")


def test_with_docs_false_the_page_is_not_found_but_the_document_is_served(make_app):
    app = make_app(SETTINGS | {"bookstore.docs": "false"})
    for path in ("docs", "docs/docs.css"):
        assert ask(app, "GET", f"{API}/{path}").status_int == 404
    assert ask(app, "GET", f"{API}/openapi.json").status_int == 200


def test_without_the_docs_extra_a_plain_page_lists_the_operations(without_extra, app):
    answer = ask(app, "GET", f"{API}/docs")
    assert answer.status_int == 200
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "pyramid_bookstore[docs]" in answer.text
    assert f"<code>{API}/books/isbn/{{isbn}}</code>" in answer.text
    assert "Shop &lt;&amp;&gt; Sons" in answer.text
    local = [address for address in addresses(answer.text) if address != "data:,"]
    assert {ask(app, "GET", f"{API}/{address}").status_int for address in local} == {200}
    assert ask(app, "GET", f"{API}/docs/swagger-ui.css").status_int == 404


def test_the_plain_page_shows_paths_with_the_script_name(app, without_extra):
    answer = ask(app, "GET", f"{API}/docs", SCRIPT_NAME="/store")
    assert f"<code>/store{API}/books</code>" in answer.text
