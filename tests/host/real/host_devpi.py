"""devpi-server: a package index with its own policy, contexts, tweens and view deriver."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asking import Cell, Question, basic, compared, from_page, life, statuses

PACKAGES = ("devpi-server",)

FILES = ("devpi_books.py", "devpi_shelf.py", "pyproject.toml")
SHELF = {"bookstore.root_factory": "devpi_shelf.Shelf"}

JSON = {"Accept": "application/json"}
QUESTIONS: list[Question] = [
    ("GET", "/", None, {}),
    ("GET", "/", None, JSON),
    ("GET", "/+api", None, JSON),
    ("GET", "/root", None, JSON),
    ("GET", "/root/", None, JSON),
    ("GET", "/nobody", None, JSON),
    ("GET", "/api", None, JSON),
    ("GET", "/api/v1", None, JSON),
    ("GET", "/api/v1/", None, JSON),
    ("GET", "/api/v1/nothing", None, JSON),
    ("GET", "/books", None, JSON),
    ("GET", "/%FF", None, JSON),
    ("OPTIONS", "/root", None, {}),
    ("TRACE", "/root", None, {}),
    ("POST", "/+login", {"user": "root", "password": "wrong"}, JSON),
    ("PUT", "/ann", {"password": "secret"}, JSON),
    ("PUT", "/ann", {"password": "secret"}, JSON),
    ("PUT", "/ann/dev", {}, JSON),
    ("PATCH", "/ann", {"email": "ann@example.com"}, {**JSON, "user": "ann"}),
    ("GET", "/ann", None, JSON),
    ("GET", "/ann/dev/+simple/", None, {}),
]


def cells() -> Iterator[Cell]:
    """What docs/howto/hosts.md promises of devpi-server."""
    folder = Path("plugin")
    folder.mkdir()
    for name in FILES:
        (folder / name).write_text(from_page(name), "utf-8")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    # Its dependencies are there, and the bookstore is in no index.
    subprocess.run([*pip, "--no-deps", "-e", folder], check=True)
    sys.path.insert(0, str(folder.resolve()))
    books = application("with", plugin=True)
    yield compared("own answers", QUESTIONS, application("without", plugin=False), books)
    root, ann = login(books, "root"), login(books, "ann")
    yield from life("a book's life", books, "/api/v1", root)
    found = [books.post_json("/api/v1/books", {}, headers=who, expect_errors=True)
             for who in ({}, ann, root)]  # fmt: skip
    yield statuses("who may: root", [401, 403, 422], [each.status_int for each in found])
    challenge = found[0].headers["WWW-Authenticate"]
    yield Cell("the challenge of devpi", "" if challenge.startswith("Basic ") else challenge)
    shelf = application("shelf", plugin=True, **SHELF)
    shelf.put_json("/ann", {"password": "secret"}, headers=JSON)
    found = [shelf.post_json("/api/v1/books", {}, headers=who, expect_errors=True)
             for who in ({}, login(shelf, "ann"))]  # fmt: skip
    yield statuses("who may: every user", [401, 422], [each.status_int for each in found])


def application(name: str, *, plugin: bool, **settings: str) -> Any:
    """devpi-server as ``devpi-init`` and ``devpi-server`` make it, in a folder of its own."""
    from devpi_server.config import get_pluginmanager, parseoptions
    from devpi_server.init import init
    from devpi_server.main import xom_from_config
    from webtest import TestApp

    place = ["--serverdir", str(Path(name).resolve())]
    init(argv=["devpi-init", *place, "--no-root-pypi", "--root-passwd", "secret"])
    plugins = get_pluginmanager(load_entrypoints=False)
    if not plugin:
        plugins.set_blocked("devpi-books")
    plugins.load_setuptools_entrypoints("devpi_server")
    xom = xom_from_config(parseoptions(plugins, ["devpi-server", *place]))
    if settings:
        import devpi_books

        class More:
            @devpi_books.hookimpl(tryfirst=True)
            def devpiserver_pyramid_configure(self, config: Any, pyramid_config: Any) -> None:
                pyramid_config.add_settings(settings)

        plugins.register(More())
    return TestApp(xom.create_app())


def login(app: Any, user: str) -> dict[str, str]:
    """The header of a user who is logged in."""
    given = {"user": user, "password": "secret"}
    token = app.post_json("/+login", given, headers=JSON).json["result"]["password"]
    return basic(user, token)
