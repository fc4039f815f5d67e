"""Through a real PgBouncer in transaction mode: what works, and which settings it needs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from webtest import TestApp

from pyramid_bookstore.db.engines import make_engine, make_one_time_engine, make_reading_engine
from pyramid_bookstore.db.migrations import upgrade
from pyramid_bookstore.web.mount import Mount
from tests.support.api import BOOKS, RUST, ask, assert_problem, new_book
from tests.support.pgbouncer import PgBouncer, pgbouncer_program

pytestmark = pytest.mark.skipif(pgbouncer_program() is None, reason="PgBouncer is not installed")

CLIENTS = 16
#: Fewer server connections than clients, so that each client uses all of them in turn.
SERVER_CONNECTIONS = 3


@pytest.fixture(scope="module")
def bouncer(postgres):
    with PgBouncer(postgres.admin_url, pool_size=SERVER_CONNECTIONS) as bouncer:
        yield bouncer


@pytest.fixture
def url(postgres_backend):
    url = postgres_backend.create()
    yield url
    postgres_backend.drop(url)


@pytest.fixture
def through(bouncer, url):
    return bouncer.url(url, prepare_threshold="none")


@pytest.fixture
def make_pooled(make_app, through):
    def make(**settings):
        given = {
            "bookstore.sqlalchemy.url": through,
            "bookstore.sqlalchemy.pool_size": str(CLIENTS),
            "bookstore.sqlalchemy.max_overflow": "0",
        }
        return TestApp(make_app(given | settings))

    return make


@pytest.fixture
def client(make_pooled):
    return make_pooled()


def at_once(calls):
    """The results of the calls, made in parallel by one thread for each client."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def total(client):
    return client.get(BOOKS).json["total"]


def test_clients_share_fewer_server_connections(client, url):
    """If each client had its own server connection, the other tests here would prove nothing."""
    at_once([lambda: client.get(BOOKS) for _ in range(100)])
    direct = make_engine({"url": url})
    with direct.connect() as connection:
        name = make_url(url).database
        count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name")
        others = connection.scalar(count, {"name": name}) - 1
    direct.dispose()
    assert 1 <= others <= SERVER_CONNECTIONS
    assert Mount.of(client.app.registry).database.reading.pool.checkedin() > SERVER_CONNECTIONS


def test_repeated_reads_and_writes_work_without_prepared_statements(client):
    """psycopg prepares a statement after five executions unless that is switched off."""
    path = client.post_json(BOOKS, RUST, status=201).headers["Location"]

    def work(number):
        created = ask(client, "POST", BOOKS, new_book(number))
        listed = ask(client, "GET", f"{BOOKS}?search=anna&author=seghers")
        read = ask(client, "GET", path)
        return created.status_int, listed.status_int, read.status_int

    answers = at_once([lambda number=number: work(number) for number in range(100)])
    assert set(answers) == {(201, 200, 200)}
    assert total(client) == 101


@pytest.mark.parametrize(("said", "meant"), [("none", None), ("3", 3), (None, 5)])
def test_the_prepare_threshold_is_set_in_the_url(url, said, meant):
    """It is set in the URL because an INI has no other place; psycopg's default is 5."""
    query = {} if said is None else {"prepare_threshold": said}
    engine = make_engine({"url": make_url(url).update_query_dict(query)})
    with engine.connect() as connection:
        assert connection.connection.dbapi_connection.prepare_threshold == meant
    engine.dispose()


@pytest.mark.parametrize(("query", "seconds"), [({}, "5"), ({"connect_timeout": "2"}, "2")])
def test_the_connect_timeout_is_5_seconds_unless_set_in_the_url(url, query, seconds):
    engine = make_engine({"url": make_url(url).update_query_dict(query)})
    with engine.connect() as connection:
        info = connection.connection.dbapi_connection.info
        assert info.get_parameters()["connect_timeout"] == seconds
    engine.dispose()


def test_a_hundred_parallel_stock_changes_are_each_counted_once(client):
    path = client.post_json(BOOKS, RUST | {"stock": 90}, status=201).headers["Location"]
    change = f"{path}/stock".removeprefix("http://localhost")
    answers = at_once([lambda: ask(client, "POST", change, {"delta": -1}) for _ in range(100)])
    codes = [answer.status_int for answer in answers]
    assert (codes.count(200), codes.count(409)) == (90, 10)
    assert sorted(each.json["stock"] for each in answers if each.status_int == 200) == [*range(90)]
    assert client.get(path).json["stock"] == 0


