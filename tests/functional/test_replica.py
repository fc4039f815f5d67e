"""Reads on a real streaming standby: which requests use it, and what happens if it fails."""

import os
import sqlite3

import pytest
from pyramid.exceptions import ConfigurationExecutionError
from sqlalchemy.engine import make_url
from webtest import TestApp

from pyramid_bookstore.db import replica as replica_module
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.db.replica import Replica, ReplicaReader, ReplicaState
from pyramid_bookstore.web.mount import Mount
from tests.support.api import API, BOOKS, ask, assert_problem, new_book
from tests.support.backends import migrate
from tests.support.postgres import CHOICE, PostgresServer
from tests.support.processes import wait_until

RECEIVED = "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()"
NOW = {"Cache-Control": "no-cache"}


@pytest.fixture(scope="module")
def primary():
    """A server of this module's own: it is stopped and started, and needs standbys."""
    if "://" in os.environ.get(CHOICE, ""):
        pytest.skip("standbys are made of a server of our own")
    config = {
        "max_connections": 100,
        "wal_retrieve_retry_interval": "200ms",
        # So committed changes are sent to the standbys.
        "synchronous_commit": "on",
    }
    with PostgresServer(durable=False, config=config) as server:
        yield server


@pytest.fixture(scope="module")
def template(primary):
    url = primary.create_database("migrated")
    migrate(url)
    return "migrated"


@pytest.fixture(scope="module")
def shared_standby(primary, template):
    return primary.make_standby()


@pytest.fixture
def url(primary, template):
    return primary.create_database(template=template)


def on(server, url):
    """The same database on another server."""
    return make_url(url).set(port=server.port).render_as_string(hide_password=False)


class Clock:
    """A clock that only the test moves."""

    now = 0.0

    def __call__(self):
        return self.now

    def later(self):
        """Let the last check of the replica expire."""
        self.now += 10


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_pair(make_app, clock):
    """``make_pair(url, replica_url, **settings)``: a client whose replica's clock is ``clock``."""

    def make(url, replica_url, **more):
        settings = {
            "bookstore.sqlalchemy.url": url,
            "bookstore.replica.sqlalchemy.url": replica_url,
        }
        app = make_app(settings | more)
        Mount.of(app.registry).database.replica._clock = clock
        return TestApp(app)

    return make


def standing(client):
    return client.get(f"{API}/ready").json["replica"]


@pytest.fixture
def standby(shared_standby, url):
    """A standby that has all that the primary has."""
    shared_standby.wait_for_replay()
    return shared_standby


@pytest.fixture(scope="module")
def stoppable_standby(primary, template):
    return primary.make_standby()


@pytest.fixture
def stoppable(stoppable_standby, url):
    """A standby that tests stop and start."""
    stoppable_standby.start()
    stoppable_standby.wait_for_replay()
    return stoppable_standby


def pause(standby):
    standby.query("SELECT pg_wal_replay_pause()")
    paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
    wait_until(lambda: standby.query(paused)[0][0], timeout=10, what="pause")


@pytest.fixture
def paused(standby):
    """The standby receives and does not replay: it does not show what is written now."""
    pause(standby)
    yield standby
    standby.query("SELECT pg_wal_replay_resume()")


