"""bookstore.statement_timeout: a statement that takes longer is answered with 503."""

import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from pyramid_bookstore.db.dialects.sqlite_deadline import LimitedConnection
from pyramid_bookstore.db.engines import make_engine, make_reading_engine
from tests.support.api import BOOKS, RUST, ask, assert_problem, new_book

FOREVER = (
    "CREATE VIEW forever AS"
    " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 0 FROM n) SELECT i FROM n"
)
SLOW_READS = [
    "ALTER TABLE bookstore_books RENAME TO quick_books",
    "CREATE VIEW bookstore_books AS"
    " SELECT quick_books.* FROM quick_books, forever WHERE forever.i < 0",
]
QUICK_READS = ["DROP VIEW bookstore_books", "ALTER TABLE quick_books RENAME TO bookstore_books"]
SLOW_WRITES = {
    "sqlite": [
        "CREATE TRIGGER slow BEFORE INSERT ON bookstore_books"
        " BEGIN SELECT count(*) FROM forever; END",
    ],
    "postgresql": [
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM count(*) FROM forever; RETURN new; END'",
        "CREATE TRIGGER slow BEFORE INSERT ON bookstore_books FOR EACH ROW EXECUTE FUNCTION wait()",
    ],
}
QUICK_WRITES = {
    "sqlite": ["DROP TRIGGER slow"],
    "postgresql": ["DROP TRIGGER slow ON bookstore_books"],
}


@pytest.fixture
def client(make_client, database):
    client = make_client({"bookstore.statement_timeout": "150"}, url=database)
    client.post_json(BOOKS, new_book(1), status=201)
    return client


@pytest.fixture
def run(engine):
    """Runs statements on another connection, without any timeout."""

    def run(statements):
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    run([FOREVER])
    return run


def too_slow(answer):
    refused = assert_problem(answer, 503, "unavailable")
    assert refused["detail"] == "The database did not answer in time."
    assert int(answer.headers["Retry-After"]) > 0


def test_a_read_longer_than_the_timeout_gets_503(client, run):
    path = client.get(BOOKS).json["data"][0]["id"]
    run(SLOW_READS)
    too_slow(ask(client, "GET", f"{BOOKS}/{path}"))
    too_slow(ask(client, "GET", f"{BOOKS}?sort=title&count=none"))
    run(QUICK_READS)
    assert client.get(f"{BOOKS}/{path}").json["stock"] == 5


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "0123456789"}])
def test_a_write_longer_than_the_timeout_gets_503_and_writes_nothing(client, run, backend, headers):
    """In autocommit and in a transaction; nothing is written."""
    run(SLOW_WRITES[backend.name])
    too_slow(ask(client, "POST", BOOKS, RUST, headers))
    assert client.get(BOOKS).json["total"] == 1
    run(QUICK_WRITES[backend.name])
    assert ask(client, "POST", BOOKS, RUST, headers).status_int == 201


def test_the_timeout_applies_to_each_statement_and_not_to_their_sum(make_client, database):
    """Several statements together may take longer than the timeout."""
    client = make_client({"bookstore.statement_timeout": "2000"}, url=database)
    for number in range(30):
        client.post_json(BOOKS, new_book(number), status=201)
    assert client.get(f"{BOOKS}/export").status_int == 200


class TestSQLite:
    @pytest.fixture
    def connection(self):
        connection = sqlite3.connect(":memory:", factory=LimitedConnection)
        yield connection
        connection.close()

    def test_the_timeout_applies_to_each_fetch_on_sqlite(self, connection):
        """A client that reads slowly is not limited; one fetch that takes too long is."""
        connection.limit_statements(60_000)
        cursor = connection.cursor()
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 200000)"
        cursor.execute(f"{many} SELECT i FROM n")
        connection.deadline = 0.0
        assert len(cursor.fetchmany(100_000)) == 100_000
        connection.deadline = 0.0
        with pytest.raises(sqlite3.OperationalError) as raised:
            cursor.fetchall()
        assert raised.value.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
        cursor.execute("CREATE TABLE t (i)")
        connection.deadline = 0.0
        cursor.executemany("INSERT INTO t VALUES (?)", [(1,)])
        assert connection.deadline > 0

    @pytest.mark.parametrize(("timeout", "waits"), [(0, 5000), (100, 100), (60_000, 5000)])
    def test_the_busy_timeout_is_at_most_the_statement_timeout_on_sqlite(
        self, tmp_path, timeout, waits
    ):
        options = {"url": f"sqlite:///{tmp_path}/books.sqlite"}
        for make in (make_engine, make_reading_engine):
            engine = make(options, statement_timeout=timeout)
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == waits
                driver = connection.connection.dbapi_connection
                assert isinstance(driver, LimitedConnection) == bool(timeout)
            engine.dispose()

    def test_a_statement_ended_by_the_timeout_rolls_its_transaction_back(self, tmp_path):
        engine = make_engine({"url": f"sqlite:///{tmp_path}/books.sqlite"}, statement_timeout=100)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE t (i)")
            connection.exec_driver_sql(FOREVER)
        with engine.connect() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
            with pytest.raises(OperationalError):
                connection.exec_driver_sql("INSERT INTO t SELECT i FROM forever")
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM t")) == 0
        engine.dispose()
