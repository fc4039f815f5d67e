"""The `Idempotency-Key` header: key, write and answer are stored together or not at all."""

import json
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, select, text, update
from transaction.interfaces import TransientError
from webtest import TestApp

from pyramid_bookstore import events
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.transactions.idempotency import CLEANED, digest
from pyramid_bookstore.transactions.models import IdempotencyKey
from tests.host.hosts import cookiecutter
from tests.support.api import BOOKS, RUST, ask, assert_problem, new_book
from tests.support.processes import wait_until
from tests.support.server import running_server

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
_KEPT_HEADERS = ("Content-Type", "ETag", "Last-Modified", "Location", "Preference-Applied")


def kept(answer):
    """The parts of an answer that a replay must repeat."""
    headers = {name: answer.headers.get(name) for name in _KEPT_HEADERS}
    return answer.status_int, headers, answer.body


def keys(engine):
    with engine.connect() as connection:
        return list(connection.scalars(select(IdempotencyKey.key)))


@pytest.fixture
def url(client):
    return client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")


class TestReplay:
    @pytest.mark.parametrize("prefer", [{}, {"Prefer": "return=minimal"}])
    def test_repeating_a_create_with_its_key_replays_the_answer(self, client, prefer):
        first = ask(client, "POST", BOOKS, RUST, KEY | prefer)
        assert first.status_int == 201
        assert "Idempotency-Replayed" not in first.headers
        for _ in range(3):
            again = ask(client, "POST", BOOKS, RUST, KEY | prefer)
            assert kept(again) == kept(first)
            assert again.headers["Idempotency-Replayed"] == "true"
            assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
            assert again.headers["X-Content-Type-Options"] == "nosniff"
        assert client.get(BOOKS).json["total"] == 1

    def test_repeating_a_stock_change_with_its_key_replays_the_answer(self, client, url):
        first = ask(client, "POST", f"{url}/stock", {"delta": -1}, KEY)
        assert first.json["stock"] == 99
        # Changes to the book in between do not matter.
        client.put_json(url, {"title": "Another"})
        assert kept(ask(client, "POST", f"{url}/stock", {"delta": -1}, KEY)) == kept(first)
        assert client.get(url).json["stock"] == 99
        client.delete(url)
        assert kept(ask(client, "POST", f"{url}/stock", {"delta": -1}, KEY)) == kept(first)

    def test_requests_without_a_key_are_carried_out_each_time(self, client, url):
        for _ in range(2):
            client.post_json(f"{url}/stock", {"delta": -1})
        assert client.get(url).json["stock"] == 98

    def test_a_key_with_quotes_equals_the_key_without_them(self, client, url):
        bare = {"Idempotency-Key": "abc-1"}
        quoted = {"Idempotency-Key": ' "abc-1" '}
        for header in (bare, quoted, bare):
            ask(client, "POST", f"{url}/stock", {"delta": -1}, header)
        assert client.get(url).json["stock"] == 99

    @pytest.mark.parametrize("length", [1, 255])
    def test_keys_of_1_to_255_characters_are_accepted(self, client, url, length):
        for _ in range(2):
            ask(client, "POST", f"{url}/stock", {"delta": -1}, {"Idempotency-Key": "k" * length})
        assert client.get(url).json["stock"] == 99

    @pytest.mark.parametrize("key", ["", " ", '""', "a b", '"a', 'a"b', "k" * 256, "\xe9", '"\\"'])
    def test_a_malformed_key_gets_400_and_nothing_is_written(self, client, url, key):
        answer = ask(client, "POST", f"{url}/stock", {"delta": -1}, {"Idempotency-Key": key})
        assert_problem(answer, 400, "bad_request")
        assert client.get(url).json["stock"] == 100

    def test_put_ignores_the_idempotency_key(self, client, url):
        for stock in (7, 8):
            assert ask(client, "PUT", url, {"stock": stock}, KEY).json["stock"] == stock