class TestRouting:
    @pytest.fixture
    def client(self, make_pair, url, paused):
        """The standby is paused, and is used because a large lag is allowed."""
        most = {"bookstore.replica.max_lag": "86400"}
        client = make_pair(url, on(paused, url), **most)
        assert standing(client) == "ok"
        return client

    @pytest.fixture
    def path(self, client):
        """A book that only the primary has."""
        location = client.post_json(BOOKS, new_book(1), status=201).headers["Location"]
        return location.removeprefix("http://localhost")

    def test_reads_by_id_use_the_replica_unless_no_cache_is_requested(self, client, path):
        there = {
            "": NOW,
            "among others": {"Cache-Control": "max-age=0, No-Cache"},
            "as HTTP/1.0 says it": {"Pragma": "no-cache"},
        }
        elsewhere = {
            "": {},
            "another directive": {"Cache-Control": "max-age=0"},
            "none": {"Cache-Control": ""},
            "others": {"Cache-Control": "x-no-cache, no-cachet"},
            "the newer header goes first": {"Cache-Control": "max-age=5", "Pragma": "no-cache"},
        }
        for method in ("GET", "HEAD"):
            for case, headers in there.items():
                assert ask(client, method, path, headers=headers).status_int == 200, case
            for case, headers in elsewhere.items():
                assert ask(client, method, path, headers=headers).status_int == 404, case

    def test_lists_isbns_and_exports_use_the_replica_unless_no_cache_is_requested(
        self, client, path
    ):
        isbn = f"{BOOKS}/isbn/{new_book(1)['isbn']}"
        assert ask(client, "GET", isbn).status_int == 404
        assert ask(client, "GET", isbn, headers=NOW).status_int == 200
        assert client.get(BOOKS).json["total"] == 0
        assert client.get(BOOKS, headers=NOW).json["total"] == 1
        asked = {"isbns": [new_book(1)["isbn"]]}
        assert client.post_json(f"{BOOKS}/lookup", asked).json["data"] == []
        assert len(client.post_json(f"{BOOKS}/lookup", asked, headers=NOW).json["data"]) == 1
        assert client.get(f"{BOOKS}?search=seghers&sort=title").json["total"] == 0
        assert client.get(f"{BOOKS}/export?format=ndjson").body == b""
        assert client.get(f"{BOOKS}/export?format=ndjson", headers=NOW).body.count(b"\n") == 1

    def test_changes_and_their_own_reads_use_the_primary(self, client, path):
        assert client.put_json(path, {"stock": 9}).json["stock"] == 9
        assert client.post_json(f"{path}/stock", {"delta": -1}).json["stock"] == 8
        assert ask(client, "POST", BOOKS, new_book(1)).status_int == 409
        assert client.get(path, headers=NOW).json["stock"] == 8

    def test_reads_open_connections_to_the_replica(self, client, standby, url):
        """The statistics of the standby show our connections."""
        client.get(BOOKS)
        name = make_url(url).database
        count = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        assert standby.query(count)[0][0] >= 1

    def test_views_of_the_host_read_from_the_primary(self, make_app, paused, url):
        """Only the bookstore's own routes are known to accept a lag."""

        def configure(config):
            config.add_route("host", "/host")
            config.add_view(
                lambda request: {"total": request.bookstore.list().total},
                route_name="host",
                renderer="json",
            )

        settings = {
            "bookstore.sqlalchemy.url": url,
            "bookstore.replica.sqlalchemy.url": on(paused, url),
            "bookstore.replica.max_lag": "86400",
        }
        client = TestApp(make_app(settings, configure=configure))
        client.post_json(BOOKS, new_book(2), status=201)
        assert client.get("/host").json == {"total": 1}
        assert client.get(BOOKS).json["total"] == 0


class TestLag:
    def test_a_replica_of_an_idle_primary_has_no_lag(self, make_pair, url, standby, clock):
        client = make_pair(url, on(standby, url), **{"bookstore.replica.max_lag": "0"})

        def fit():
            clock.later()
            return standing(client) == "ok"

        # Servers write a little log of their own now and then, which may be on its way.
        wait_until(fit, timeout=10, what="no lag")

    def test_a_replica_is_not_used_while_it_is_behind(self, make_pair, url, standby, clock):
        client = make_pair(url, on(standby, url), **{"bookstore.replica.max_lag": "0"})

        def stands(expected):
            clock.later()
            return standing(client) == expected

        wait_until(lambda: stands("ok"), timeout=10, what="no lag")
        pause(standby)
        path = client.post_json(BOOKS, new_book(1), status=201).headers["Location"]
        wait_until(lambda: standby.query(RECEIVED)[0][0], timeout=10, what="WAL")
        # The replica is checked once a second, not once a request.
        assert ask(client, "GET", path).status_int == 404
        clock.later()
        assert ask(client, "GET", path).status_int == 200
        assert standing(client) == "behind"
        standby.query("SELECT pg_wal_replay_resume()")
        standby.wait_for_replay()
        assert standing(client) == "behind"
        wait_until(lambda: stands("ok"), timeout=10, what="no lag")
        assert ask(client, "GET", path).status_int == 200

    def test_a_standby_with_an_apply_delay_is_behind_and_not_used(
        self, make_pair, primary, url, clock
    ):
        standby = primary.make_standby({"recovery_min_apply_delay": "1h"})
        client = make_pair(url, on(standby, url), **{"bookstore.replica.max_lag": "0"})
        path = client.post_json(BOOKS, new_book(1), status=201).headers["Location"]
        wait_until(lambda: standby.query(RECEIVED)[0][0], timeout=10, what="WAL")
        clock.later()
        assert ask(client, "GET", path).status_int == 200
        assert standing(client) == "behind"
        standby.close()


