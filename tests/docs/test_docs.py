"""Every example in the documentation is run.

The ``python`` blocks of a page run in order, in one namespace, in a folder of their own. A page can
say in HTML comments, which no reader sees:

``<!-- file: NAME -->``      the next block, of whatever language, is written to NAME and not run
``<!-- hidden … -->``        Python to run here: what the text leaves to the reader, and checks
``<!-- not run: reason -->`` the next block is not checked

``ini`` blocks must be INI, and what they set for the bookstore must be settings that it knows.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from pyramid.router import Router
from sqlalchemy import Engine

from pyramid_bookstore.settings import KEYS
from tests.support.apps import close_app

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted([CHECKOUT / "README.md", *CHECKOUT.glob("docs/**/*.md")])

_PART = re.compile(
    r"^<!-- hidden\n(?P<hidden>.*?)^-->$"
    r"|(?:^<!-- (?P<word>file|not run): (?P<what>[^\n]+) -->\n)?"
    r"^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Part(NamedTuple):
    """A piece of a page that is to be checked."""

    line: int
    language: str
    code: str
    #: Name of the file that it is written to, if any.
    file: str | None


def parts(page: Path) -> Iterator[Part]:
    text = page.read_text(encoding="utf-8")
    for found in _PART.finditer(text):
        group = "code" if found["hidden"] is None else "hidden"
        if found["word"] == "not run":
            continue
        line = text.count("\n", 0, found.start(group)) + 1
        file = found["what"] if found["word"] == "file" else None
        yield Part(line, found["language"] or "python", found[group], file)


def with_blocks(*languages: str) -> list[Any]:
    return [
        pytest.param(page, id=str(page.relative_to(CHECKOUT)))
        for page in PAGES
        if any(part.language in languages for part in parts(page))
    ]


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run in a temporary folder; modules imported from it are removed afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(os, "environ", os.environ.copy())
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", with_blocks("python"))
def test_the_python_examples_of_the_page_run(
    page: Path, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("documentation")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    try:
        for part in parts(page):
            if part.file is not None:
                (away / part.file).parent.mkdir(parents=True, exist_ok=True)
                (away / part.file).write_text(part.code, encoding="utf-8")
            if part.language != "python":
                continue
            # Empty lines in front give tracebacks the line numbers of the page.
            code = compile("\n" * (part.line - 1) + part.code, str(page), "exec")
            if part.file is None:
                exec(code, vars(module))
    finally:
        for value in list(vars(module).values()):
            tidy(value)


def tidy(value: Any) -> None:
    """Close what an example left open."""
    app = getattr(value, "app", value)
    if isinstance(value, Engine):
        value.dispose()
    elif isinstance(app, Router):
        close_app(app)


@pytest.mark.parametrize("page", with_blocks("ini"))
def test_the_ini_examples_of_the_page_use_known_settings(page: Path) -> None:
    known = {key.name for key in KEYS if not key.family}
    families = tuple(key.prefix for key in KEYS if key.family)
    for part in parts(page):
        if part.language != "ini":
            continue
        parser = ConfigParser(defaults={"here": "."})
        section = "" if part.code.startswith("[") else "[app:main]\n"
        parser.read_string(section + part.code)
        for section in parser.sections():
            for name in parser[section]:
                if name.startswith("bookstore."):
                    assert name in known or name.startswith(families), f"{page}:{part.line}: {name}"


INIS = [path for part in ("*.ini", "examples/**/*.ini") for path in CHECKOUT.glob(part)]


@pytest.mark.parametrize("ini", INIS, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_lines_of_ini_files_are_at_most_100_characters_long(ini: Path) -> None:
    lines = ini.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 100] == []


#: What a guide that names it was tried with, or not.
TOOLS = (
    "Citus", "CockroachDB", "Excel", "Keycloak", "Kubernetes", "OpenTelemetry", "PgBouncer",
    "YugabyteDB", "granian", "gunicorn", "nginx", "psycopg2", "systemd", "waitress",
)  # fmt: skip

GUIDES = [*CHECKOUT.glob("docs/howto/*.md"), CHECKOUT / "docs" / "tutorial.md"]


@pytest.mark.parametrize("page", GUIDES, ids=lambda path: path.name)
def test_a_guide_says_at_its_top_which_versions_it_was_tried_with(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    line = text.splitlines()[2]
    assert re.match(
        r"\*Tried with Python [\d.]+, Pyramid [\d.]+, SQLAlchemy [\d.]+, .*\)\.\*$", line
    )
    # Or that it was not tried with one of them.
    named = [tool for tool in TOOLS if tool in text]
    missing = [tool for tool in named if not re.search(rf"{tool} \d|; .*\bnot\b.*{tool}", line)]
    assert missing == []


def test_links_to_files_of_the_repository_lead_to_existing_files() -> None:
    """Links to web sites are not checked, because a site may be down."""
    broken = [
        f"{page.relative_to(CHECKOUT)}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_files_named_in_the_text_are_there() -> None:
    """Of the repository: a path with a folder in it, from the top or within the package."""
    source = CHECKOUT / "src" / "pyramid_bookstore"
    # Made by make, a placeholder, and what decision 60 says was before.
    others = {"dist/", "cli/NAME.py", "http/", "schema/", "books/"}
    named = [
        (page, name)
        for page in [*PAGES, CHECKOUT / "CONTRIBUTING.md", CHECKOUT / "SECURITY.md"]
        for name in re.findall(
            r"`([\w.-]+/(?:[\w./-]+\.py|(?:[\w-]+/)*))(?:`|::)", page.read_text()
        )
    ]
    assert len(named) > 100
    assert [
        f"{page.relative_to(CHECKOUT)}: {name}"
        for page, name in named
        if name not in others
        and not any((top / name).exists() for top in (CHECKOUT, source, page.parent))
    ] == []