class TestAnotherRequest:
    def test_the_same_key_with_another_body_gets_422(self, client):
        ask(client, "POST", BOOKS, RUST, KEY)
        for body in (RUST | {"stock": 1}, json.dumps(RUST, indent=1).encode()):
            answer = ask(client, "POST", BOOKS, body, KEY | {"Content-Type": "application/json"})
            assert_problem(answer, 422, "idempotency_key_reused")
        assert client.get(BOOKS).json["data"][0]["stock"] == 100

    def test_the_same_key_on_another_path_is_another_key(self, client, url):
        """A key belongs to its path, so the same key on another path is independent."""
        other = client.post_json(BOOKS, new_book(1)).json["id"]
        for path in (url, f"{BOOKS}/{other}"):
            answer = ask(client, "POST", f"{path}/stock", {"delta": -1}, KEY)
            assert "Idempotency-Replayed" not in answer.headers
        assert ask(client, "POST", BOOKS, new_book(2), KEY).status_int == 201

    def test_a_refusal_is_not_stored_for_its_key(self, client, url):
        """It wrote nothing, so the client may repeat the request when it can succeed."""
        for _ in range(2):
            refused = ask(client, "POST", f"{url}/stock", {"delta": -101}, KEY)
            assert_problem(refused, 409, "insufficient_stock")
        client.put_json(url, {"stock": 200})
        assert ask(client, "POST", f"{url}/stock", {"delta": -101}, KEY).json["stock"] == 99

    def test_a_too_large_body_with_a_key_gets_413(self, make_client):
        client = make_client({"bookstore.max_body_size": "100"})
        answer = ask(client, "POST", BOOKS, RUST, KEY)
        assert_problem(answer, 413, "payload_too_large")


class _Policy:
    """Takes the user's name from a header without a check."""

    def identity(self, request):
        return request.headers.get("X-User")

    authenticated_userid = identity

    def permits(self, request, context, permission):
        return True

    def forget(self, request, **kw):
        return []

    remember = forget


def test_the_same_key_of_another_user_is_another_key(make_client):
    """A caller can neither read nor block the answer to another caller's key."""
    client = make_client(configure=lambda config: config.set_security_policy(_Policy()))
    book = client.post_json(BOOKS, RUST).json
    path = f"{BOOKS}/{book['id']}/stock"
    stocks = []
    for user in ("ada", "grace", None, "ada"):
        headers = KEY | ({"X-User": user} if user else {})
        stocks.append(ask(client, "POST", path, {"delta": -1}, headers).json["stock"])
    assert stocks == [99, 98, 97, 99]


def sell(client, url, key, address, **headers):
    """The answer to a sale of one copy, from this address."""
    headers = {"Idempotency-Key": key} | headers
    return ask(client, "POST", f"{url}/stock", {"delta": -1}, headers, REMOTE_ADDR=address)


class TestStrangers:
    """Callers who are not authenticated share their keys."""

    @pytest.mark.parametrize("key", ["1", '"abc"', "k" * 19])
    def test_a_short_key_of_a_stranger_gets_422_from_another_address(self, client, url, key):
        assert sell(client, url, key, "192.0.2.1").json["stock"] == 99
        refused = sell(client, url, key, "192.0.2.2")
        assert_problem(refused, 422, "idempotency_key_reused")
        assert client.get(url).json["stock"] == 99
        again = sell(client, url, key, "192.0.2.1")
        assert (again.json["stock"], again.headers["Idempotency-Replayed"]) == (99, "true")

    @pytest.mark.parametrize("key", [KEY["Idempotency-Key"], "k" * 20])
    def test_a_long_key_is_replayed_to_a_client_whose_address_has_changed(self, client, url, key):
        for address in ("192.0.2.1", "2001:db8::1"):
            answer = sell(client, url, key, address)
            assert answer.json["stock"] == 99
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert client.get(url).json["stock"] == 99

    def test_a_replay_to_a_stranger_of_the_same_address_says_that_it_is_one(self, client, url):
        """As behind a proxy that hides the addresses of clients."""
        answers = [sell(client, url, "1", "192.0.2.1") for _ in range(2)]
        assert [each.headers.get("Idempotency-Replayed") for each in answers] == [None, "true"]

    def test_a_short_key_of_an_authenticated_caller_is_replayed_at_any_address(self, make_client):
        client = make_client(configure=lambda config: config.set_security_policy(_Policy()))
        url = client.post_json(BOOKS, RUST).headers["Location"].removeprefix("http://localhost")
        for address in ("192.0.2.1", "192.0.2.2"):
            answer = sell(client, url, "1", address, **{"X-User": "ada"})
            assert answer.json["stock"] == 99

    def test_a_server_that_tells_no_address_serves_short_keys(self, client, url):
        """As gunicorn on a Unix socket, where it is empty; a server may leave it out."""
        for environ in ({"REMOTE_ADDR": ""}, {}):
            answer = ask(
                client, "POST", f"{url}/stock", {"delta": -1}, {"Idempotency-Key": "1"}, **environ
            )
            assert answer.json["stock"] == 99


class Gate:
    """Holds the first request that creates a book inside its transaction."""

    def __init__(self):
        self.entered = threading.Event()
        self.open = threading.Event()

    def configure(self, config):
        config.add_subscriber(self._hold, events.BookCreated)

    def _hold(self, _event):
        self.entered.set()
        assert self.open.wait(30)