class TestReplicaFaults:
    def test_a_killed_replica_is_not_used_until_it_is_started_again(
        self, make_pair, url, stoppable, clock
    ):
        client = make_pair(url, on(stoppable, url))
        path = client.post_json(BOOKS, new_book(1), status=201).headers["Location"]
        assert client.get(path, headers=NOW).json["stock"] == 5
        stoppable.wait_for_replay()
        assert client.get(path).json["stock"] == 5
        stoppable.kill()
        # The request detects the failure and reads from the primary.
        assert client.get(path).json["stock"] == 5
        ready = client.get(f"{API}/ready").json
        assert (ready["status"], ready["replica"]) == ("ready", "unreachable")
        clock.now += replica_module.RETRY_AFTER - 1
        stoppable.start()
        assert standing(client) == "unreachable"
        clock.later()
        assert client.get(path).json["stock"] == 5
        assert standing(client) == "ok"

    def test_a_replica_that_is_down_at_the_start_is_used_once_it_is_up(
        self, make_pair, url, stoppable, clock
    ):
        stoppable.stop("immediate")
        client = make_pair(url, on(stoppable, url))
        assert client.get(BOOKS).json["total"] == 0
        assert standing(client) == "unreachable"
        stoppable.start()
        clock.later()
        client.get(BOOKS)
        assert standing(client) == "ok"

    def test_a_promoted_replica_is_not_used(self, make_pair, primary, url, clock):
        """It is a primary of its own now, so reads must not use it."""
        promoted = primary.make_standby()
        promoted.wait_for_replay()
        client = make_pair(url, on(promoted, url))
        assert standing(client) == "ok"
        promoted.promote()
        clock.later()
        assert standing(client) == "not a replica"
        path = client.post_json(BOOKS, new_book(1), status=201).headers["Location"]
        assert client.get(path).json["stock"] == 5

    def test_reads_use_the_replica_while_the_primary_is_down(
        self, make_pair, primary, url, stoppable, clock
    ):
        """The lag does not matter then, because no other server has newer books."""
        client = make_pair(url, on(stoppable, url), **{"bookstore.replica.max_lag": "0"})
        path = client.post_json(BOOKS, new_book(1), status=201).headers["Location"]
        stoppable.wait_for_replay()
        primary.stop("immediate")
        try:
            clock.later()
            gone = "SELECT count(*) = 0 FROM pg_stat_wal_receiver"
            wait_until(lambda: stoppable.query(gone)[0][0], timeout=10, what="the receiver's end")
            assert client.get(path).json["stock"] == 5
            assert client.get(BOOKS).json["total"] == 1
            assert_problem(ask(client, "GET", path, headers=NOW), 503, "unavailable")
            assert_problem(ask(client, "GET", f"{API}/ready"), 503, "unavailable")
            assert_problem(ask(client, "PUT", path, {"stock": 1}), 503, "unavailable")
            stoppable.stop("immediate")
            assert_problem(ask(client, "GET", path), 503, "unavailable")
        finally:
            primary.start()

    def test_reads_use_the_primary_if_the_replica_lacks_the_database(
        self, make_pair, primary, template, paused
    ):
        """The standby has not replayed the creation of the database; the primary has it."""
        url = primary.create_database(template=template)
        client = make_pair(url, on(paused, url))
        assert client.get(BOOKS).json["total"] == 0
        assert standing(client) == "unreachable"

    def test_a_statement_timeout_on_the_replica_is_not_retried_on_the_primary(
        self, make_pair, primary, url, standby
    ):
        """The timeout is the answer; a second attempt on the primary would double the time."""
        client = make_pair(url, on(standby, url), **{"bookstore.statement_timeout": "200"})
        assert client.get(BOOKS).json["total"] == 0
        with primary.connect(make_url(url).database) as other, other.transaction():
            other.execute("LOCK TABLE bookstore_books IN ACCESS EXCLUSIVE MODE")
            other.execute("SELECT pg_switch_wal()")
            standby.wait_for_replay()
            answer = ask(client, "GET", BOOKS)
        refused = assert_problem(answer, 503, "unavailable")
        assert refused["detail"] == "The database did not answer in time."


class Broken:
    """A reader that fails."""

    def __init__(self, error):
        self.error = error

    def rows(self, query, values):
        raise self.error


