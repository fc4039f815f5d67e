"""A database that is unreachable, busy, full, read-only or without tables: 503 with Retry-After,
then recovery."""

import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError
from webtest import TestApp

from pyramid_bookstore.db.diagnosis import NOT_READY
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.web.mount import Mount
from tests.support.api import API, BOOKS, RUST, ask, assert_problem, new_book


def every_operation(book_id):
    """One request for every operation that needs the database."""
    url = f"{BOOKS}/{book_id}"
    return [
        ("GET", BOOKS, None), ("GET", f"{BOOKS}?search=a&sort=title", None), ("GET", url, None),
        ("GET", f"{BOOKS}/isbn/{RUST['isbn']}", None), ("POST", BOOKS, new_book(77)),
        ("PUT", url, {"stock": 1}), ("PUT", url, {"isbn": RUST["isbn"]}),
        ("PATCH", url, {"extra": {"a": 1}}), ("POST", f"{url}/stock", {"delta": -1}),
        ("PUT", f"{BOOKS}/isbn/{RUST['isbn']}", RUST), ("DELETE", url, None),
    ]  # fmt: skip


ANY_ID = "01a20253-e83e-7b91-92af-097058bab2fa"
SECRETS = (
    "psycopg",
    "sqlite3",
    "SELECT",
    "INSERT",
    "bookstore_books",
    "127.0.0.1",
    "localhost",
    "Traceback",
)


def assert_unavailable(answer):
    """A 503 that has Retry-After and shows nothing about the database."""
    document = assert_problem(answer, 503, "unavailable")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert not [word for word in SECRETS if word in answer.text]
    return document["detail"]


def all_unavailable(client, book_id=ANY_ID, *, reads=True, writes=True):
    """Every operation answers 503; the reasons that were given."""
    reasons = set()
    for method, path, body in every_operation(book_id):
        if reads if method == "GET" else writes:
            reasons.add(assert_unavailable(ask(client, method, path, body)))
    assert ask(client, "GET", f"{API}/health").status_int == 200
    return reasons


def works(client):
    """Creates, reads, changes and deletes a book."""
    url = client.post_json(BOOKS, new_book(55), status=201).headers["Location"]
    assert client.get(url).json["stock"] == 5
    assert client.put_json(url, {"stock": 6}).json["stock"] == 6
    client.delete(url, status=204)
    assert client.get(f"{API}/ready").json["status"] == "ready"


class TestUnreachable:
    @pytest.fixture
    def closed_port(self):
        """A port without a listener, bound so that no other process gets it."""
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            yield held.getsockname()[1]

    def test_requests_get_503_while_no_server_listens(self, make_app, closed_port):
        url = f"postgresql+psycopg://nobody:secret@127.0.0.1:{closed_port}/books"
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        reasons = all_unavailable(client)
        assert reasons == {"The database cannot be reached."}
        assert_unavailable(ask(client, "GET", f"{API}/ready"))

    def test_requests_get_503_while_the_database_does_not_exist(self, make_app, postgres_backend):
        url = postgres_backend.create()
        postgres_backend.drop(url)
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        all_unavailable(client)
        assert_unavailable(ask(client, "GET", f"{API}/ready"))

    def test_requests_get_503_while_the_folder_does_not_exist(self, make_app, tmp_path):
        url = f"sqlite:///{tmp_path}/missing/books.sqlite"
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        assert all_unavailable(client) == {"The database cannot be reached."}
        assert_unavailable(ask(client, "GET", f"{API}/ready"))

    def test_requests_get_503_if_the_file_is_not_a_database(self, make_app, tmp_path):
        (tmp_path / "books.sqlite").write_bytes(b"no database at all, but long enough" * 100)
        url = f"sqlite:///{tmp_path}/books.sqlite"
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        all_unavailable(client)

    def test_invalid_requests_are_refused_without_a_database(self, make_app, closed_port):
        url = f"postgresql+psycopg://nobody@127.0.0.1:{closed_port}/books"
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        assert_problem(ask(client, "POST", BOOKS, b"{"), 415, "unsupported_media_type")
        assert_problem(ask(client, "GET", f"{BOOKS}/none"), 404, "not_found")
        answer = ask(client, "POST", BOOKS, {"title": 5})
        assert_problem(answer, 422, "validation_failed")


