"""Our own connections do not depend on what server, database and role set for everybody."""

from types import SimpleNamespace

import psycopg
import pytest
from click.testing import CliRunner
from pyramid.exceptions import ConfigurationError
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from webtest import TestApp

from pyramid_bookstore.cli import main
from pyramid_bookstore.db.dialects.postgresql_checks import check_extension
from pyramid_bookstore.db.dialects.postgresql_connect import faults_of_shared
from pyramid_bookstore.db.engines import make_engine, make_one_time_engine, make_reading_engine
from pyramid_bookstore.db.migrations import upgrade
from pyramid_bookstore.errors import Unavailable
from tests.host.hosts import cookiecutter
from tests.support.api import BOOKS, RUST, ask
from tests.support.pgbouncer import PgBouncer, pgbouncer_program

ODD = {
    "client_encoding": "SQL_ASCII",
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "timezone": "Asia/Kathmandu",
    "standard_conforming_strings": "off",
}
PINNED = {
    "client_encoding": "UTF8",
    "datestyle": "ISO, DMY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "standard_conforming_strings": "on",
}
CHINESE = {**RUST, "title": "紅樓夢", "author": "O'Brien \\ 曹雪芹"}


@pytest.fixture
def url(postgres_backend):
    url = postgres_backend.create()
    yield url
    postgres_backend.drop(url)


def directly(url, *statements):
    address = make_url(url).set(drivername="postgresql", query={}).render_as_string(False)
    with psycopg.connect(address, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def odd(url):
    """A database in which everything is set otherwise."""
    name = make_url(url).database
    directly(url, *(f"ALTER DATABASE {name} SET {key} = '{value}'" for key, value in ODD.items()))
    return url


@pytest.fixture(scope="module")
def bouncer(postgres):
    if pgbouncer_program() is None:
        pytest.skip("PgBouncer is not installed")
    with PgBouncer(postgres.admin_url, pool_size=3) as bouncer:
        yield bouncer


@pytest.mark.parametrize("make", [make_engine, make_reading_engine, make_one_time_engine])
def test_every_engine_pins_what_we_rely_on(odd, make):
    engine = make({"url": odd})
    for _ in range(2):  # the second time after a rollback
        with engine.connect() as connection:
            shown = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in PINNED}
            assert shown == PINNED
    engine.dispose()


def life(client):
    """What a client does, texts, times and prices included."""
    made = client.post_json(BOOKS, CHINESE, status=201).json
    path = f"{BOOKS}/{made['id']}"
    assert client.get(path).json == made
    found = client.get(BOOKS, {"search": "紅樓"})
    assert found.json["data"] == [made]
    assert client.put_json(path, {"price": 1.25}).json["price"] == 1.25
    assert client.get(f"{BOOKS}/export").text.count("紅樓夢") == 1
    client.delete(path, status=204)


def test_a_books_life_is_as_anywhere(odd, make_app):
    life(TestApp(make_app({"bookstore.sqlalchemy.url": odd})))


def test_a_books_life_is_as_anywhere_behind_pgbouncer(bouncer, odd, make_app):
    through = bouncer.url(odd, prepare_threshold="none")
    life(TestApp(make_app({"bookstore.sqlalchemy.url": through})))


def test_behind_pgbouncer_no_other_client_gets_our_interval_style(bouncer, odd):
    """PgBouncer does not keep it apart, so it stays as it is there, and nothing reads intervals."""
    engine = make_engine({"url": bouncer.url(odd, prepare_threshold="none")})
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW intervalstyle").scalar() == "sql_standard"
        assert connection.exec_driver_sql("SHOW datestyle").scalar() == "ISO, DMY"
    engine.dispose()


def test_where_all_is_as_wanted_a_connection_costs_no_statement(url):
    name = make_url(url).database
    directly(url, f"ALTER DATABASE {name} SET timezone = 'UTC'")
    directly(url, "SELECT pg_stat_reset()")
    engine = make_engine({"url": url})
    with engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        assert driver.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    engine.dispose()