class TestReplicaReader:
    """Cases that a real server does not produce on demand."""

    @pytest.fixture
    def replica(self, tmp_path, clock):
        made = Replica({"url": f"sqlite:///{tmp_path}/copy.sqlite"}, max_lag=1, clock=clock)
        yield made
        made.dispose()

    @pytest.fixture
    def question(self):
        return Query(dialect_named("sqlite").replica_check())

    class Primary:
        dialect = dialect_named("sqlite")

        def rows(self, query, values):
            return ["of the primary"]

    @pytest.mark.parametrize(
        ("state", "taken"), [("40001", True), ("40P01", True), ("42601", False)]
    )
    def test_a_read_cancelled_by_recovery_is_retried_on_the_primary(
        self, replica, question, state, taken
    ):
        """Replay has cancelled the read: the primary answers, and the replica stays in use."""
        import psycopg

        assert replica.state() is ReplicaState.UP_TO_DATE
        error = psycopg.errors.lookup(state)("no")
        replica.reader = Broken(error)
        reader = ReplicaReader(replica, self.Primary())
        assert reader.dialect.name == "sqlite"
        if taken:
            assert reader.rows(question, {}) == ["of the primary"]
        else:
            with pytest.raises(type(error)):
                reader.rows(question, {})
        assert replica.state() is ReplicaState.UP_TO_DATE

    def test_a_replica_that_failed_is_not_used_again_in_the_same_request(self, replica, question):
        reader = ReplicaReader(replica, self.Primary())
        assert [tuple(row) for row in reader.rows(question, {})] == [(True, 0.0)]
        replica.reader = Broken(sqlite3.OperationalError("no such table: bookstore_books"))
        assert reader.rows(question, {}) == ["of the primary"]
        replica.reader = Broken(AssertionError("asked again"))
        assert reader.rows(question, {}) == ["of the primary"]

    @pytest.mark.parametrize(
        "state", [ReplicaState.UP_TO_DATE, ReplicaState.BEHIND, ReplicaState.PROMOTED]
    )
    def test_a_defect_on_the_primary_is_raised(self, replica, question, state):
        """Only if the primary is unreachable is a late replica used instead."""
        replica._next_check = float("inf")
        replica._state = state
        replica.reader = Broken(sqlite3.OperationalError("no such table: bookstore_books"))
        reader = ReplicaReader(replica, Broken(ZeroDivisionError()))
        with pytest.raises(ZeroDivisionError):
            reader.rows(question, {})

    def test_only_one_thread_checks_the_replica_and_others_do_not_wait(self, replica):
        with replica._checking:
            assert replica.state() is ReplicaState.UNREACHABLE
        assert replica.state() is ReplicaState.UP_TO_DATE

    def test_a_replica_with_an_unknown_lag_is_behind(self, replica, caplog):
        class Vague:
            def rows(self, query, values):
                return [(True, None)]

        replica.reader = Vague()
        assert replica.state() is ReplicaState.BEHIND
        assert "lag is unknown" in caplog.text


class TestSQLite:
    def test_an_sqlite_file_can_be_the_replica(self, sqlite_backend, make_pair, clock):
        url, copy = sqlite_backend.create(), sqlite_backend.create()
        client = make_pair(url, copy)
        client.post_json(BOOKS, new_book(1), status=201)
        assert client.get(BOOKS).json["total"] == 0
        assert client.get(BOOKS, headers=NOW).json["total"] == 1
        assert standing(client) == "ok"

    def test_metrics_show_the_pool_of_the_replica(self, sqlite_backend, make_pair):
        client = make_pair(
            sqlite_backend.create(), sqlite_backend.create(), **{"bookstore.metrics": "true"}
        )
        text = client.get(f"{API}/metrics").text
        assert 'bookstore_pool_connections_in_use{pool="replica"} 0.0' in text

    def test_invalid_engine_options_of_the_replica_stop_the_start(self, sqlite_backend, make_app):
        settings = {
            "bookstore.sqlalchemy.url": sqlite_backend.create(),
            "bookstore.replica.sqlalchemy.url": sqlite_backend.create(),
            "bookstore.replica.sqlalchemy.no_such_thing": "1",
        }
        with pytest.raises(ConfigurationExecutionError) as raised:
            make_app(settings)
        assert (
            "bookstore.replica.sqlalchemy.*: SQLAlchemy says: Invalid argument(s) 'no_such_thing'"
            in str(raised.value)
        )

    def test_a_forked_child_has_new_pools_and_checks_the_replica_again(
        self, sqlite_backend, make_pair
    ):
        client = make_pair(sqlite_backend.create(), sqlite_backend.create())
        assert standing(client) == "ok"
        database = Mount.of(client.app.registry).database
        pools = [engine.pool for engine in database.engines.values()]
        database.replica._checking.acquire()
        database.dispose(close=False)
        assert not {*pools} & {engine.pool for engine in database.engines.values()}
        database.replica.reader = Broken(OSError("no"))
        assert standing(client) == "unreachable"
        for pool in pools:
            pool.dispose()
