"""What commands write is whole or not there: one sentence, and nothing by half."""

from __future__ import annotations

import gzip
import resource
import subprocess

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from pyramid_bookstore.cli import main
from tests.support.api import isbn
from tests.support.catalogue import book_row, fill
from tests.support.server import program

LONG = "x" * 248  # with ".pem" a name that a file can have, with "-private.pem" none

WRITERS = [
    "init", "init --deploy", "-c new/shop.ini init --deploy", "jwt-key --algorithm EdDSA",
    "jwt-key --algorithm EdDSA --output keys/mine",
]  # fmt: skip


@pytest.fixture
def ini(ini, folder, monkeypatch):
    monkeypatch.chdir(folder)
    return ini


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def everything(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def refused(words):
    done = CliRunner().invoke(main, words.split(" "))
    assert (done.exit_code, done.stdout) == (1, ""), (done.output, done.exception)
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert line.endswith(".")
    return line


@pytest.mark.parametrize(
    ("words", "there", "message"),
    [
        ("init --deploy", "deploy", "deploy is no folder"),
        ("-c new/shop.ini init", "new", "new is no folder"),
        ("-c a/b/shop.ini init", "a/b", "a/b is no folder"),
        ("jwt-key --algorithm EdDSA --output keys/mine", "keys", "keys is no folder"),
    ],
)
def test_a_file_where_a_folder_must_be_is_named_before_anything_is_written(
    folder, words, there, message
):
    (folder / there).parent.mkdir(exist_ok=True)
    (folder / there).write_text("mine")
    before = everything(folder)
    assert message in refused(words)
    assert everything(folder) == before
    assert (folder / there).read_text() == "mine"


@pytest.mark.parametrize("name", [".", "..", "", "keys", "keys/", "/"])
def test_a_folder_is_no_name_for_a_key_pair(folder, name):
    (folder / "keys").mkdir()
    assert "is a folder; --output takes the name" in refused(
        f"jwt-key --algorithm EdDSA --output {name}"
    )
    assert everything(folder) == {"keys"}


@pytest.mark.parametrize("words", ["init", "jwt-key --algorithm EdDSA --output production"])
def test_a_link_that_leads_nowhere_is_there_too(folder, words):
    name = "production.ini" if words == "init" else "production.pem"
    (folder / name).symlink_to(folder / "elsewhere")
    assert f"{name}" in refused(words)
    assert [*map(str, folder.glob("*"))] == [str(folder / name)]


@pytest.mark.parametrize(
    "words", [f"jwt-key --algorithm EdDSA --output a/{LONG}", f"-c a/b/{LONG}long.ini init"]
)
def test_what_cannot_be_written_is_named_and_leaves_no_folder_behind(folder, words):
    assert "Nothing is written, because File name too long: a/" in refused(words)
    assert everything(folder) == set()


def limited(words, most):
    """The command in a process whose files end at so many bytes, as on a full disk."""
    return subprocess.run(
        [program("bookstore"), *words],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "most"),
    [("init", 3000), ("init --deploy", 3000), ("-c a/b/shop.ini init --deploy", 1000),
     ("jwt-key --algorithm RS256", 600), ("jwt-key --algorithm RS256 --output a/b", 600)],
)  # fmt: skip
def test_where_the_space_ends_nothing_stays(folder, words, most):
    done = limited(words.split(), most)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: Nothing is written, because File too large: ")
    assert everything(folder) == set()


@pytest.mark.parametrize("words", WRITERS)
def test_what_is_written_once_is_not_written_again(folder, words):
    assert CliRunner().invoke(main, words.split()).exit_code == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refused(words)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


HEADER = "isbn,title,author,price\n"


@pytest.fixture
def many(folder):
    """A feed with a good row, and with faulty ones that fill a file."""
    faulty = "".join(f"x{number},Faust,Goethe,1.5\n" for number in range(2000))
    (folder / "feed.csv").write_text(f"{HEADER}{isbn(1)},Momo,Ende,9\n{faulty}")


def titles(engine):
    with engine.connect() as connection:
        return [*connection.scalars(text("SELECT title FROM bookstore_books"))]


def test_rejects_that_have_no_room_leave_file_and_books_as_they_are(ini, engine, many, folder):
    (folder / "bad.csv").write_text("mine")
    words = ["-c", ini, "import", "feed.csv", "--skip-invalid", "--rejects", "bad.csv"]
    done = limited(words, 60_000)
    assert (done.returncode, titles(engine)) == (1, [])
    assert "File too large" in done.stderr
    assert (folder / "bad.csv").read_text() == "mine"
    assert everything(folder) == {"feed.csv", "bad.csv"}


def test_rejects_stay_where_the_import_is_refused_for_them(run, engine, many, folder):
    run("import", "feed.csv", "--rejects", "bad.csv.gz", code=1)
    assert titles(engine) == []
    rows = gzip.decompress((folder / "bad.csv.gz").read_bytes()).decode().splitlines()
    assert len(rows) == 2001
    assert "name one" in run("import", "feed.csv", "--rejects", "-", code=1).stderr


def test_an_export_that_has_no_room_leaves_the_file_as_it_is(ini, engine, run, folder):
    fill(engine, [book_row(number) for number in range(1, 2000)])
    for name in ("books.csv", "books.csv.part"):
        (folder / name).write_text("mine")
    done = limited(["-c", ini, "export", "books.csv"], 10_000)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    for name in ("books.csv", "books.csv.part"):
        assert (folder / name).read_text() == "mine"
    assert everything(folder) == {"books.csv", "books.csv.part"}


@pytest.mark.parametrize("name", ["no/such/books.csv", f"{LONG}{LONG}.csv", "folder.csv"])
def test_a_file_that_cannot_be_written_is_named_as_it_was_given(run, folder, name):
    (folder / "folder.csv").mkdir()
    (folder / "feed.csv").write_text(HEADER)
    for words in (["export", name], ["import", "feed.csv", "--rejects", name]):
        done = run(*words, code=1)
        assert name in done.stderr
        assert ".part" not in done.stderr
    assert everything(folder) == {"folder.csv", "feed.csv"}
