"""`bookstore check` reports each fault with a verdict and an advice, on real databases."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import event, make_url, text

from pyramid_bookstore.cli import checkup, main
from pyramid_bookstore.cli.checkup import Finding, check_all
from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.dialects.sqlite import file_of
from pyramid_bookstore.db.engines import make_one_time_engine
from pyramid_bookstore.settings import Settings

Write = Callable[..., str]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("BOOKSTORE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(url: str, *lines: str) -> str:
        path = tmp_path / "shop.ini"
        url = f"bookstore.sqlalchemy.url = {url}"
        path.write_text("\n".join(["[app:main]", "use = egg:pyramid_bookstore", url, *lines]))
        return str(path)

    return write


def check(ini: str, code: int) -> str:
    done = CliRunner().invoke(main, ["-c", ini, "check"])
    assert done.exit_code == code, done.output
    return done.output


def findings(url: str, **more: str) -> dict[str, Finding]:
    settings = Settings.from_mapping({"bookstore.sqlalchemy.url": url, **more})
    engine = make_one_time_engine({"url": url})
    return {found.subject: found for found in check_all(settings, engine)}


def test_a_good_database_has_no_fault_and_exit_code_0(database: str, write: Write) -> None:
    output = check(write(database, "bookstore.limit.max = 50"), 0)
    assert "bookstore.limit.max = 50" in output
    assert "  fault" not in output
    for subject in ("database", "schema", "indexes"):
        assert f"ok       {subject}: " in output


def test_the_password_of_the_database_is_not_shown(postgres: Any, write: Write) -> None:
    url = make_url(postgres.url("postgres")).set(password="hunter2", port=1)
    output = check(write(url.render_as_string(hide_password=False)), 1)
    assert "hunter2" not in output
    assert "See that the server runs" in output


def test_a_missing_database_is_a_fault_with_the_advice_createdb(postgres: Any) -> None:
    found = findings(postgres.url("no_such_shop"))["database"]
    assert found.verdict == "fault"
    assert "createdb" in found.advice


def test_an_unknown_role_is_a_fault_with_advice_on_the_user(postgres: Any) -> None:
    url = make_url(postgres.url("postgres")).set(username="nobody_knows")
    found = findings(url.render_as_string(hide_password=False))["database"]
    assert found.verdict == "fault"
    assert "user or password" in found.advice


def test_access_without_authentication_is_a_warning(database: str) -> None:
    assert findings(database)["access"].verdict == "warning"


def test_in_a_host_its_own_policy_decides(database: str) -> None:
    """Whether it has one is not known: the application is not loaded."""
    settings = Settings.from_mapping({"bookstore.sqlalchemy.url": database})
    engine = make_one_time_engine({"url": database})
    [access] = [each for each in check_all(settings, engine, None) if each.subject == "access"]
    assert (access.verdict, access.advice) == ("ok", "")
    assert "security policy decides" in access.message
    secret = "0123456789abcdef" * 4
    jwt = {
        "bookstore.auth": "jwt",
        "bookstore.jwt.key": secret,
        "bookstore.jwt.algorithms": "HS256",
        "bookstore.anonymous": "view",
    }
    assert findings(database, **jwt)["access"].verdict == "ok"


TOKENS = (
    "bookstore.auth = jwt",
    "bookstore.jwt.algorithms = HS256",
    "bookstore.anonymous = view",
)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("bookstore.jwt.key_file = /no/such/key", "bookstore.jwt.key_file: the file cannot be"),
        ("bookstore.jwt.key = short", "bookstore.jwt.key: has 5 bytes; HS256 needs at least 32"),
    ],
)
def test_a_key_that_would_stop_the_start_is_a_fault(
    database: str, write: Write, line: str, said: str
) -> None:
    output = check(write(database, *TOKENS, line), 1)
    assert f"fault    start: {said}" in output
    assert "ok       schema: " in output


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("pool_sise = 5", "*: SQLAlchemy says: Invalid argument(s) 'pool_sise'"),
        ("isolation_level = FOO", "*: SQLAlchemy says: isolation_level 'FOO' is not one of"),
        ("echo = loud", "echo: 'loud' is not true or false"),
    ],
)
def test_an_engine_option_that_would_stop_the_start_is_an_error(
    database: str, write: Write, option: str, said: str
) -> None:
    output = check(write(database, f"bookstore.sqlalchemy.{option}"), 1)
    assert f"bookstore.sqlalchemy.{said}" in output


def test_a_pending_migration_is_a_fault_with_the_command_to_run(backend: Any, write: Write) -> None:
    url = backend.create()
    migrations.downgrade(make_one_time_engine({"url": url}), "base")
    assert "Not set up" in check(write(url), 1)
    migrations.upgrade(make_one_time_engine({"url": url}), "bookstore_0001")
    output = check(write(url), 1)
    assert "At revision bookstore_0001; this code needs" in output
    assert "bookstore -c INI migrate" in output
    backend.drop(url)


def test_a_missing_index_is_a_fault_that_names_it(database: str) -> None:
    with make_one_time_engine({"url": database}).begin() as connection:
        connection.execute(text("DROP INDEX bookstore_books_price_idx"))
    found = findings(database)["indexes"]
    assert found.verdict == "fault"
    assert "bookstore_books_price_idx" in found.message


def test_a_missing_search_index_is_a_fault_that_names_it(database: str) -> None:
    """No model declares this index, and each database has its own kind."""
    engine = make_one_time_engine({"url": database})
    sqlite = engine.dialect.name == "sqlite"
    lost = "bookstore_search_grams" if sqlite else "bookstore_books_sample_idx"
    with engine.begin() as connection:
        connection.execute(text(f"DROP {'TABLE' if sqlite else 'INDEX'} {lost}"))
    found = findings(database)["indexes"]
    assert found.verdict == "fault"
    assert lost in found.message


def test_an_invalid_index_and_a_missing_extension_are_faults(postgres_backend: Any) -> None:
    url = postgres_backend.create()
    with make_one_time_engine({"url": url}).begin() as connection:
        connection.execute(
            text(
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'bookstore_books_stock_idx'::regclass"
            )
        )
        connection.execute(text("DROP EXTENSION pg_trgm CASCADE"))
    found = findings(url)
    assert "bookstore_books_stock_idx" in found["indexes"].message
    assert found["extension"].verdict == "fault"
    assert "CREATE EXTENSION" in found["extension"].advice
    postgres_backend.drop(url)


def test_a_pool_larger_than_the_servers_max_connections_is_a_fault(postgres_backend: Any) -> None:
    url = postgres_backend.create()
    assert findings(url)["pool"].verdict == "ok"
    found = findings(url, **{"bookstore.sqlalchemy.pool_size": "500"})["pool"]
    assert found.verdict == "fault"
    assert "1020 connections" in found.message
    postgres_backend.drop(url)


def test_sqlite_without_a_write_ahead_log_is_a_warning(sqlite_backend: Any) -> None:
    url = sqlite_backend.create()
    engine = make_one_time_engine({"url": url})
    with engine.connect() as connection:
        connection.rollback()
        raw = connection.connection.dbapi_connection
        assert raw is not None
        raw.execute("PRAGMA journal_mode = DELETE")
    before = file_of(make_url(url)).read_bytes()
    found = findings(url)["journal"]
    assert (found.verdict, "delete" in found.message) == ("warning", True)
    assert file_of(make_url(url)).read_bytes() == before
    sqlite_backend.drop(url)


def test_check_writes_nothing_to_a_file_of_sqlite(sqlite_backend: Any, write: Write) -> None:
    """Nor does it move what an ended process left in the write-ahead log."""
    url = sqlite_backend.create()
    path = file_of(make_url(url))
    script = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('CREATE TABLE theirs (name TEXT)')\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    log = path.with_name(f"{path.name}-wal")
    before = path.read_bytes(), log.read_bytes()
    assert before[1]
    check(write(url), 0)
    assert (path.read_bytes(), log.read_bytes()) == before
    sqlite_backend.drop(url)


def test_check_makes_no_file(tmp_path: Path) -> None:
    found = findings(f"sqlite:///{tmp_path}/100% new?.sqlite")
    assert found["database"].verdict == "fault"
    assert "bookstore -c INI migrate" in found["database"].advice
    assert not list(tmp_path.iterdir())


def test_a_name_that_means_something_in_a_uri_is_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/50%25 off #1?.sqlite".replace("?", "%3F")
    migrations.upgrade(make_one_time_engine({"url": url}))
    assert findings(url)["schema"].verdict == "ok"


def test_a_file_that_cannot_be_written_to_is_a_fault(
    sqlite_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_backend.create()
    path = file_of(make_url(url))
    assert "file" not in findings(url)
    monkeypatch.setattr("os.access", lambda asked, _mode: Path(asked) != path)
    found = findings(url)["file"]
    assert (found.verdict, f"chmod u+w {path}" in found.advice) == ("fault", True)
    sqlite_backend.drop(url)


def test_a_file_that_is_only_read_as_the_url_says_is_no_fault(
    sqlite_backend: Any, write: Write
) -> None:
    url = sqlite_backend.create()
    for how in ("mode=ro", "immutable=1"):
        uri = f"sqlite:///file:{file_of(make_url(url))}?{how}&uri=true"
        assert "ok       file: It is only read" in check(write(uri), 0)
    sqlite_backend.drop(url)


def test_a_database_in_memory_has_no_findings_on_folder_and_indexes() -> None:
    found = findings("sqlite://")
    assert "folder" not in found
    assert found["journal"].verdict == "ok"
    assert "indexes" not in found


def test_a_missing_folder_is_a_fault(tmp_path: Path) -> None:
    found = findings(f"sqlite:///{tmp_path}/none/shop.sqlite")
    assert found["folder"].verdict == "fault"
    assert found["database"].verdict == "fault"


def test_a_file_that_needs_another_beside_it_is_a_fault_with_the_url_that_needs_none(
    sqlite_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the database says it to a user without rights; test_read_only_sqlite.py is such a user."""
    url = sqlite_backend.create()
    engine = make_one_time_engine({"url": url})

    def refuse(*_: Any) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    event.listen(engine, "do_connect", refuse)
    monkeypatch.setattr(checkup, "_changing_nothing", lambda engine: engine)
    settings = Settings.from_mapping({"bookstore.sqlalchemy.url": url})
    found = {finding.subject: finding for finding in check_all(settings, engine)}["database"]
    assert found.verdict == "fault"
    assert f"sqlite:///file:{make_url(url).database}?immutable=1&uri=true" in found.advice
    sqlite_backend.drop(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert findings(f"sqlite:///{folder}/shop.sqlite")["folder"].verdict == "fault"