class TestEncodingOfTheDatabase:
    """Only UTF8 holds every text."""

    @pytest.fixture(params=["SQL_ASCII", "LATIN1"])
    def narrow(self, request, postgres):
        url = postgres.create_database()
        name = make_url(url).database
        admin = postgres.admin_url.render_as_string(False)
        locale = "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
        directly(
            admin,
            f"DROP DATABASE {name}",
            f"CREATE DATABASE {name} ENCODING '{request.param}' {locale} TEMPLATE template0",
        )
        yield url, request.param
        postgres.drop_database(url)

    @pytest.mark.parametrize("migrate", ["true", "false"])
    def test_another_stops_the_start_with_a_sentence(self, narrow, make_app, migrate):
        url, encoding = narrow
        said = rf"sqlalchemy\.url: The database has the encoding {encoding}, and books need UTF8"
        with pytest.raises(ConfigurationError, match=said):
            make_app({"bookstore.sqlalchemy.url": url, "bookstore.migrate": migrate})

    def test_it_is_a_fault_of_a_session_of_the_host(self, narrow):
        url, encoding = narrow
        address = make_url(url).set(drivername="postgresql", query={}).render_as_string(False)
        with psycopg.connect(address) as connection:
            faults = [*faults_of_shared(connection)]
        assert faults[0].startswith(f"The database has the encoding {encoding}, and books need")

    @pytest.mark.parametrize("command", ["check", "migrate", "sample"])
    def test_the_command_line_says_it(self, narrow, tmp_path, command):
        url, encoding = narrow
        ini = tmp_path / "shop.ini"
        ini.write_text(
            f"[app:main]\nuse = egg:pyramid_bookstore\nbookstore.sqlalchemy.url = {url}\n"
        )
        done = CliRunner().invoke(main, ["-c", str(ini), command])
        assert done.exit_code == 1
        assert f"The database has the encoding {encoding}" in done.output
        assert "Traceback" not in done.output

    @pytest.mark.parametrize(
        "request_", [("GET", BOOKS), ("GET", "/api/v1/ready"), ("POST", BOOKS)]
    )
    def test_one_that_comes_after_the_start_is_said_in_the_log(
        self, narrow, make_app, caplog, request_
    ):
        url, encoding = narrow
        name = make_url(url).database
        admin = make_url(url).set(database="postgres").render_as_string(False)
        directly(admin, f"ALTER DATABASE {name} RENAME TO {name}_later")
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        directly(admin, f"ALTER DATABASE {name}_later RENAME TO {name}")
        method, path = request_
        body = {**RUST, "title": "Łódź"} if method == "POST" else None
        answer = ask(client, method, path, body)
        assert answer.status_int == 503
        said = answer.json["message"]
        assert said == "The database's settings do not suit the bookstore; the log says which."
        [line] = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
        assert line.startswith(f"The database has the encoding {encoding}, and books need UTF8")
        assert line.endswith(f"Request {answer.headers['X-Request-ID']}.")

    def test_no_connection_is_left_open(self, narrow, recwarn):
        engine = make_one_time_engine({"url": narrow[0]})
        with pytest.raises(Unavailable):
            upgrade(engine)
        assert [warning for warning in recwarn if warning.category is ResourceWarning] == []


class TestPgBouncerWithPreparedStatements:
    """Without prepare_threshold=none in the URL."""

    def test_is_recognised_said_once_and_every_request_is_served(
        self, bouncer, url, make_app, caplog
    ):
        """Each application's connections prepare statements of the same names, on one server
        connection."""
        through = {"bookstore.sqlalchemy.url": bouncer.url(url)}
        clients = [TestApp(make_app(through)) for _ in range(2)]
        path = clients[0].post_json(BOOKS, RUST, status=201).headers["Location"]
        for number in range(20):
            for client in clients:
                client.get(path, status=200)
                client.get(f"{BOOKS}?search=rust", status=200)
                client.post_json(f"{path}/stock", {"delta": 1}, status=200)
                key = {"Idempotency-Key": f"{number}-{clients.index(client)}"}
                client.post_json(f"{path}/stock", {"delta": 1}, headers=key, status=200)
        assert clients[0].get(path).json["stock"] == RUST["stock"] + 80
        assert caplog.text.count("Write ?prepare_threshold=none at the end") == 1

    def test_on_a_session_of_the_host_the_way_out_is_said_once(self, bouncer, url, caplog):
        """Its engine is the host's: requests are refused until the host does what the log says."""
        said = 'create_engine(…, connect_args={"prepare_threshold": None})'

        def refused(**options):
            """The numbers of 503 that two applications answered."""
            engines = [create_engine(bouncer.url(url), **options) for _ in range(2)]
            clients = [TestApp(cookiecutter(engine)) for engine in engines]
            put = clients[0].put_json(f"/shop/books/isbn/{RUST['isbn']}", RUST)
            path = f"/shop/books/{put.json['id']}/stock"
            found = [0, 0]
            for _ in range(30):
                for index, client in enumerate(clients):
                    # psycopg forgets what it prepared at a ROLLBACK, with which a read ends.
                    answer = client.post_json(path, {"delta": 1}, expect_errors=True)
                    if answer.status_int == 503:
                        found[index] += 1
                        engines[index].dispose()  # a new connection begins to count anew
            for engine in engines:
                engine.dispose()
            return found

        found = refused()
        assert max(found) > 1
        assert caplog.text.count(said) == sum(number > 0 for number in found)
        caplog.clear()
        assert refused(connect_args={"prepare_threshold": None}) == [0, 0]
        assert said not in caplog.text


def test_a_server_without_the_extensions_files_is_told_where_they_come_from():
    """The servers of the tests have them, so the answer to the question is given here."""
    answer = SimpleNamespace(one=lambda: (False, False, False))
    connection = SimpleNamespace(execute=lambda statement: answer)
    found = check_extension(connection)
    assert "postgresql-contrib" in found.advice
    assert found.verdict == "fault"
