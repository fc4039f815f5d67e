"""The wiki of Pyramid's tutorial, on the cookiecutter's SQLAlchemy: pages, and users by cookie."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import joint
from asking import Cell, Question, ask, client, compared, cookies, from_page, life, statuses
from projects import edit, project, run
from sqlalchemy import create_engine, inspect

ALEMBIC = Path(__file__).parents[3] / "alembic"

TOKEN = {"X-CSRF-Token": "x", "Cookie": "csrf_token=x"}

QUESTIONS: list[Question] = [
    ("GET", "/", None, {}),
    ("GET", "/FrontPage", None, {}),
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
    ("POST", "/login", b"login=editor&password=editor", {}),
    ("POST", "/login", b"login=editor&password=wrong", TOKEN),
    ("POST", "/login", b"login=editor&password=editor", TOKEN),
    ("POST", "/logout", b"", TOKEN),
]

#: To one who is logged in; their cookie comes with each.
OF_EDITORS: list[Question] = [
    ("GET", "/FrontPage", None, {}),
    ("GET", "/FrontPage/edit_page", None, {}),
    ("GET", "/add_page/New", None, {}),
    ("POST", "/add_page/New", b"form.submitted=1&body=New", {}),
    ("POST", "/FrontPage/edit_page", b"form.submitted=1&body=Changed", {}),
    ("POST", "/FrontPage/edit_page", b"form.submitted=1&body=Forged", {"X-CSRF-Token": "y"}),
    ("GET", "/New", None, {}),
    ("GET", "/FrontPage", None, {}),
]


def with_books(stage: str) -> Path:
    """A stage of the tutorial, with what the guide says in its INI files and in env.py."""
    folder = project("wiki2", stage)
    blocks = ["cookiecutter.ini"] + ["wiki.ini"] * (stage == "tests")
    for name in ("development", "testing"):
        write(folder / f"{name}.ini", folder / f"{name}.ini", blocks)
    (folder / "tutorial" / "shelf.py").write_text(from_page("shelf.py"), "utf-8")
    env = folder / "tutorial" / "alembic" / "env.py"
    edit(env, "import context\n", "import context\nfrom pyramid_bookstore import include_object\n")
    edit(env, "connection=connection,", "connection=connection, include_object=include_object,")
    return folder


def write(ini: Path, source: Path, blocks: list[str], **more: str) -> None:
    """An INI file with the settings of the guide's blocks, and more, added to those of another."""
    settings = ConfigParser(interpolation=None)
    settings.read(source, "utf-8")
    includes = settings["app:main"].get("pyramid.includes", "")
    for block in blocks:
        # Installed as editable, the package has no folder of that name: see the guide.
        settings.read_string(from_page(block).replace("pyramid_bookstore:migrations", str(ALEMBIC)))
    app = settings["app:main"]
    app.update(more)
    app["pyramid.includes"] = f"{includes} {app.get('pyramid.includes', '')}"
    with ini.open("w", encoding="utf-8") as file:
        settings.write(file)


def cells(url: str) -> Iterator[Cell]:
    """The finished wiki on this database, and the same without us on SQLite."""
    folder = with_books("tests")
    sys.path.insert(0, str(folder))
    place = {"without": f"sqlite:///{folder}/without.sqlite", "with": url}
    without, books = (application(folder, name, each) for name, each in place.items())
    yield compared("own answers", QUESTIONS, without, books)
    editor, basic = (
        cookies(ask(books, "POST", "/login", f"login={name}&password={name}".encode(), TOKEN))
        for name in ("editor", "basic")
    )
    # The same secret is in both, so either takes the cookie; ours asks for no CSRF token.
    entered = {**TOKEN, "Cookie": re.sub(r"csrf_token=\w+", "csrf_token=x", editor["Cookie"])}
    asked = [(*each, {**entered, **headers}) for *each, headers in OF_EDITORS]
    yield compared("own answers to an editor", asked, without, books)
    yield from life("a book's life by cookie", books, "/api/v1", editor)
    found = [ask(books, "POST", "/api/v1/books", {}, who).status_int for who in ({}, basic, editor)]
    yield statuses("who may: editors", [401, 403, 422], found)
    yield joint.tried(books)
    checks = inspect(create_engine(url)).get_check_constraints("bookstore_books")
    other = [each["name"] for each in checks if not each["name"].startswith("bookstore_books_")]
    yield Cell(f"{len(checks)} constraints have our names", ", ".join(other))


def application(folder: Path, name: str, url: str) -> Any:
    """The application of its production.ini on an empty database, which its own Alembic migrates
    and its own script fills."""
    from pyramid.paster import get_app
    from tutorial.scripts import initialize_db

    ini = folder / f"{name}.ini"
    chosen = ["cookiecutter.ini", "wiki.ini"] if name == "with" else []
    more = {"sqlalchemy.url": url} | (
        {"pyramid.includes": "pyramid_bookstore wiki"} if chosen else {}
    )
    write(ini, folder / "production.ini", chosen, **more)
    if fault := run(folder, "alembic", "-c", ini.name, "upgrade", "heads"):
        raise RuntimeError(fault)
    initialize_db.main(["", str(ini)])
    return client(get_app(str(ini)))


def includeme(config: Any) -> None:
    """The view of `joint`."""
    from tutorial import models

    def add_page(request: Any, name: str) -> None:
        user = request.dbsession.query(models.User).first()
        request.dbsession.add(models.Page(name=name, data="A book.", creator=user))

    joint.add_route(config, add_page)
