"""Logs and answers contain no passwords, keys, tokens or data of the users."""

import logging

import pytest
from pyramid.exceptions import ConfigurationError
from sqlalchemy import text
from sqlalchemy.engine import make_url
from webtest import TestApp

from pyramid_bookstore.web.mount import Mount
from tests.support.api import API, BOOKS, ask, assert_problem, new_book
from tests.support.processes import free_port
from tests.support.tokens import claims, forge

PASSWORD = "pa55-w0rd-of-ours"
KEY = "a-signing-key-that-nobody-may-see-" * 2
PERSON = "Jane Q. Doe, 221B Baker Street"


@pytest.fixture(autouse=True)
def everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    # Pyramid's own debug log shows settings if it is switched on.
    for name in ("pyramid_bookstore", "sqlalchemy", "alembic"):
        caplog.set_level(logging.DEBUG, logger=name)


def assert_nowhere(caplog, secret, *answers):
    assert secret not in caplog.text
    for answer in answers:
        assert secret not in answer.text
        assert secret not in str(answer.headers)


def test_the_password_of_an_unreachable_database_is_in_no_log_or_answer(make_app, caplog):
    url = f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:{free_port()}/books"
    app = make_app({"bookstore.sqlalchemy.url": url})
    answers = [ask(app, "GET", BOOKS), ask(app, "POST", BOOKS, new_book(1))]
    answers += [ask(app, "GET", f"{API}/ready"), ask(app, "GET", f"{API}/health")]
    assert [answer.status_int for answer in answers] == [503, 503, 503, 200]
    assert caplog.text
    assert_nowhere(caplog, PASSWORD, *answers)
    assert PASSWORD not in repr(Mount.of(app.registry))


def test_a_wrong_database_password_is_in_no_log_or_answer(make_app, postgres_backend, caplog):
    url = postgres_backend.create()
    wrong = make_url(url).set(password=PASSWORD).render_as_string(hide_password=False)
    app = make_app({"bookstore.sqlalchemy.url": wrong})
    answer = ask(app, "GET", BOOKS)
    assert_problem(answer, 503, "unavailable")
    assert "password authentication failed" in caplog.text
    assert_nowhere(caplog, PASSWORD, answer)
    postgres_backend.drop(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:port/books",
        f"oracle://shop:{PASSWORD}@127.0.0.1/books",
        f"postgresql+unheard_of://shop:{PASSWORD}@127.0.0.1/books",
        f"shop:{PASSWORD}@127.0.0.1",
    ],
)
def test_the_error_of_a_failed_start_does_not_show_the_password(make_app, url):
    with pytest.raises(ConfigurationError) as caught:
        make_app({"bookstore.sqlalchemy.url": url, "bookstore.limit.max": "none"})
    assert "bookstore" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_jwt_keys_and_tokens_are_in_no_log_or_answer(make_app, sqlite_backend, caplog):
    url = sqlite_backend.create()
    settings = {
        "bookstore.sqlalchemy.url": url,
        "bookstore.auth": "jwt",
        "bookstore.jwt.key": KEY,
        "bookstore.jwt.algorithms": "HS256",
        "bookstore.roles.staff": "view add",
    }
    app = make_app(settings)
    good = forge({"alg": "HS256"}, claims(sub=PERSON), KEY)
    bad = forge({"alg": "HS256"}, claims(sub=PERSON), "x" * 64)
    answers = [
        ask(app, "POST", BOOKS, new_book(1), {"Authorization": f"Bearer {token}"})
        for token in (good, bad)
    ]
    assert [answer.status_int for answer in answers] == [201, 401]
    for secret in (KEY, good, bad, PERSON):
        assert_nowhere(caplog, secret, *answers)
    settings["bookstore.jwt.algorithms"] = "RS256"
    with pytest.raises(ConfigurationError) as caught:
        make_app(settings)
    assert KEY not in str(caught.value)
    sqlite_backend.drop(url)


_BREAK = {
    "sqlite": [
        "CREATE TRIGGER fault BEFORE INSERT ON bookstore_books"
        " BEGIN SELECT RAISE(ABORT, 'as asked'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'as asked'; END $$",
        "CREATE TRIGGER fault BEFORE INSERT ON bookstore_books"
        " FOR EACH ROW EXECUTE FUNCTION fault()",
    ],
}


@pytest.fixture
def broken(engine, database):
    """A database on which every INSERT is a defect."""
    with engine.begin() as connection:
        for statement in _BREAK[engine.dialect.name]:
            connection.execute(text(statement))
    return database


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "a-key-of-theirs"}])
def test_the_fields_of_a_failed_request_are_not_logged(make_app, broken, caplog, headers):
    """A defect is logged with its SQL statement, but without the parameters."""
    app = make_app({"bookstore.sqlalchemy.url": broken})
    answer = ask(app, "POST", BOOKS, new_book(1, author=PERSON), headers)
    assert_problem(answer, 500, "internal_error")
    assert "as asked" in caplog.text
    assert "INSERT INTO bookstore_books" in caplog.text
    assert answer.headers["X-Request-ID"] in caplog.text
    for secret in (PERSON, "baker street", "a-key-of-theirs"):
        assert_nowhere(caplog, secret, answer)
    for internal in ("as asked", "INSERT", "Traceback", "sqlalchemy"):
        assert internal not in answer.text


def test_parameters_are_logged_if_hide_parameters_is_false(make_app, broken, caplog):
    settings = {"bookstore.sqlalchemy.hide_parameters": "false"}
    app = make_app(settings | {"bookstore.sqlalchemy.url": broken})
    ask(app, "POST", BOOKS, new_book(1, author=PERSON))
    assert PERSON in caplog.text


def test_the_access_log_has_no_query_path_value_or_header(client, caplog):
    """The log line of a request names its route, not the query, the path or a header."""
    client = TestApp(client.app)
    ask(client, "GET", f"{BOOKS}?search=Baker+Street", None, {"User-Agent": PERSON, "Cookie": KEY})
    ask(client, "GET", f"{BOOKS}/isbn/Baker-Street", None, {"X-Forwarded-For": "198.51.100.7"})
    ask(client, "POST", BOOKS, new_book(1, author=PERSON, price=-1))
    for secret in ("Baker", PERSON, KEY, "198.51.100.7"):
        assert secret not in "".join(record.getMessage() for record in caplog.records)


def test_every_answer_has_the_security_headers_and_no_server_or_cookie(client):
    """This holds on the bookstore's own routes."""
    answers = [
        ask(client, "GET", BOOKS),
        ask(client, "GET", f"{API}/health"),
        ask(client, "GET", f"{BOOKS}/none"),
        ask(client, "POST", BOOKS, {}),
        ask(client, "TRACE", BOOKS),
        ask(client, "OPTIONS", BOOKS),
    ]
    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"]
        assert answer.headers["X-Request-ID"]
        assert "Server" not in answer.headers
        assert "Set-Cookie" not in answer.headers
