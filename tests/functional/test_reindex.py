"""`bookstore check` finds what is kept beside the books and differs; `reindex` makes it anew."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, Engine, delete, func, insert, make_url, select, text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.catalogue import kept
from pyramid_bookstore.catalogue.models import Book, Total, columns_of
from pyramid_bookstore.cli import main
from pyramid_bookstore.db.engines import make_engine
from tests.support.catalogue import book_row
from tests.support.crowd import crowd
from tests.support.server import write_ini

Run = Callable[..., str]


@pytest.fixture
def ini(database: str, tmp_path: Any) -> str:
    return str(write_ini(tmp_path, {"bookstore.sqlalchemy.url": database}))


@pytest.fixture
def run(ini: str) -> Run:
    def run(command: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["-c", ini, command])
        assert done.exit_code == code, done.output
        return done.output

    return run


@contextmanager
def triggers_off(engine: Engine) -> Iterator[Connection]:
    """A transaction as a data-only restore has it: no trigger of ours sees the rows."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection
            return
        query = text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = connection.execute(query).all()
        for name, _ in triggers:
            connection.execute(text(f"DROP TRIGGER {name}"))
        yield connection
        for _, sql in triggers:
            connection.exec_driver_sql(sql)


def numbers(engine: Engine) -> tuple[int, int]:
    with engine.connect() as connection:
        kept = connection.scalar(select(func.coalesce(func.sum(Total.books), 0)))
        return int(kept or 0), int(connection.scalar(select(func.count()).select_from(Book)) or 0)


def found(engine: Engine, search: str) -> int | None:
    with Session(engine) as session:
        return Bookstore.on(session).list(search=search).total


def books(*given: int, **fields: Any) -> list[dict[str, Any]]:
    return [book_row(number, **fields) for number in given]


def test_reindex_on_a_sound_database_finds_nothing_to_do(engine: Engine, run: Run) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Book), books(1, 2))
    for _ in range(2):
        *kept, declared = run("reindex").splitlines()
        assert {line.partition(": ")[2] for line in kept} == {"nothing to do."}
        assert declared.startswith("declared fields: None are declared here")
    assert numbers(engine) == (2, 2)


def test_a_restore_with_triggers_off_is_a_fault_of_check_and_mended_by_reindex(
    engine: Engine, run: Run
) -> None:
    with triggers_off(engine) as connection:
        connection.execute(insert(Book), books(1, 2, 3, title="Momo"))
    assert numbers(engine) == (0, 3)
    said = run("check", code=1)
    assert "fault    total: There are 3 books, and 0 are kept." in said
    assert "Run: bookstore -c INI reindex" in said
    assert "total: There are 3 books, and 0 are kept. Made anew.\n" in run("reindex")
    assert numbers(engine) == (3, 3)
    assert "ok       total: " in run("check")
    assert found(engine, "momo") == 3
    assert "Made anew" not in run("reindex")
    with engine.begin() as connection:
        connection.execute(delete(Book).where(Book.isbn == "9780000000001"))
    assert numbers(engine) == (2, 2)


def test_a_dump_of_the_books_alone_can_be_restored_and_mended(
    postgres: Any, postgres_backend: Any
) -> None:
    """``pg_dump -a -t bookstore_books --disable-triggers``, into a migrated database."""
    program = getattr(postgres, "binaries", Path()) / "pg_dump"
    if not program.exists():
        pytest.skip("this PostgreSQL came without pg_dump")
    source, target = postgres_backend.create(), postgres_backend.create()
    engine = make_engine({"url": source})
    with engine.begin() as connection:
        connection.execute(insert(Book), books(1, 2, 3, title="Momo"))
    engine.dispose()
    command = [program, "-a", "-t", "bookstore_books", "--disable-triggers", "--inserts"]
    plain = make_url(source).set(drivername="postgresql").render_as_string(hide_password=False)
    dump = subprocess.run([*command, plain], capture_output=True, check=True).stdout
    with postgres.connect(make_url(target).database) as connection:
        # Newer ones have commands of psql's own.
        lines = [line for line in dump.splitlines() if not line.startswith(b"\\")]
        connection.execute(b"\n".join(lines))
    engine = make_engine({"url": target})
    assert numbers(engine) == (0, 3)
    kept.mend(engine, kept.KeptTotal())
    assert numbers(engine) == (3, 3)
    assert found(engine, "momo") == 3
    engine.dispose()
    for url in (source, target):
        postgres_backend.drop(url)


