"""Messages for users who run the bookstore for the first time."""

from __future__ import annotations

import logging

import pytest
from click.testing import CliRunner

from pyramid_bookstore import standalone
from pyramid_bookstore.cli import main
from pyramid_bookstore.db.revision import HEAD
from tests.support.apps import close_app


def run(*words):
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize("command", ["check", "migrate", "sample"])
def test_a_missing_ini_is_named_with_the_option_that_sets_it(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(command)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"Error: There is no {tmp_path}/production.ini; bookstore -c INI says where the settings"
        " are.\n"
    )


def test_a_missing_feed_file_is_named_in_the_error(tmp_path):
    result = run("import", str(tmp_path / "nothing.csv"))
    assert result.exit_code == 1
    assert result.stderr == f"Error: No such file or directory: {tmp_path}/nothing.csv\n"


@pytest.mark.parametrize("docs", ["true", "false"])
def test_the_log_at_start_names_the_urls_of_the_books_and_docs(docs, caplog):
    caplog.set_level(logging.INFO, logger="pyramid_bookstore")
    settings = {"bookstore.sqlalchemy.url": "sqlite://", "bookstore.migrate": "true"}
    app = standalone.main({}, **settings, **{"bookstore.prefix": "/b", "bookstore.docs": docs})
    page = "docs" if docs == "true" else "openapi.json"
    assert f"The books are at /b/books, the API's description at /b/{page}." in caplog.messages
    close_app(app)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{folder}/shop.sqlite", "unable to open database file. Until it does, requests"),
        ("sqlite:///{folder}/empty.sqlite", f"The database is not set up; this code needs {HEAD}"),
        ("postgresql+psycopg://ann:secret@127.0.0.1:1/shop", "bookstore -c INI check says what to"),
    ],
)
def test_a_start_without_a_database_or_its_tables_warns_in_one_line_and_makes_nothing(
    tmp_path, caplog, url, said
):
    """The database may come later, so the start goes on."""
    (tmp_path / "empty.sqlite").touch()
    before = sorted(tmp_path.iterdir())
    url = url.format(folder=tmp_path)
    app = standalone.main({}, **{"bookstore.sqlalchemy.url": url})
    warnings = [
        each.getMessage()
        for each in caplog.records
        if each.name == "pyramid_bookstore.plugin.startup" and each.levelno == logging.WARNING
    ]
    assert len(warnings) == 1
    assert said in warnings[0]
    assert "503" in warnings[0]
    assert "secret" not in caplog.text
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "empty.sqlite").stat().st_size == 0
    close_app(app)