class TestStillRunning:
    def test_a_key_in_use_in_the_same_process_gets_409(self, make_client):
        gate = Gate()
        client = make_client(configure=gate.configure)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(ask, client, "POST", BOOKS, RUST, KEY)
            assert gate.entered.wait(30)
            for body in (RUST, new_book(1)):
                second = ask(client, "POST", BOOKS, body, KEY)
                assert_problem(second, 409, "idempotency_in_progress")
            gate.open.set()
            assert first.result().status_int == 201
        assert kept(ask(client, "POST", BOOKS, RUST, KEY)) == kept(first.result())

    def test_a_key_in_use_in_another_process_gets_409_on_postgresql(
        self, postgres_backend, make_app
    ):
        """The lock is in the database: it ends with the transaction and with the process."""
        url = postgres_backend.create()
        client = TestApp(make_app({"bookstore.sqlalchemy.url": url}))
        book = client.post_json(BOOKS, RUST).json
        path = f"{BOOKS}/{book['id']}/stock"
        engine = create_engine(url)
        with running_server({"bookstore.sqlalchemy.url": url}) as server:
            with engine.begin() as holder, ThreadPoolExecutor(1) as pool:
                holder.execute(text("UPDATE bookstore_books SET stock = stock"))
                first = pool.submit(server.request, "POST", path, json={"delta": -1}, headers=KEY)
                waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")

                def inside():
                    with engine.connect() as connection:
                        return connection.scalar(waiting) > 0

                wait_until(inside, timeout=30, what="the first request")
                second = ask(client, "POST", path, {"delta": -1}, KEY)
                assert_problem(second, 409, "idempotency_in_progress")
                holder.rollback()
                answer = first.result()
            assert answer.json["stock"] == 99
            again = ask(client, "POST", path, {"delta": -1}, KEY)
            assert again.body == answer.body
        assert client.get(f"{BOOKS}/{book['id']}").json["stock"] == 99
        engine.dispose()
        postgres_backend.drop(url)

    def test_a_key_in_use_in_another_process_is_waited_for_on_sqlite(
        self, sqlite_backend, make_app
    ):
        """On SQLite the second request waits for the writer and then finds its answer."""
        url = sqlite_backend.create()
        gate = Gate()
        settings = {"bookstore.sqlalchemy.url": url}
        first_process = make_app(settings, configure=gate.configure)
        second_process = make_app(settings)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask, first_process, "POST", BOOKS, RUST, KEY)
            assert gate.entered.wait(30)
            second = pool.submit(ask, second_process, "POST", BOOKS, RUST, KEY)
            gate.open.set()
        assert kept(second.result()) == kept(first.result())
        sqlite_backend.drop(url)

    def test_a_request_that_failed_with_500_frees_its_key(self, make_client):
        """The first attempt fails because of a defect of the host."""
        broken = [True]

        def configure(config):
            def fail(_event):
                if broken.pop() if broken else False:
                    raise ArithmeticError("of the host")

            config.add_subscriber(fail, events.BookCreated)

        client = make_client(configure=configure)
        assert_problem(ask(client, "POST", BOOKS, RUST, KEY), 500, "internal_error")
        assert ask(client, "POST", BOOKS, RUST, KEY).status_int == 201


class TestExpiry:
    def test_a_key_is_stored_for_the_configured_ttl(self, make_client, database, engine):
        client = make_client({"bookstore.idempotency.ttl": "1000"}, url=database)
        before = datetime.now(UTC)
        ask(client, "POST", BOOKS, RUST, KEY)
        with engine.connect() as connection:
            expires_at = connection.scalar(select(IdempotencyKey.expires_at))
        seconds = timedelta(seconds=1000)
        assert before + seconds <= expires_at <= datetime.now(UTC) + seconds

    def test_an_expired_key_may_be_used_again(self, make_client, database, engine):
        client = make_client(url=database)
        book = client.post_json(BOOKS, RUST).json
        path = f"{BOOKS}/{book['id']}/stock"
        ask(client, "POST", path, {"delta": -1}, KEY)
        self._expire(engine)
        answer = ask(client, "POST", path, {"delta": -2}, KEY)
        assert answer.json["stock"] == 97
        assert kept(ask(client, "POST", path, {"delta": -2}, KEY)) == kept(answer)

    def test_later_requests_delete_a_limited_number_of_expired_keys(
        self, make_client, database, engine
    ):
        client = make_client(url=database)
        total = 2 * CLEANED + 2
        for number in range(total):
            ask(client, "POST", BOOKS, new_book(number), {"Idempotency-Key": f"old-{number}"})
        assert len(keys(engine)) == total
        self._expire(engine)
        left = []
        for number in range(4):
            ask(client, "POST", BOOKS, new_book(50 + number), {"Idempotency-Key": f"n-{number}"})
            left.append(len(keys(engine)))
        assert left == [total - CLEANED + 1, total - 2 * CLEANED + 2, 3, 4]

    def test_keys_that_have_not_expired_are_not_deleted(self, make_client, database, engine):
        client = make_client(url=database)
        for number in range(3):
            ask(client, "POST", BOOKS, new_book(number), {"Idempotency-Key": f"key-{number}"})
        assert len(keys(engine)) == 3

    def _expire(self, engine):
        with engine.begin() as connection:
            connection.execute(
                update(IdempotencyKey).values(expires_at=datetime(2001, 1, 1, tzinfo=UTC))
            )