def test_rows_of_the_total_that_are_gone_are_put_back(engine: Engine, run: Run) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Book), books(1, 2))
    with triggers_off(engine) as connection:
        connection.execute(delete(Total))
    assert "fault    total: There are 2 books, and no number is kept." in run("check", code=1)
    run("reindex")
    with engine.begin() as connection:
        connection.execute(insert(Book), books(3))
    assert numbers(engine) == (3, 3)


def test_a_total_that_is_too_high_is_lowered(engine: Engine, run: Run) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Book), books(1, 2))
        connection.execute(update(Total).where(Total.slot == 0).values(books=Total.books + 1000))
    assert "There are 2 books, and 1,002 are kept. Made anew." in run("reindex")
    assert numbers(engine) == (2, 2)


def test_books_that_come_and_go_during_a_reindex_are_counted(engine: Engine) -> None:
    """On PostgreSQL no writer waits for it, and on SQLite one writes at a time."""
    with triggers_off(engine) as connection:
        connection.execute(insert(Book), books(*range(1, 50)))
    ended = threading.Event()

    def write() -> None:
        for number in range(100, 160):
            with engine.begin() as connection:
                connection.execute(insert(Book), books(number, number + 1000))
            with engine.begin() as connection:
                connection.execute(delete(Book).where(Book.isbn == f"{9_780_000_000_000 + number}"))
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not ended.is_set():
        kept.mend(engine, kept.KeptTotal())
    writer.join()
    assert numbers(engine) == (109, 109)


def test_a_writer_that_has_the_row_of_the_total_is_waited_for(engine: Engine) -> None:
    """What it adds is not lost, though it was not committed when the books were counted."""
    if engine.dialect.name == "sqlite":
        pytest.skip("a writer has the whole file")
    with triggers_off(engine) as connection:
        connection.execute(insert(Book), books(1, 2, 3))
    mending = threading.Thread(target=kept.mend, args=(engine, kept.KeptTotal()))
    with engine.begin() as connection:
        connection.execute(insert(Book), books(4))
        # As if this writer had the slot that is mended.
        connection.execute(update(Total).where(Total.slot == 0).values(books=Total.books))
        mending.start()
        mending.join(0.3)
        assert mending.is_alive()
    mending.join()
    assert numbers(engine) == (4, 4)


def test_eight_processes_may_reindex_at_once(engine: Engine, ini: str) -> None:
    with triggers_off(engine) as connection:
        connection.execute(insert(Book), books(1, 2, 3))
    crowd("from pyramid_bookstore.cli import main", "main(sys.argv[1:])", "-c", ini, "reindex")
    assert numbers(engine) == (3, 3)


def test_reindex_before_migrate_says_which_command_to_run(tmp_path: Any) -> None:
    ini = write_ini(tmp_path, {"bookstore.sqlalchemy.url": f"sqlite:///{tmp_path}/new.sqlite"})
    done = CliRunner().invoke(main, ["-c", str(ini), "reindex"])
    assert done.exit_code == 1
    assert "run the migrations (bookstore -c INI migrate, or" in done.stderr


@pytest.fixture
def sqlite(engine: Engine) -> Engine:
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL keeps its indexes by itself")
    return engine


def test_an_index_of_texts_without_some_books_or_with_lost_ones_is_found_and_rebuilt(
    sqlite: Engine, run: Run
) -> None:
    with sqlite.begin() as connection:
        connection.execute(insert(Book), books(1, 2, title="Momo"))
    with triggers_off(sqlite) as connection:
        connection.execute(insert(Book), books(3, 4, title="Momo"))
        connection.execute(delete(Book).where(Book.isbn == "9780000000001"))
    wrong = "The index of texts lacks 2 books, and has 1 that are not there."
    assert f"fault    search: {wrong}" in run("check", code=1)
    assert f"search: {wrong} Made anew.\n" in run("reindex")
    assert found(sqlite, "momo") == 3
    assert "ok       search: " in run("check")


def test_texts_that_were_changed_past_the_index_are_found_by_reindex(
    sqlite: Engine, run: Run
) -> None:
    with sqlite.begin() as connection:
        connection.execute(insert(Book), books(1, 2, title="Momo"))
    with triggers_off(sqlite) as connection:
        connection.execute(update(Book).values(columns_of({"title": "Faust"})))
    assert "search: The index of texts has other words than the books. Made anew." in run("reindex")
    assert (found(sqlite, "momo"), found(sqlite, "faust")) == (0, 2)


def test_another_error_of_the_index_is_raised_as_it_is(sqlite: Engine) -> None:
    with sqlite.begin() as connection:
        connection.execute(text("DROP TABLE bookstore_search_docsize"))
    with pytest.raises(DatabaseError, match="SQL logic error"):
        kept.mend(sqlite, kept.TextIndex())