class TestPostgresDisconnects:
    @pytest.fixture
    def url(self, postgres_backend):
        url = postgres_backend.create()
        yield url
        postgres_backend.drop(url)

    @pytest.fixture
    def admin(self, url):
        """A connection to another database of the server, in autocommit mode."""
        engine = make_engine({"url": make_url(url).set(database="postgres")})
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            yield connection
        engine.dispose()

    def kill(self, admin, url):
        name = make_url(url).database
        admin.execute(
            # Waits up to so many milliseconds until they have ended.
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = :name"
            ),
            {"name": name},
        )

    @pytest.mark.parametrize("number", range(11))
    def test_each_operation_replaces_a_killed_connection(self, make_app, url, admin, number):
        """Each operation that gets a closed connection first is carried out on a new one."""
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        book = client.post_json(BOOKS, RUST).json
        client.get(f"{BOOKS}/{book['id']}")
        method, path, body = every_operation(book["id"])[number]
        self.kill(admin, url)
        answer = ask(client, method, path, body)
        assert answer.status_int in (200, 201, 204), answer.text
        works(client)

    def test_requests_get_503_while_connections_are_refused_and_then_recover(
        self, make_app, url, admin
    ):
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        book = client.post_json(BOOKS, RUST).json
        name = make_url(url).database
        admin.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        self.kill(admin, url)
        all_unavailable(client, book["id"])
        assert_unavailable(ask(client, "GET", f"{API}/ready"))
        admin.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        works(client)
        assert client.get(f"{BOOKS}/{book['id']}").json == book

    def test_writes_get_503_and_reads_work_while_the_server_is_read_only(
        self, make_app, url, admin
    ):
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        book = client.post_json(BOOKS, RUST).json
        name = make_url(url).database
        admin.exec_driver_sql(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        self.kill(admin, url)
        reasons = all_unavailable(client, book["id"], reads=False)
        assert reasons == {"The database takes no changes at present."}
        assert client.get(f"{BOOKS}/{book['id']}").json == book
        admin.exec_driver_sql(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        self.kill(admin, url)
        works(client)

    def test_waiting_for_a_locked_row_ends_with_the_statement_timeout(self, make_app, url):
        """The statement timeout ends the wait; reads do not wait and are answered."""
        settings = {"bookstore.sqlalchemy.url": url, "bookstore.statement_timeout": "150"}
        client = TestApp(make_app(settings))
        book = client.post_json(BOOKS, RUST).json
        other = make_engine({"url": url})
        with other.begin() as connection:
            connection.exec_driver_sql("UPDATE bookstore_books SET stock = 1")
            answer = ask(client, "PUT", f"{BOOKS}/{book['id']}", {"stock": 2})
            assert assert_unavailable(answer) == "The database did not answer in time."
            assert client.get(f"{BOOKS}/{book['id']}").json == book
        other.dispose()
        works(client)

    def test_reads_have_the_statement_timeout_too(self, make_app, url):
        settings = {"bookstore.sqlalchemy.url": url, "bookstore.statement_timeout": "150"}
        client = TestApp(make_app(settings))
        client.post_json(BOOKS, RUST)
        other = make_engine({"url": url})
        with other.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE bookstore_books IN ACCESS EXCLUSIVE MODE")
            answer = ask(client, "GET", BOOKS)
            assert assert_unavailable(answer) == "The database did not answer in time."
        other.dispose()
        works(client)


class TestPoolExhausted:
    @contextmanager
    def exhausted(self, make_app, url):
        settings = {
            "bookstore.sqlalchemy.url": url,
            "bookstore.sqlalchemy.pool_size": "1",
            "bookstore.sqlalchemy.max_overflow": "0",
            "bookstore.sqlalchemy.pool_timeout": "0",
        }
        app = make_app(settings)
        client = TestApp(app)
        works(client)
        database = Mount.of(app.registry).database
        with database.writing.connect(), database.reading.connect():
            yield client
        works(client)

    def test_requests_get_503_while_the_pool_is_exhausted_and_then_recover(
        self, make_app, database
    ):
        with self.exhausted(make_app, database) as client:
            reasons = all_unavailable(client)
            assert reasons == {"All connections to the database are in use."}
            assert_unavailable(ask(client, "GET", f"{API}/ready"))

    @pytest.mark.parametrize("kind", ["refused", "broken", "fine"])
    def test_every_request_returns_its_connection_to_the_pool(self, make_app, database, kind):
        """The pool has one connection, so a request that kept it would block all later requests."""
        settings = {"pool_size": "1", "max_overflow": "0", "pool_timeout": "1"}
        settings = {f"bookstore.sqlalchemy.{name}": value for name, value in settings.items()}
        client = TestApp(make_app(settings | {"bookstore.sqlalchemy.url": database}))
        book = client.post_json(BOOKS, RUST).json
        url = f"{BOOKS}/{book['id']}"
        for _ in range(5):
            if kind == "refused":
                assert ask(client, "POST", BOOKS, RUST).status_int == 409
                assert ask(client, "PUT", url, {"stock": 1}, {"If-Match": '"x"'}).status_int == 412
                assert ask(client, "DELETE", f"{BOOKS}/{ANY_ID}").status_int == 404
            elif kind == "broken":
                assert ask(client, "POST", BOOKS, b"{").status_int == 415
                assert ask(client, "PUT", url, {"x": 1}).status_int == 422
            else:
                assert ask(client, "PUT", url, {"stock": 1}).status_int == 200
                assert ask(client, "GET", BOOKS).status_int == 200


class TestNoTables:
    def test_requests_get_503_until_the_tables_exist(self, make_app, database, engine, caplog):
        client = TestApp(make_app({"bookstore.sqlalchemy.url": database}))
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE bookstore_books RENAME TO elsewhere")
        reasons = all_unavailable(client)
        assert reasons == {NOT_READY.reason}
        said = "Run the migrations: bookstore -c INI migrate, or pyramid_bookstore.upgrade(engine)"
        assert said in caplog.text
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO bookstore_books")
        works(client)

    def test_requests_get_503_if_a_column_is_missing(self, make_app, database, engine):
        client = TestApp(make_app({"bookstore.sqlalchemy.url": database}))
        with engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE bookstore_books RENAME COLUMN extra TO more")
        assert_unavailable(ask(client, "GET", BOOKS))
        assert_unavailable(ask(client, "POST", BOOKS, RUST))


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def sqlite_url(sqlite_backend):
    url = sqlite_backend.create()
    yield url
    sqlite_backend.drop(url)


class TestSQLite:
    def test_writes_get_503_and_reads_work_while_another_process_writes(self, make_app, sqlite_url):
        """Writes wait until the timeout; reads do not wait."""
        client = TestApp(make_app({"bookstore.sqlalchemy.url": f"{sqlite_url}?timeout=0.1"}))
        book = client.post_json(BOOKS, RUST).json
        command = [sys.executable, "-c", _HOLD, make_url(sqlite_url).database]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout.readline() == b"locked\n"
            reasons = all_unavailable(client, book["id"], reads=False)
            assert reasons == {"The database is busy with other changes."}
            assert client.get(f"{BOOKS}/{book['id']}").json == book
            assert client.get(f"{API}/ready").json["status"] == "ready"
            other.stdin.close()
        works(client)

    def test_a_write_waits_for_another_writer_and_then_succeeds(self, make_app, sqlite_url):
        client = TestApp(make_app({"bookstore.sqlalchemy.url": sqlite_url}))
        other = sqlite3.connect(make_url(sqlite_url).database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answers = []
        thread = threading.Thread(target=lambda: answers.append(ask(client, "POST", BOOKS, RUST)))
        thread.start()
        thread.join(0.2)
        assert not answers
        # The thread that made the connection ends its transaction, as SQLite wants it.
        other.execute("COMMIT")
        other.close()
        thread.join()
        assert answers[0].status_int == 201

    def test_a_commit_that_fails_holds_no_lock(self, make_app, sqlite_url):
        """SQLite leaves the transaction open, for example at a deferred foreign key."""
        app = make_app({"bookstore.sqlalchemy.url": f"{sqlite_url}?timeout=0.1"})
        engine = Mount.of(app.registry).database.writing
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE loans (book TEXT REFERENCES bookstore_books DEFERRABLE INITIALLY"
                " DEFERRED)"
            )
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.exec_driver_sql("INSERT INTO loans VALUES ('none')")
        assert TestApp(app).post_json(BOOKS, RUST).status_int == 201

    def test_writes_get_503_and_reads_work_while_the_database_is_full(self, make_app, sqlite_url):
        app = make_app({"bookstore.sqlalchemy.url": sqlite_url})
        client = TestApp(app)
        book = client.post_json(BOOKS, RUST).json

        def no_more_room(connection, *_more):
            connection.execute("PRAGMA max_page_count = 1")

        def room(connection, *_more):
            connection.execute("PRAGMA max_page_count = 1073741823")

        engines = Mount.of(app.registry).database.engines.values()
        for engine in engines:
            event.listen(engine, "checkout", no_more_room)
        answers = [
            ask(client, "POST", BOOKS, new_book(n, description="x" * 9000)) for n in range(20)
        ]
        reasons = {assert_unavailable(each) for each in answers if each.status_int != 201}
        assert reasons == {"The database has no room left for changes."}
        assert client.get(f"{BOOKS}/{book['id']}").json == book
        for engine in engines:
            event.remove(engine, "checkout", no_more_room)
            event.listen(engine, "checkout", room)
        works(client)
        made = sum(answer.status_int == 201 for answer in answers)
        assert client.get(BOOKS).json["total"] == made + 1

    def test_writes_get_503_and_reads_work_on_a_read_only_file(self, make_app, sqlite_url):
        path = make_url(sqlite_url).database
        writer = TestApp(make_app({"bookstore.sqlalchemy.url": sqlite_url}))
        book = writer.post_json(BOOKS, RUST).json
        reader = TestApp(
            make_app({"bookstore.sqlalchemy.url": f"sqlite:///file:{path}?mode=ro&uri=true"})
        )
        assert reader.get(f"{BOOKS}/{book['id']}").json == book
        reasons = all_unavailable(reader, book["id"], reads=False)
        assert reasons == {"The database takes no changes at present."}
        works(writer)

    def test_a_database_in_memory_serves_reads_and_writes(self, make_app):
        """Reads and writes share one connection; the data ends with the process."""
        app = make_app({"bookstore.sqlalchemy.url": "sqlite://", "bookstore.migrate": "true"})
        client = TestApp(app)
        works(client)
        client.post_json(BOOKS, RUST)
        assert client.get(BOOKS).json["total"] == 1
