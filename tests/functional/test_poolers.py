"""A pooler before PostgreSQL is recognised, whatever it is; test_pgbouncer.py has a real one."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from webtest import TestApp

from pyramid_bookstore.db.engines import make_engine, make_reading_engine
from pyramid_bookstore.web.mount import Mount
from tests.host.hosts import cookiecutter
from tests.support.api import BOOKS, RUST
from tests.support.pooler import pooler


@pytest.fixture
def url(postgres_backend):
    url = postgres_backend.create()
    yield url
    postgres_backend.drop(url)


def set_for_all(url, setting):
    """As an operator sets it in the database, for new connections."""
    engine = make_engine({"url": url})
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {make_url(url).database} SET {setting}")
    engine.dispose()


def forget_statements(engine):
    """The server forgets what the pooled connection prepared, and the driver does not know."""
    with engine.begin() as connection:
        connection.exec_driver_sql("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")


def test_lost_prepared_statements_are_said_once_and_every_request_is_served(url, make_app, caplog):
    app = make_app({"bookstore.sqlalchemy.url": url})
    client = TestApp(app)
    path = client.post_json(BOOKS, RUST, status=201).headers["Location"]
    for number in range(2):
        for _ in range(7):  # the driver prepares what it sends for the sixth time
            client.get(path, status=200)
            client.post_json(f"{path}/stock", {"delta": 1}, status=200)
        for engine in Mount.of(app.registry).database.engines.values():
            forget_statements(engine)
        assert client.get(path, status=200).json["stock"] == RUST["stock"] + 7 * (number + 1)
    assert caplog.text.count("Write ?prepare_threshold=none at the end") == 1


def test_on_a_session_of_the_host_the_way_out_is_said_once(url, caplog):
    engine = create_engine(url)
    client = TestApp(cookiecutter(engine))
    put = client.put_json(f"/shop/books/isbn/{RUST['isbn']}", RUST)
    path = f"/shop/books/{put.json['id']}/stock"
    for _ in range(2):
        for _ in range(7):
            client.post_json(path, {"delta": 1}, status=200)
        forget_statements(engine)
        client.post_json(path, {"delta": 1}, status=503)
        engine.dispose()
    assert caplog.text.count('connect_args={"prepare_threshold": None}') == 1


@pytest.mark.parametrize(("written", "threshold"), [("none", None), ("3", 3)])
def test_what_the_url_says_of_prepared_statements_is_taken(url, written, threshold):
    engine = make_engine({"url": f"{url}?prepare_threshold={written}"})
    with engine.connect() as connection:
        assert connection.connection.dbapi_connection.prepare_threshold == threshold
    engine.dispose()


def test_the_interval_style_stays_as_other_clients_of_the_pooler_have_it(url):
    set_for_all(url, "intervalstyle = 'sql_standard'")
    with pooler(url) as through:
        engine = make_engine({"url": through})
        with engine.connect() as connection:
            shown = connection.exec_driver_sql("SHOW intervalstyle").scalar()
        engine.dispose()
    assert shown == "sql_standard"


@pytest.mark.parametrize("by_role", [False, True], ids=["", "by role"])
def test_no_timeout_is_set_for_other_clients_and_its_lack_is_said_once(url, caplog, by_role):
    if by_role:
        set_for_all(url, "statement_timeout = '7s'")
    with pooler(url) as through:
        engine = make_reading_engine({"url": through}, statement_timeout=200)
        with engine.connect() as one, engine.connect() as other:
            asked = [each.exec_driver_sql("SHOW statement_timeout") for each in (one, other)]
            shown = {each.scalar() for each in asked}
        engine.dispose()
    assert shown == {"7s" if by_role else "0"}
    assert caplog.text.count("ALTER ROLE … SET statement_timeout = 200") == (not by_role)
