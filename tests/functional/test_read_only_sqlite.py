"""A file of SQLite that is only read: reads are answered, `/ready` is ready, changes get 503."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, make_url
from sqlalchemy.exc import OperationalError
from webtest import TestApp

from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.cli import main
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.db.revision import HEAD
from tests.support.api import API, BOOKS, RUST, assert_problem, new_book
from tests.support.catalogue import book_row
from tests.support.server import write_ini

READS = [
    f"{API}/ready",
    BOOKS,
    f"{BOOKS}?search=momo&sort=price",
    f"{BOOKS}?search=momo&sort=relevance&count=exact",
    f"{BOOKS}/isbn/9783522202558",
    f"{BOOKS}/suggest?q=mom",
    f"{BOOKS}/export",
]
JOURNALS = ["wal", "delete"]


@pytest.fixture(params=JOURNALS)
def path(sqlite_backend: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A database with a book, and that journal mode."""
    url = sqlite_backend.create()
    engine = make_engine({"url": url})
    with engine.begin() as connection:
        connection.execute(insert(Book), book_row(1, title="Momo", isbn="9783522202558"))
    engine.dispose()
    path = tmp_path / "shop" / "shop.sqlite"
    path.parent.mkdir()
    shutil.move(make_url(url).database, path)
    connection = sqlite3.connect(path)
    assert connection.execute(f"PRAGMA journal_mode = {request.param}").fetchone()[0]
    connection.close()
    yield path
    path.parent.chmod(0o755)


@pytest.mark.parametrize("how", ["mode=ro", "immutable=1"])
def test_a_file_opened_for_reading_answers_reads_and_refuses_changes(
    path: Path, make_app: Any, how: str
) -> None:
    before = path.read_bytes()
    url = f"sqlite:///file:{path}?{how}&uri=true"
    client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
    for asked in READS * 2:
        assert client.get(asked).status_int == 200
    book = f"{BOOKS}/{client.get(BOOKS).json['data'][0]['id']}"
    feed = b"isbn,title,author,price\n9783522202558,Momo,Michael Ende,15\n"
    refused = [
        client.post_json(BOOKS, new_book(5), status=503),
        client.post_json(BOOKS, new_book(5), headers={"Idempotency-Key": "1"}, status=503),
        client.put_json(book, {"stock": 7}, status=503),
        client.put_json(f"{BOOKS}/isbn/{RUST['isbn']}", RUST, status=503),
        client.post_json(f"{book}/stock", {"delta": -1}, status=503),
        client.post(f"{BOOKS}/import", feed, content_type="text/csv", status=503),
        client.delete(book, status=503),
    ]
    for answer in refused:
        detail = assert_problem(answer, 503, "unavailable")["detail"]
        assert detail == "The database takes no changes at present."
    assert client.get(f"{API}/ready").json["status"] == "ready"
    assert path.read_bytes() == before


@pytest.mark.parametrize("how", ["mode=ro", "immutable=1"])
def test_migrate_finds_a_file_that_is_only_read_at_the_newest_revision(
    path: Path, tmp_path: Path, make_app: Any, how: str
) -> None:
    """So `bookstore.migrate = true` does not keep the service from starting."""
    url = f"sqlite:///file:{path}?{how}&uri=true"
    ini = write_ini(tmp_path, {"bookstore.sqlalchemy.url": url})
    done = CliRunner().invoke(main, ["-c", str(ini), "migrate"])
    assert done.output == f"The database is at revision {HEAD} already.\n"
    client = TestApp(make_app({"bookstore.sqlalchemy.url": url, "bookstore.migrate": "true"}))
    assert client.get(f"{API}/ready").status_int == 200


