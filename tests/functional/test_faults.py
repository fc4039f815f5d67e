"""Real database servers that stop, crash, restart and fail over, and disks that fill up.

Faults that need no server of their own are in test_database_faults.py.
"""

import resource
import threading

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from webtest import TestApp

from pyramid_bookstore.web.mount import Mount
from tests.host.hosts import cookiecutter
from tests.support.api import API, BOOKS, RUST, ask, assert_problem, isbn, new_book
from tests.support.backends import migrate
from tests.support.postgres import CHOICE, PostgresServer, postgres_for_tests
from tests.support.processes import wait_until
from tests.support.server import running_server
from tests.support.switch import Switch

# A pool that is given up while others use its connections leaves them to the garbage collector
# (SQLAlchemy, `Engine.dispose`), which closes them; psycopg warns about that.
pytestmark = pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")


@pytest.fixture(scope="module")
def server():
    """A server of this module's own, which it may break."""
    with postgres_for_tests() as server:
        if not isinstance(server, PostgresServer):
            pytest.skip(f"{CHOICE} names a server that is not ours to stop")
        yield server


@pytest.fixture
def url(server):
    server.start()
    url = server.create_database()
    migrate(url)
    yield url
    server.start()
    server.drop_database(url)


@pytest.fixture
def app(make_app, url):
    return make_app({"bookstore.sqlalchemy.url": url})


@pytest.fixture
def client(app):
    return TestApp(app)


def statuses(client, book):
    """What a read, a write, /ready and /health answer, in this order."""
    path = f"{BOOKS}/{book['id']}"
    requests = (
        ("GET", path, None),
        ("POST", f"{path}/stock", {"delta": 1}),
        ("GET", f"{API}/ready", None),
        ("GET", f"{API}/health", None),
    )
    answers = [ask(client, *request) for request in requests]
    for answer in answers:
        if answer.status_int != 200:
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["Retry-After"].isdigit()
    return [answer.status_int for answer in answers]


WELL, UNAVAILABLE = [200, 200, 200, 200], [503, 503, 503, 200]


def assert_no_connection_is_held(app):
    database = Mount.of(app.registry).database
    assert (database.writing.pool.checkedout(), database.reading.pool.checkedout()) == (0, 0)


