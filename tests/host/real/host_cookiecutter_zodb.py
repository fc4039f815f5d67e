"""The cookiecutter with ZODB: traversal, and a transaction that our own session joins."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joint
import wiki
from asking import Cell, Question, ask, client, compared, cookies, life, statuses
from projects import NotToBeHad, project, run

PACKAGES = (
    "bcrypt", "docutils", "pyramid_chameleon", "pyramid_debugtoolbar", "pyramid_retry",
    "pyramid_zodbconn", "pytest", "waitress", "ZODB",
)  # fmt: skip

ENTER = b"form.submitted=1&login=editor&password=editor"

QUESTIONS: list[Question] = [
    ("GET", "/", None, {}),
    ("GET", "/FrontPage", None, {}),
    ("GET", "/FrontPage/", None, {}),
    ("GET", "/None", None, {}),
    ("GET", "/login", None, {}),
    ("GET", "/FrontPage/edit_page", None, {}),
    ("GET", "/add_page/New", None, {}),
    ("GET", "/static/theme.css", None, {}),
    ("GET", "/api", None, {}),
    ("GET", "/api/v1/nothing", None, {}),
    ("GET", "/books", None, {}),
    ("GET", "/%FF", None, {}),
    ("OPTIONS", "/FrontPage", None, {}),
    ("TRACE", "/FrontPage", None, {}),
    ("POST", "/login", b"form.submitted=1&login=editor&password=wrong", {}),
    ("POST", "/login", ENTER, {}),
    ("GET", "/logout", None, {}),
]

#: To one who is logged in; their cookie comes with each.
OF_EDITORS = (
    ("GET", "/FrontPage/edit_page", None),
    ("GET", "/add_page/New", None),
    ("POST", "/add_page/New", b"form.submitted=1&body=New"),
    ("POST", "/FrontPage/edit_page", b"form.submitted=1&body=Changed"),
    ("GET", "/New", None),
    ("GET", "/FrontPage", None),
)

TEST = """
import pytest
from pyramid_bookstore.testing import book_fields


@pytest.mark.parametrize("time", [1, 2])
def test_nothing_is_left_of_a_book(testapp, time):
    testapp.post("/login", {"form.submitted": "1", "login": "editor", "password": "editor"})
    testapp.post_json("/api/v1/books", book_fields(isbn="9783522202558"), status=201)
    # pyramid_zodbconn ends the transaction of the test with each request.
    assert testapp.get("/api/v1/books").json["total"] == 0
"""


def cells() -> Iterator[Cell]:
    """What docs/howto/hosts.md promises of it."""
    try:
        folder = project("wiki", "tests")
    except NotToBeHad as error:
        yield Cell("the cookiecutter's projects", "", str(error))
        return
    pytest = ("pytest", "-q", "-p", "no:cacheprovider")
    alone = run(folder, *pytest)
    wiki.write(folder / "testing.ini", folder / "testing.ini", ["zodb.ini"])
    (folder / "tests" / "test_books.py").write_text(TEST, "utf-8")
    twice = [run(folder, *pytest) for _ in range(2)]
    yield Cell("its own tests, twice", "\n".join(filter(None, (alone, *twice))))
    sys.path.insert(0, str(folder))
    books = application(folder, "with", ["zodb.ini"], "pyramid_bookstore host_cookiecutter_zodb")
    without = application(folder, "without", [])
    yield compared("own answers", QUESTIONS, without, books)
    may = cookies(ask(books, "POST", "/login", ENTER, {}))
    # The same secret is in both, so either takes the cookie.
    asked = [(*each, may) for each in OF_EDITORS]
    yield compared("own answers to an editor", asked, without, books)
    yield from life("a book's life by cookie", books, "/api/v1", may)
    viewer = cookies(ask(books, "POST", "/login", ENTER.replace(b"editor", b"viewer"), {}))
    found = [ask(books, "POST", "/api/v1/books", {}, who).status_int for who in ({}, viewer, may)]
    yield statuses("who may: editors", [401, 403, 422], found)
    yield joint.tried(books)


def application(folder: Path, name: str, blocks: list[str], includes: str = "") -> Any:
    """The application of its production.ini, on an object database of its own."""
    from pyramid.paster import get_app

    ini = folder / f"{name}.ini"
    more = {"zodbconn.uri": f"file://%(here)s/{name}.fs"}
    more |= {"pyramid.includes": includes} if includes else {}
    wiki.write(ini, folder / "production.ini", blocks, **more)
    return client(get_app(str(ini)))


def includeme(config: Any) -> None:
    """The view of `joint`."""

    def add_page(request: Any, name: str) -> None:
        from tutorial.models import Page

        page = Page("A book.")
        page.__name__, page.__parent__ = name, request.root
        request.root[name] = page

    joint.add_route(config, add_page)