# For root there is no file that cannot be written to: the application becomes nobody, once all is
# imported.
_BECOME_NOBODY = """
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
"""
_ASK = f"""
import json, os, sys
from sqlalchemy.exc import OperationalError
from webtest import TestApp
from tests.support.api import new_book, BOOKS
from tests.support.apps import build_app
warm, url, *reads = sys.argv[1:]
def ask(url):
    client = TestApp(build_app({{"bookstore.sqlalchemy.url": url}}))
    found = [client.get(read, expect_errors=True) for read in reads]
    found.append(client.post_json(BOOKS, new_book(7), expect_errors=True))
    return [(each.status_int, each.text) for each in found]
ask(warm)
{_BECOME_NOBODY}
print(json.dumps(ask(url)))
"""
_CHECK = f"""
import os, sys
from click.testing import CliRunner
from pyramid_bookstore.cli import main
ini, url = sys.argv[1:]
CliRunner().invoke(main, ["-c", ini, "check"])
{_BECOME_NOBODY}
os.environ["BOOKSTORE_SQLALCHEMY_URL"] = url
main(["-c", ini, "check"])
"""


def run(script: str, path: Path, *words: str, code: int = 0) -> str:
    for folder in path.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    command = [sys.executable, "-c", script, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def as_nobody(path: Path, url: str, tmp_path: Path) -> list[tuple[int, str]]:
    """Status and body of the answers to `READS`, and to a create."""
    warm = shutil.copyfile(path, tmp_path / "warm.sqlite")
    answers: list[tuple[int, str]] = json.loads(run(_ASK, path, f"sqlite:///{warm}", url, *READS))
    return answers


@pytest.mark.parametrize("folder", [0o777, 0o555])
@pytest.mark.parametrize("path", ["delete"], indirect=True)
def test_a_file_without_write_permission_is_read(path: Path, tmp_path: Path, folder: int) -> None:
    path.chmod(0o444)
    path.parent.chmod(folder)
    *reads, (status, body) = as_nobody(path, f"sqlite:///{path}", tmp_path)
    assert [read for read, _ in reads] == [200] * len(READS)
    assert status == 503
    assert "The database takes no changes at present." in body


@pytest.mark.parametrize("path", ["wal"], indirect=True)
def test_a_file_with_a_write_ahead_log_is_read_where_the_log_can_be_made(
    path: Path, tmp_path: Path
) -> None:
    path.chmod(0o444)
    path.parent.chmod(0o777)
    *reads, (status, _) = as_nobody(path, f"sqlite:///{path}", tmp_path)
    assert [read for read, _ in reads] == [200] * len(READS)
    assert status == 503


@pytest.mark.parametrize("path", ["wal"], indirect=True)
def test_in_a_folder_that_takes_no_files_a_write_ahead_log_needs_immutable(
    path: Path, tmp_path: Path
) -> None:
    path.parent.chmod(0o555)
    for status, body in as_nobody(path, f"sqlite:///{path}", tmp_path):
        assert status == 503
        assert "The database needs a file beside it, and its folder takes none." in body
    uri = f"sqlite:///file:{path}?immutable=1&uri=true"
    *reads, (status, _) = as_nobody(path, uri, tmp_path)
    assert [read for read, _ in reads] == [200] * len(READS)
    assert status == 503


@pytest.mark.parametrize("path", ["wal"], indirect=True)
def test_check_says_how_to_read_a_file_whose_folder_takes_no_files(
    path: Path, tmp_path: Path
) -> None:
    warm = shutil.copyfile(path, tmp_path / "warm.sqlite")
    path.parent.chmod(0o555)
    ini = write_ini(tmp_path, {"bookstore.sqlalchemy.url": f"sqlite:///{warm}"})
    said = run(_CHECK, path, str(ini), f"sqlite:///{path}", code=1)
    assert "fault    folder: " in said
    assert f"sqlite:///file:{path}?immutable=1&uri=true" in said


def test_a_locked_file_is_not_taken_for_one_that_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "locked.sqlite"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE held (at)")
    holder.execute("BEGIN EXCLUSIVE")
    engine = make_engine({"url": f"sqlite:///{path}?timeout=0"})
    with pytest.raises(OperationalError, match="locked"):
        engine.connect()
    engine.dispose()
    holder.close()
