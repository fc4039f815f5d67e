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
from sqlalchemy import make_url, text

from pyramid_bookstore.cli import main
from pyramid_bookstore.cli.checkup import MULTIPROC, Finding, check_all, check_settings
from pyramid_bookstore.db import migrations
from pyramid_bookstore.db.dialects.sqlite_url import file_of
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


def settings_findings(*, in_host: bool = False, **more: str) -> dict[str, Finding]:
    settings = Settings.from_mapping({"bookstore.sqlalchemy.url": "sqlite://", **more})
    found = check_settings(settings, in_host=in_host, one_process=False)
    return {finding.subject: finding for finding in found}


def test_access_without_authentication_is_a_warning_but_for_a_host() -> None:
    assert settings_findings()["access"].verdict == "warning"
    in_host = settings_findings(in_host=True)["access"]
    assert (in_host.verdict, in_host.advice) == ("ok", "")
    secret = "0123456789abcdef" * 4
    jwt = {
        "bookstore.auth": "jwt",
        "bookstore.jwt.key": secret,
        "bookstore.jwt.algorithms": "HS256",
        "bookstore.anonymous": "view",
    }
    assert settings_findings(**jwt)["access"].verdict == "ok"


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
        ("uri = sqlite://", "uri: no such option, did you mean url?"),
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


def test_what_the_start_migrates_is_a_warning(backend: Any, tmp_path: Path, write: Write) -> None:
    url = backend.create()
    migrations.downgrade(make_one_time_engine({"url": url}), "base")
    output = check(write(url, "bookstore.migrate = true"), 0)
    assert "warning  schema: Not set up" in output
    assert "at its start, as bookstore.migrate is true" in output
    assert "Run: bookstore -c INI migrate" not in output
    backend.drop(url)
    nowhere = f"sqlite:///{tmp_path}/none.sqlite"
    assert "warning  database: " in check(write(nowhere, "bookstore.migrate = true"), 0)
    assert not (tmp_path / "none.sqlite").exists()
    nowhere = f"sqlite:///{tmp_path}/none/none.sqlite"
    assert "fault    database: " in check(write(nowhere, "bookstore.migrate = true"), 1)


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
    assert found["extension"].verdict == "warning"
    assert "This role may create it" in found["extension"].advice
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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_writable_is_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert findings(f"sqlite:///{folder}/shop.sqlite")["folder"].verdict == "fault"


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_check_leaves_the_file_as_it_is_and_none_beside_it(
    sqlite_backend: Any, write: Write, mode: str
) -> None:
    url = sqlite_backend.create()
    path = file_of(make_url(url))
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.close()
    before = path.read_bytes()
    output = check(write(url), 0)
    assert ("journal_mode is delete" in output) == (mode == "delete")
    assert path.read_bytes() == before
    assert sorted(path.parent.glob(f"{path.name}*")) == [path]
    sqlite_backend.drop(url)


def test_check_leaves_a_hosts_database_without_our_tables_as_it_is(
    tmp_path: Path, write: Write
) -> None:
    path = tmp_path / "host.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (name TEXT)")
    connection.close()
    before = path.read_bytes()
    assert "Not set up" in check(write(f"sqlite:///{path}"), 1)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["host.sqlite", "shop.ini"]


def test_findings_come_before_settings_and_faults_before_the_rest(
    database: str, write: Write
) -> None:
    output = check(write(database, "bookstore.auth = jwt"), 1)
    output = output[output.index("Findings") :]
    verdicts = [line.split()[0] for line in output.splitlines() if line.startswith("  ")]
    assert verdicts[0] == "fault"
    assert "Settings" not in output  # they cannot be shown before they are mended
    output = check(write(database), 0)
    assert output.index("Findings") < output.index("  ok ") < output.index("Settings\n")
    assert output.index("  warning ") < output.index("  ok ")


def test_the_database_is_looked_at_also_where_tokens_are_unset(database: str, write: Write) -> None:
    output = check(write(database, "bookstore.auth = jwt"), 1)
    assert "fault    start: bookstore.jwt.key: bookstore.auth = jwt needs it" in output
    assert "ok       schema: At revision" in output


def test_a_database_url_that_is_a_fault_itself_is_the_only_finding(write: Write) -> None:
    output = check(write("nonsense"), 1)
    assert output.count("fault  ") == 1


def test_declarations_with_faults_do_not_hide_the_database(database: str, write: Write) -> None:
    output = check(write(database, "bookstore.field.colour = nonsense"), 1)
    assert "fault    start: bookstore.field.colour" in output
    assert "ok       schema: At revision" in output


