"""The cookiecutter with SQLAlchemy: its session shared, one history, and its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import wiki
from asking import Cell, from_page
from projects import NotToBeHad, edit, project, run

PACKAGES = (
    "alembic", "bcrypt", "docutils", "pyramid_debugtoolbar", "pyramid_jinja2", "pyramid_retry",
    "pytest", "waitress",
)  # fmt: skip

TEST = """
import pytest
from pyramid_bookstore.testing import book_fields, bookstore


@pytest.mark.parametrize("time", [1, 2])
def test_a_book_is_there_for_one_test(testapp, dbsession, time):
    bookstore(dbsession).create(book_fields(title="Momo"))
    assert [book["title"] for book in testapp.get("/api/v1/books").json["data"]] == ["Momo"]
"""


def cells() -> Iterator[Cell]:
    """What docs/howto/hosts.md and testing.md promise of it."""
    try:
        for stage in ("installation", "tests"):
            yield from own_tests(stage)
        yield from wiki.cells(f"sqlite:///{Path.cwd()}/books.sqlite")
    except NotToBeHad as error:
        yield Cell("the cookiecutter's projects", "", str(error))


def own_tests(stage: str) -> Iterator[Cell]:
    """The project's own tests, and its own Alembic."""
    without = run(project("wiki2", stage), "pytest", "-q", "-p", "no:cacheprovider")
    folder = wiki.with_books(stage)
    conftest = folder / "tests" / "conftest.py"
    drop, remove, _stamp, upgrade = from_page("dbengine.py", "testing.md").splitlines()
    edit(conftest, f"{drop}\n", f"{drop}\n{remove}\n")
    edit(conftest, '    alembic.command.upgrade(alembic_cfg, "head")', upgrade)
    edit(conftest, "import pytest\n", "import pytest\nimport pyramid_bookstore.testing\n")
    (folder / "tests" / "test_books.py").write_text(TEST, "utf-8")
    twice = [run(folder, "pytest", "-q", "-p", "no:cacheprovider") for _ in range(2)]
    yield Cell(f"{stage}: its own tests, twice", "\n".join(filter(None, (without, *twice))))
    ini = ("alembic", "-c", "development.ini")
    commands = ("upgrade heads", "check", "downgrade bookstore@base", "upgrade heads")
    faults = [run(folder, *ini, *command.split()) for command in commands]
    yield Cell(f"{stage}: its own Alembic", "\n".join(filter(None, faults)))