# A host that is killed right after the commit, before the answer is sent.
_DYING = """
    import os, signal, sys
    from pyramid.config import Configurator
    from pyramid_bookstore.events import ChangesCommitted
    from waitress import serve

    def die(event):
        if event.request.headers.get("X-Die"):
            os.kill(os.getpid(), signal.SIGKILL)

    config = Configurator(settings={"bookstore.sqlalchemy.url": sys.argv[1]})
    config.include("pyramid_bookstore")
    config.add_subscriber(die, ChangesCommitted)
    serve(config.make_wsgi_app(), listen="127.0.0.1:" + sys.argv[2])
"""


def test_a_server_killed_after_the_commit_replays_the_answer_on_restart(backend, tmp_path):
    """The client gets no answer, repeats the request and gets the stored answer."""
    url = backend.create()
    script = tmp_path / "host.py"
    script.write_text(textwrap.dedent(_DYING), encoding="utf-8")
    command = [sys.executable, str(script), url, "{port}"]
    with running_server({}, command=command) as server:
        with pytest.raises((ConnectionError, OSError)):
            server.request("POST", BOOKS, json=RUST, headers=KEY | {"X-Die": "yes"})
        assert server.process.wait() == -9
        server.start()
        again = server.request("POST", BOOKS, json=RUST, headers=KEY)
        assert again.status == 201
        assert again.headers["idempotency-replayed"] == "true"
        book = server.request("GET", again.headers["location"].partition(str(server.port))[2])
        assert book.body == again.body
        path = f"{BOOKS}/{again.json['id']}/stock"
        with pytest.raises((ConnectionError, OSError)):
            server.request("POST", path, json={"delta": -3}, headers=KEY | {"X-Die": "yes"})
        server.process.wait()
        server.start()
        assert server.request("POST", path, json={"delta": -3}, headers=KEY).json["stock"] == 97
        assert server.request("GET", BOOKS).json["total"] == 1
    backend.drop(url)


class TestServerRetries:
    """A retry of the same request by the server does not count as a second request."""

    def overtaken_once(self, attempts):
        def configure(config):
            def overtake(event):
                attempts.append(event.request.json_body["isbn"])
                if len(attempts) == 1:
                    raise TransientError("another change came first")

            config.add_subscriber(overtake, events.BookCreated)

        return configure

    def test_a_retry_by_the_bookstore_stores_the_key_once(self, make_client, database, engine):
        attempts = []
        client = make_client(url=database, configure=self.overtaken_once(attempts))
        first = ask(client, "POST", BOOKS, RUST, KEY)
        assert first.status_int == 201
        assert attempts == [RUST["isbn"]] * 2
        assert kept(ask(client, "POST", BOOKS, RUST, KEY)) == kept(first)
        assert len(keys(engine)) == 1

    @pytest.mark.parametrize("catch_all", [False, True])
    def test_a_retry_by_pyramid_retry_stores_the_key_once(
        self, make_client, database, engine, catch_all
    ):
        attempts = []

        def configure(config):
            config.add_settings({"tm.manager_hook": "pyramid_tm.explicit_manager"})
            config.include("pyramid_retry")
            config.include("pyramid_tm")
            if catch_all:
                config.add_exception_view(
                    lambda error, request: request.response, context=Exception
                )
            self.overtaken_once(attempts)(config)

        client = make_client(url=database, configure=configure)
        first = ask(client, "POST", BOOKS, RUST, KEY)
        assert first.status_int == 201
        assert attempts == [RUST["isbn"]] * 2
        assert kept(ask(client, "POST", BOOKS, RUST, KEY)) == kept(first)
        assert (len(keys(engine)), client.get(BOOKS).json["total"]) == (1, 1)

    def test_a_key_is_stored_in_the_session_of_the_host(self, database):
        engine = make_engine({"url": database})
        app = TestApp(cookiecutter(engine, retry=True))
        first = ask(app, "POST", "/shop/books", RUST, KEY)
        assert kept(ask(app, "POST", "/shop/books", RUST, KEY)) == kept(first)
        assert len(keys(engine)) == 1
        engine.dispose()


def test_a_digest_depends_on_the_boundaries_of_its_parts():
    assert digest(b"ab", b"c") != digest(b"a", b"bc") != digest(b"abc")
    assert len(digest()) == 64
