"""`bookstore remove` takes all that the migrations made, after asking, and nothing of others'."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert, text

from pyramid_bookstore.catalogue.models import Book
from pyramid_bookstore.cli import main
from pyramid_bookstore.db.engines import make_engine
from tests.support.catalogue import book_row
from tests.support.server import write_ini

#: Everything by name and kind: tables, indexes, triggers, functions.
_ALL = {
    "sqlite": "SELECT type || ' ' || name FROM sqlite_master",
    "postgresql": """
        SELECT 'class ' || relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'function ' || proname FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'bookstore%'
        UNION ALL SELECT 'type ' || typname FROM pg_type
            WHERE typnamespace = 'public'::regnamespace AND typname LIKE '%bookstore%'
        UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
    """,
}


def objects(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text(_ALL[engine.dialect.name])))


@pytest.fixture
def filled(engine: Engine, tmp_path: Path) -> str:
    """The INI of a bookstore with two books and declared fields, beside a table of the host's."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
        connection.execute(insert(Book), [book_row(1), book_row(2)])
    url = engine.url.render_as_string(hide_password=False)
    ini = str(write_ini(tmp_path, {"bookstore.sqlalchemy.url": url, "bookstore.trade": "true"}))
    assert CliRunner().invoke(main, ["-c", ini, "reindex"]).exit_code == 0
    return ini


@pytest.fixture
def remove(filled: str) -> Callable[..., Any]:
    def remove(*options: str, answer: str | None = None) -> Any:
        return CliRunner().invoke(main, ["-c", filled, "remove", *options], input=answer)

    return remove


@pytest.mark.parametrize(("options", "answer"), [(["--yes"], None), ([], "y\n")])
def test_all_of_ours_goes_and_what_is_the_hosts_stays(
    remove: Any, engine: Engine, options: list[str], answer: str | None
) -> None:
    done = remove(*options, answer=answer)
    assert done.exit_code == 0, done.output
    assert "This removes 2 books" in done.output
    assert done.output.endswith("Removed.\n")
    left = objects(engine)
    # What ANALYZE counted is a table of SQLite's own.
    assert {name.split()[1] for name in left} - {"sqlite_stat1"} == {"theirs"}
    again = remove("--yes")
    assert (again.exit_code, "There is no bookstore in" in again.output) == (0, True)


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_without_a_yes_nothing_is_removed(remove: Any, engine: Engine, answer: str) -> None:
    before = objects(engine)
    done = remove(answer=answer)
    assert (done.exit_code, "Aborted" in done.output) == (1, True)
    assert objects(engine) == before


def test_after_it_the_migrations_start_anew(remove: Any, filled: str, engine: Engine) -> None:
    before = objects(engine)
    assert remove("--yes").exit_code == 0
    assert CliRunner().invoke(main, ["-c", filled, "migrate"]).exit_code == 0
    declared = ("attributes", "declared")
    assert {
        name for name in before - objects(engine) if not any(d in name for d in declared)
    } == set()
    assert "2 books" not in remove(answer="n").output


def test_a_host_table_that_refers_to_the_books_prevents_it(remove: Any, engine: Engine) -> None:
    kind = "CHAR(32)" if engine.dialect.name == "sqlite" else "UUID"
    with engine.begin() as connection:
        for name in ("orders", '"Their loans"'):
            connection.execute(
                text(f"CREATE TABLE {name} (book {kind} REFERENCES bookstore_books (id))")
            )
    before = objects(engine)
    done = remove("--yes")
    assert done.exit_code == 1
    assert "Foreign keys of" in done.output
    assert "orders" in done.output
    assert "Their loans" in done.output
    assert objects(engine) == before


def test_tables_in_the_history_of_a_host_are_left_to_the_host(remove: Any, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE bookstore_alembic_version RENAME TO alembic_version"))
    before = objects(engine)
    done = remove("--yes")
    assert done.exit_code == 1
    assert "alembic downgrade bookstore@base" in done.output
    assert objects(engine) == before


def test_a_role_without_the_right_to_is_told_so(postgres_backend: Any, tmp_path: Path) -> None:
    url = postgres_backend.create()
    owner = make_engine({"url": url})
    name = f"clerk_{owner.url.database}"
    with owner.begin() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"))
    theirs = owner.url.set(username=name, password="secret")
    settings = {"bookstore.sqlalchemy.url": theirs.render_as_string(hide_password=False)}
    done = CliRunner().invoke(main, ["-c", str(write_ini(tmp_path, settings)), "remove", "--yes"])
    assert done.exit_code == 1
    assert "belong to the role" in done.output
    with owner.begin() as connection:
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))
    owner.dispose()
    postgres_backend.drop(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{folder}/none.sqlite", "unable to open database file"),
        ("postgresql+psycopg://ann:secret@127.0.0.1:1/none", "onnection refused"),
    ],
)
def test_a_database_that_cannot_be_reached_is_named_without_its_password(
    tmp_path: Path, url: str, said: str
) -> None:
    ini = str(write_ini(tmp_path, {"bookstore.sqlalchemy.url": url.format(folder=tmp_path)}))
    result = CliRunner().invoke(main, ["-c", ini, "remove", "--yes"])
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {url[:6]}")
    assert said in result.stderr
    assert "secret" not in result.stderr
    assert not (tmp_path / "none.sqlite").exists()