class TestServerStops:
    @pytest.mark.parametrize("mode", ["fast", "immediate"])
    def test_requests_get_503_while_the_server_is_stopped_and_then_recover(
        self, server, app, client, mode
    ):
        book = client.post_json(BOOKS, RUST).json
        for _ in range(2):
            assert statuses(client, book) == WELL
            server.stop(mode)
            assert statuses(client, book) == UNAVAILABLE
            assert_no_connection_is_held(app)
            server.start()
        assert statuses(client, book) == WELL
        assert_no_connection_is_held(app)

    def test_requests_after_a_server_restart_use_new_connections(self, server, app, client):
        """Every pooled connection is closed; reads and writes are carried out on new ones."""
        book = client.post_json(BOOKS, RUST).json
        path = f"{BOOKS}/{book['id']}"
        server.restart()
        assert ask(client, "POST", f"{path}/stock", {"delta": 1}).status_int == 200
        server.restart()
        assert ask(client, "GET", path).json["stock"] == 101
        server.restart()
        assert statuses(client, book) == WELL
        assert_no_connection_is_held(app)

    def test_ready_is_200_at_once_after_a_server_restart(self, server, app, client):
        """Also if nothing else was asked: dead connections in the pool say nothing."""
        for _ in range(2):
            assert ask(client, "GET", f"{API}/ready").status_int == 200
            server.restart()
        assert ask(client, "GET", f"{API}/ready").status_int == 200
        server.stop()
        assert_problem(ask(client, "GET", f"{API}/ready"), 503, "unavailable")
        server.start()
        assert ask(client, "GET", f"{API}/ready").status_int == 200
        assert_no_connection_is_held(app)

    @pytest.mark.parametrize("with_tm", [True, False])
    def test_ready_is_200_at_once_after_a_restart_with_a_session_of_the_host(
        self, server, url, with_tm
    ):
        """Also where the host's pool has one connection only."""
        engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=1)
        client = TestApp(cookiecutter(engine, with_tm=with_tm))
        for _ in range(2):
            assert client.get("/shop/ready").json["status"] == "ready"
            server.restart()
        server.stop()
        for _ in range(2):  # the second finds no connection in the pool
            assert_problem(client.get("/shop/ready", status=503), 503, "unavailable")
        server.start()
        assert client.get("/shop/ready").json["status"] == "ready"
        engine.dispose()

    def test_requests_get_503_after_a_crash_and_committed_books_survive(self, server, client):
        """The book that was created before the crash still exists after it."""
        book = client.post_json(BOOKS, RUST).json
        server.kill()
        assert statuses(client, book) == UNAVAILABLE
        server.start()
        assert statuses(client, book) == WELL

    def test_no_acknowledged_write_is_lost_when_the_server_restarts_under_load(
        self, server, app, client
    ):
        """Each write is acknowledged and stored, or refused with 503 for the client to repeat."""
        stop = threading.Event()
        answers, made = [], []

        def write(offset):
            number = offset
            while not stop.is_set():
                number += 4
                answer = ask(client, "POST", BOOKS, new_book(number))
                answers.append(answer.status_int)
                if answer.status_int == 201:
                    made.append(answer.json["isbn"])

        threads = [threading.Thread(target=write, args=(offset,)) for offset in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            before = len(made)
            wait_until(lambda before=before: len(made) > before + 20, timeout=60, what="writes")
            server.restart()
        before = len(made)
        wait_until(lambda: len(made) > before + 20, timeout=60, what="writes after the restarts")
        stop.set()
        for thread in threads:
            thread.join()
        assert set(answers) <= {201, 503}
        for each in made:
            assert ask(client, "GET", f"{BOOKS}/isbn/{each}").status_int == 200
        assert_no_connection_is_held(app)


class TestConnectionsAtTheServer:
    def test_no_connection_is_leaked_or_left_in_a_transaction(self, server, url, app, client):
        book = client.post_json(BOOKS, RUST).json
        threads = [threading.Thread(target=statuses, args=(client, book)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        name = make_url(url).database
        states = server.query(f"SELECT state FROM pg_stat_activity WHERE datname = '{name}'")
        database = Mount.of(app.registry).database
        pools = [database.writing.pool, database.reading.pool]
        assert {state for (state,) in states} == {"idle"}
        assert len(states) == sum(pool.checkedin() for pool in pools)
        assert_no_connection_is_held(app)


class TestFailover:
    @pytest.fixture
    def pair(self):
        with postgres_for_tests(durable=False) as primary:
            if not isinstance(primary, PostgresServer):
                pytest.skip(f"{CHOICE} names a server that is not ours to stop")
            yield primary

    def test_failover_works_while_the_old_primary_stays_up_read_only(self, pair, make_app):
        """Connections to the old primary stay open and refuse every write (25006), so the pool must
        replace them. Reads must move too, or they would show an old state."""
        url = pair.create_database()
        migrate(url)
        with Switch(pair.port) as address:
            through = make_url(url).set(port=address.port).render_as_string(hide_password=False)
            app = make_app({"bookstore.sqlalchemy.url": through})
            client = TestApp(app)
            book = client.post_json(BOOKS, RUST).json
            assert statuses(client, book) == WELL
            standby = pair.make_standby()
            standby.wait_for_replay()

            with pair.connect() as connection:
                connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
                connection.execute("SELECT pg_reload_conf()")
            read_only = "SELECT current_setting('default_transaction_read_only')"
            wait_until(lambda: pair.query(read_only) == [("on",)], timeout=30, what="the reload")
            # No standby took over yet: reads work, and writes get 503.
            assert statuses(client, book) == [200, 503, 200, 200]

            standby.promote()
            address.target = standby.port
            assert statuses(client, book) == WELL
            path = f"{BOOKS}/{book['id']}"
            changed = ask(client, "PUT", path, {"stock": 7})
            assert ask(client, "GET", path).body == changed.body
            assert_no_connection_is_held(app)
            Mount.of(app.registry).database.dispose()

    def test_failover_works_after_the_primary_crashed(self, pair, make_app):
        url = pair.create_database()
        migrate(url)
        with Switch(pair.port) as address:
            through = make_url(url).set(port=address.port).render_as_string(hide_password=False)
            app = make_app({"bookstore.sqlalchemy.url": through})
            client = TestApp(app)
            book = client.post_json(BOOKS, RUST).json
            standby = pair.make_standby()
            standby.wait_for_replay()
            pair.kill()
            assert statuses(client, book) == UNAVAILABLE
            standby.promote()
            address.target = standby.port
            assert statuses(client, book) == WELL
            Mount.of(app.registry).database.dispose()


def test_writes_get_503_while_the_disk_is_full_and_then_recover(sqlite_backend):
    """The kernel enforces a limit on file size; without the limit all writes work again."""
    url = sqlite_backend.create()
    with running_server({"bookstore.sqlalchemy.url": url}) as server:
        pid = server.process.pid
        first = server.request("POST", BOOKS, json=RUST)
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (400_000, hard))
        made, refused = [], 0
        for number in range(200):
            book = new_book(number, description="x" * 9000)
            answer = server.request("POST", BOOKS, json=book)
            if answer.status == 201:
                made.append(answer.json["isbn"])
            else:
                assert (answer.status, answer.json["error"]) == (503, "unavailable")
                assert answer.headers["retry-after"].isdigit()
                refused += 1
            if refused == 5:
                break
        assert refused == 5
        assert server.request("GET", f"{BOOKS}/{first.json['id']}").status == 200
        assert server.request("GET", f"{API}/health").status == 200
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert server.request("POST", BOOKS, json=new_book(999)).status == 201
        for each in [*made, isbn(999)]:
            assert server.request("GET", f"{BOOKS}/isbn/{each}").status == 200
        assert server.request("GET", BOOKS).json["total"] == len(made) + 2
    sqlite_backend.drop(url)
