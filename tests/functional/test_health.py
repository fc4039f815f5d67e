"""/health asks no database; /ready asks the database for its revision."""

import pytest
from sqlalchemy import text

from tests.support.api import API, BOOKS, ask, assert_problem, new_book


def test_health_answers_ok_and_is_not_cached(client):
    answer = client.get(f"{API}/health")
    assert (answer.json, answer.body) == ({"status": "ok"}, b'{"status":"ok"}')
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.head(f"{API}/health").body == b""


def test_health_ready_and_docs_work_if_the_root_factory_of_the_host_fails(make_client):
    """The root factory of a host may need a database that is unreachable."""

    def away(request):
        raise ConnectionError("the host's database")

    client = make_client(configure=lambda config: config.set_root_factory(away))
    for path in ("health", "ready", "openapi.json", "docs"):
        assert client.get(f"{API}/{path}").status_int == 200
    assert client.get(BOOKS, status=500).json["error"] == "internal_error"


def test_ready_answers_the_revision_of_the_database(client):
    answer = client.get(f"{API}/ready")
    assert answer.json["status"] == "ready"
    assert answer.json["revision"].startswith("bookstore_")
    assert client.head(f"{API}/ready").body == b""


def test_ready_holds_no_lock(client):
    """A read of the revision leaves no transaction open for which a writer would wait."""
    for number in range(3):
        client.get(f"{API}/ready")
        client.post_json(BOOKS, new_book(number), status=201)


def test_ready_works_inside_a_transaction_of_the_host(testapp):
    assert testapp.get(f"{API}/ready").json["status"] == "ready"


@pytest.mark.parametrize("path", ["health", "ready"])
def test_health_and_ready_ignore_query_parameters(client, path):
    """Load balancers may add query parameters."""
    assert ask(client, "GET", f"{API}/{path}?probe=1&probe=2&%ff").status_int == 200


def test_ready_gets_503_at_another_revision_while_health_stays_ok(database, engine, make_client):
    client = make_client(url=database)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE bookstore_alembic_version SET version_num = 'bookstore_0001'")
        )
    refused = assert_problem(client.get(f"{API}/ready", status=503), 503, "unavailable")
    assert "at revision bookstore_0001" in refused["detail"]
    assert client.get(f"{API}/health").json == {"status": "ok"}


def test_ready_gets_503_with_retry_after_if_tables_are_missing(database, engine, make_client):
    client = make_client(url=database)
    with engine.begin() as connection:
        for table in ("bookstore_alembic_version", "bookstore_totals"):
            connection.execute(text(f"DROP TABLE {table}"))
    answer = client.get(f"{API}/ready", status=503)
    assert answer.headers["Retry-After"].isdigit()
    assert_problem(answer, 503, "unavailable")


def test_ready_works_with_a_session_of_the_host(make_client, database, engine):
    from sqlalchemy.orm import Session

    def configure(config):
        def dbsession(request):
            session = Session(engine)
            request.add_finished_callback(lambda request: session.close())
            return session

        config.add_request_method(dbsession, "dbsession", reify=True)

    client = make_client({"bookstore.dbsession": "dbsession"}, url=database, configure=configure)
    assert client.get(f"{API}/ready").json["status"] == "ready"