def test_variables_of_others_are_named(
    database: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKSTORE_ADMIN_EMAIL", "me@example.com")
    output = check(write(database), 0)
    assert "BOOKSTORE_ADMIN_EMAIL" in output
    assert "me@example.com" not in output


SERVERS = [
    (("[server:main]", "use = egg:waitress#main"), "ok"),
    (("[server:main]", "use = egg:gunicorn#main", "workers = 4"), "warning"),
    ((), "warning"),
]


@pytest.mark.parametrize(("server", "verdict"), SERVERS)
def test_several_processes_without_a_folder_for_metrics_are_a_warning(
    database: str,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    server: tuple[str, ...],
    verdict: str,
) -> None:
    monkeypatch.delenv(MULTIPROC, raising=False)
    ini = write(database, "bookstore.metrics = true", *server)
    assert f"{verdict:7}  metrics: " in check(ini, 0)
    monkeypatch.setenv(MULTIPROC, str(tmp_path))
    assert f"ok       metrics: Processes share {tmp_path}." in check(ini, 0)
    monkeypatch.setenv(MULTIPROC, f"{tmp_path}/none")
    assert "fault    metrics: " in check(ini, 1)


class TestExtension:
    """pg_trgm, of which `migrate` makes use."""

    @pytest.fixture
    def empty(self, postgres: Any) -> Any:
        url = postgres.create_database()
        yield url
        postgres.drop_database(url)

    def test_a_role_that_may_create_it_is_told_to_migrate(self, empty: str) -> None:
        found = findings(empty)["extension"]
        assert found.verdict == "warning"
        assert "bookstore -c INI migrate" in found.advice

    @pytest.mark.parametrize(("locale", "verdict"), [("C.UTF-8", "ok"), ("C", "warning")])
    def test_a_database_in_which_it_sees_ascii_alone_is_said(
        self, postgres: Any, locale: str, verdict: str
    ) -> None:
        there = "SELECT 1 FROM pg_collation WHERE collname ILIKE 'C.utf%8' AND collprovider = 'c'"
        if locale != "C" and not postgres.query(there):
            pytest.skip("the server has no locale C.UTF-8")
        name = f"letters_{os.getpid()}"
        with postgres.connect() as connection:
            libc = "LOCALE_PROVIDER libc" if connection.info.server_version >= 150_000 else ""
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 {libc}"
                f" LC_COLLATE 'C' LC_CTYPE '{locale}'"
            )
        url = postgres.url(name)
        with make_one_time_engine({"url": url}).begin() as connection:
            connection.execute(text("CREATE EXTENSION pg_trgm"))
        found = findings(url)["extension"]
        assert found.verdict == verdict
        assert ("--locale C.UTF-8" in found.advice) is (verdict == "warning")
        postgres.drop_database(url)

    def test_a_role_that_may_not_is_told_who_must(self, empty: str, postgres: Any) -> None:
        name = f"reader_{os.getpid()}"
        with make_one_time_engine({"url": empty}).begin() as connection:
            connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'"))
        url = make_url(empty).set(username=name, password="secret")
        found = findings(url.render_as_string(hide_password=False))["extension"]
        assert (found.verdict, "As a user with the right to" in found.advice) == ("fault", True)
        with make_one_time_engine({"url": empty}).begin() as connection:
            connection.execute(text(f"DROP ROLE {name}"))


HOST = """
from pyramid.config import Configurator

def main(global_config, **settings):
    raise AssertionError("check does not start it")
"""


def test_advice_for_a_host_names_the_keys_that_it_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_host.py").write_text(HOST)
    monkeypatch.syspath_prepend(str(tmp_path))
    ini = tmp_path / "host.ini"
    url = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    ini.write_text(f"[app:main]\nuse = call:their_host:main\nsqlalchemy.url = {url}\n")
    output = check(str(ini), 1)
    assert "that sqlalchemy.url names it" in output
    assert "bookstore.sqlalchemy" not in output[: output.index("Settings\n")]
    assert "bookstore.auth" not in output[: output.index("Settings\n")]


class TestSharedSession:
    """An INI with `bookstore.dbsession`, whose engine is the application's."""

    @pytest.fixture
    def shared(self, tmp_path: Path) -> Callable[[str], str]:
        def shared(line: str) -> str:
            ini = tmp_path / "shared.ini"
            lines = ["[app:main]", "use = egg:pyramid_bookstore", "bookstore.dbsession = dbsession"]
            ini.write_text("\n".join([*lines, line]))
            return str(ini)

        return shared

    def test_foreign_keys_that_sqlite_may_not_enforce_are_a_warning(
        self, database: str, shared: Any
    ) -> None:
        ini = shared(f"sqlalchemy.url = {database}")
        assert "keys: " not in check(ini, 0)
        engine = make_one_time_engine({"url": database})
        sqlite = engine.dialect.name == "sqlite"
        kind = "CHAR(32)" if sqlite else "UUID"
        with engine.begin() as connection:
            orders = f"CREATE TABLE orders (book {kind} REFERENCES bookstore_books (id))"
            connection.execute(text(orders))
        output = check(ini, 0)
        assert ("warning  keys: Foreign keys of orders refer to the books" in output) == sqlite

    def test_an_engine_that_is_not_known_here_is_a_warning(self, shared: Any) -> None:
        output = check(shared(""), 0)
        assert "warning  database: The application's session has an engine" in output