def test_parallel_creates_with_one_idempotency_key_make_one_book(make_pooled):
    """Two applications act as two processes: only the database knows both."""
    clients = [make_pooled(), make_pooled()]
    key = {"Idempotency-Key": "0123456789"}

    def order(number):
        return ask(clients[number % 2], "POST", BOOKS, RUST, key)

    answers = at_once([lambda number=number: order(number) for number in range(30)])
    made = [answer for answer in answers if answer.status_int == 201]
    running = [answer for answer in answers if answer.status_int == 409]
    assert made
    assert len(made) + len(running) == 30
    assert {answer.json["error"] for answer in running} <= {"idempotency_in_progress"}
    assert len({answer.json["id"] for answer in made}) == 1
    assert total(clients[0]) == 1


def test_the_total_is_right_after_parallel_creates_deletes_and_refusals(client):
    paths = [
        client.post_json(BOOKS, new_book(number), status=201).headers["Location"]
        for number in range(40)
    ]
    deleted = [path.removeprefix("http://localhost") for path in paths[::2]]
    calls = [lambda path=path: ask(client, "DELETE", path).status_int for path in deleted]
    calls += [
        lambda number=number: ask(client, "POST", BOOKS, new_book(number)).status_int
        for number in range(100, 130)
    ]
    # Refused, so that there is something to roll back, too.
    calls += [
        lambda number=number: ask(client, "POST", BOOKS, new_book(number)).status_int
        for number in range(1, 40, 2)
    ]
    answers = at_once(calls)
    assert answers == [204] * 20 + [201] * 30 + [409] * 20
    assert total(client) == 50
    assert len(client.get(f"{BOOKS}?limit=100&count=none").json["data"]) == 50


def test_parallel_migrations_run_one_after_another(bouncer, postgres):
    """The migration lock is held by a transaction: PgBouncer would lose a session lock."""
    fresh = postgres.create_database()
    through = bouncer.url(fresh, prepare_threshold="none")
    meeting = threading.Barrier(4)

    def migrate():
        engine = make_one_time_engine({"url": through})
        meeting.wait(30)
        upgrade(engine)
        with engine.connect() as connection:
            return connection.scalar(text("SELECT version_num FROM bookstore_alembic_version"))

    revisions = at_once([migrate] * 4)
    assert len(set(revisions)) == 1
    postgres.drop_database(fresh)


class TestStatementTimeout:
    TIMEOUT = {"bookstore.statement_timeout": "200"}

    @pytest.fixture
    def locked(self, url):
        """Lock the table of books against reads and writes of others."""
        engine = make_engine({"url": url})
        with engine.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE bookstore_books IN ACCESS EXCLUSIVE MODE")
            yield
        engine.dispose()

    @pytest.fixture
    def by_role(self, postgres, bouncer, url):
        """Give the role a statement timeout in this database, for new server connections."""
        name = make_url(url).database
        with postgres.connect() as connection:
            user = connection.info.user
            alter = f'ALTER ROLE "{user}" IN DATABASE "{name}"'
            connection.execute(f"{alter} SET statement_timeout = '200ms'".encode())
            yield
            connection.execute(f"{alter} RESET statement_timeout".encode())

    def slow(self, answer):
        refused = assert_problem(answer, 503, "unavailable")
        assert refused["detail"] == "The database did not answer in time."

    def test_the_statement_timeout_ends_a_statement_in_a_transaction(self, make_pooled, locked):
        client = make_pooled(**self.TIMEOUT)
        self.slow(ask(client, "POST", BOOKS, RUST, {"Idempotency-Key": "0123456789"}))

    def test_the_timeout_of_the_role_ends_statements_in_autocommit(
        self, make_pooled, by_role, locked, caplog
    ):
        client = make_pooled(**self.TIMEOUT)
        self.slow(ask(client, "GET", BOOKS))
        self.slow(ask(client, "POST", BOOKS, RUST))
        assert "ALTER ROLE" not in caplog.text

    def test_a_missing_timeout_of_the_role_is_logged_once(self, make_pooled, through, caplog):
        """And the timeout is not left on a server connection that other clients get."""
        client = make_pooled(**self.TIMEOUT)
        at_once([lambda: client.get(BOOKS) for _ in range(50)])
        said = [each for each in caplog.messages if "ALTER ROLE" in each]
        assert len(said) == 1, caplog.messages
        assert "statement_timeout = 200" in said[0]
        bystander = make_reading_engine({"url": through})
        with bystander.connect() as connection:
            assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"
        bystander.dispose()
