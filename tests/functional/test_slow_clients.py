"""``use = egg:pyramid_bookstore#waitress``: one client keeps no others out, with real processes.

Where a test is about time, what must not happen would take hours, or the other side waits for ever.
"""

import http.client
import json
import socket
import sqlite3
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from sqlalchemy.engine import make_url
from waitress.adjustments import Adjustments

from pyramid_bookstore.server.channel import Channel
from tests.functional.test_drain import begin, read_all, serving  # noqa: F401  # a fixture
from tests.support.api import API, BOOKS, new_book
from tests.support.processes import wait_until
from tests.support.server import running_server
from tests.support.tokens import SECRET, claims, forge

_MEGABYTE = 1_000_000

_INI = """\
[app:main]
use = egg:pyramid_bookstore
bookstore.sqlalchemy.url = {url}
bookstore.migrate = true
bookstore.auth = jwt
bookstore.jwt.algorithms = HS256
bookstore.jwt.key = {key}
bookstore.roles.manager = view add edit delete stock import
bookstore.anonymous = view
[server:main]
use = egg:pyramid_bookstore#waitress
host = 127.0.0.1
{options}
"""


@contextmanager
def stopped(running):
    """The server, which is told to end, and so leaves its coverage."""
    with running as server:
        yield server
        server.stop()


@pytest.fixture
def bookstore(sqlite_backend, tmp_path):
    """Start a bookstore; options are those of the server."""
    url = sqlite_backend.create()

    def bookstore(**options):
        lines = "\n".join(f"{name} = {value}" for name, value in options.items())
        ini = tmp_path / "shop.ini"
        ini.write_text(_INI.format(url=url, key=SECRET.strip(), options=lines), encoding="utf-8")
        return stopped(running_server(ini))

    bookstore.url = url
    yield bookstore
    sqlite_backend.drop(url)


@pytest.fixture(scope="module")
def token():
    return "Authorization: Bearer " + forge(
        {"alg": "HS256"}, claims(roles=["manager"]), SECRET.strip()
    )


def head(line, *fields):
    return "\r\n".join([f"{line} HTTP/1.1", "Host: x", *fields, "", ""]).encode()


def status_of(plain):
    """The status of the next answer, read to the end of its head."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = plain.recv(1)
        assert more, received
        received += more
    return int(received.split(b" ", 2)[1]), received


def answered(server, data):
    """Status and whole answer to bytes that are all that the client sends."""
    with server.connect(timeout=60) as plain:
        plain.sendall(data)
        received = read_all(plain)
        return int(received.split(b" ", 2)[1]), received


class TestHeads:
    """With a million bytes, time that grows with the square of them is hours."""

    def test_no_head_takes_time_with_the_square_of_its_length(self, serving):  # noqa: F811  # the fixture
        with stopped(serving(max_request_header_size=2 * _MEGABYTE)) as server:
            for data, status in (
                (b"GET / HTTP/1.0\r\nX: " + b" " * _MEGABYTE + b"x\r\n\r\n", 200),
                (b"GET / HTTP/1.0\r\nX:" + b"\t" * _MEGABYTE + b"\x01\r\n\r\n", 400),
                (b"GET / HTTP/1.0\r\nX: x" + b" " * _MEGABYTE + b"\r\n\r\n", 200),
                (b"GET / HTTP/1.0\r\nX: x" + b" " * _MEGABYTE + b"\x01\r\n\r\n", 400),
                (b"GET / HTTP/1.0\r\nX: " + b"x " * (_MEGABYTE // 2) + b"\x01\r\n\r\n", 400),
                (b"GET / HTTP/1.0\r\nX:\r\n" + b" " * _MEGABYTE + b"x\r\n\r\n", 200),
                (b"GET a://" + b"1" * _MEGABYTE + b" X\r\n\r\n", 400),
                (b"GET " + b" " * _MEGABYTE + b"\r\n\r\n", 400),
                (b"GET / HTTP/1.0\r\nContent-Length: " + b"1" * 10_000 + b"\r\n\r\n", 400),
                (b"GET http://[ HTTP/1.0\r\n\r\n", 400),
            ):
                assert answered(server, data)[0] == status, data[:40]

    def test_the_line_of_a_chunk_has_an_end(self, serving):  # noqa: F811  # the fixture
        with stopped(serving()) as server:
            start = head("POST /", "Transfer-Encoding: chunked")
            for line in (b"1" * 5000, b"0\r\nX: " + b"x" * 20_000):
                assert answered(server, start + line)[0] == 400

    def test_heads_above_32_kib_are_refused(self, serving):  # noqa: F811  # the fixture
        with stopped(serving()) as server:
            assert answered(server, head("GET /", "X: " + "x" * 33_000))[0] == 431


EXPECTING = ((), ("Expect: 100-continue",))


class TestBodies:
    """What the head says is enough to refuse, before the body is sent."""

    def test_authorization_comes_before_the_body(self, bookstore):
        with bookstore() as server:
            for how in ("Content-Length: 60000000", "Transfer-Encoding: chunked"):
                for expect in EXPECTING:
                    fields = ("Content-Type: application/json", how, *expect)
                    status, received = answered(server, head(f"POST {BOOKS}", *fields))
                    assert (status, b"unauthorized" in received) == (401, True), fields

    def test_a_body_that_would_be_refused_is_not_received(self, bookstore, token):
        json, csv = "Content-Type: application/json", "Content-Type: text/csv"
        cases = (
            (f"POST {BOOKS}", (json, "Content-Length: 1048577"), 413),
            (f"POST {BOOKS}/import", (csv, "Content-Length: 67108865"), 413),
            (f"POST {BOOKS}/import", ("Content-Type: image/png", "Content-Length: 70000"), 415),
            (f"PUT {BOOKS}", ("Content-Length: 70000",), 405),
            (f"GET {BOOKS}", ("Content-Length: 70000",), 200),
            (f"DELETE {API}/%ff", ("Content-Length: 70000",), 400),
        )
        with bookstore() as server:
            for line, fields, status in cases:
                for expect in EXPECTING:
                    with server.connect(timeout=60) as plain:
                        plain.sendall(head(line, token, *fields, *expect))
                        assert status_of(plain)[0] == status, (line, expect)

    def test_a_client_that_sends_on_gets_the_refusal_too(self, bookstore):
        with bookstore() as server, server.connect(timeout=60) as plain:
            fields = ("Content-Type: application/json", "Content-Length: 3000000")
            plain.sendall(head(f"POST {BOOKS}", *fields) + b"x" * 3_000_000)
            assert b"unauthorized" in read_all(plain)

    def test_a_refused_client_that_never_stops_sending_is_closed(self, bookstore):
        with bookstore() as server, server.connect(timeout=60) as plain:
            fields = ("Content-Type: application/json", "Transfer-Encoding: chunked")
            plain.sendall(head(f"POST {BOOKS}", *fields))
            assert b"unauthorized" in read_all(plain)
            wait_until(lambda: closed(plain), timeout=30, what="the server to close")

    def test_a_chunked_body_is_refused_where_it_passes_the_limit(self, bookstore, token):
        with bookstore() as server, server.connect(timeout=60) as plain:
            fields = (token, "Content-Type: application/json", "Transfer-Encoding: chunked")
            chunk = b"40000\r\n" + b" " * 0x40000 + b"\r\n"
            plain.sendall(head(f"POST {BOOKS}", *fields) + chunk * 5)
            status, _ = status_of(plain)  # and the end of the body is still to come
            assert status == 413

    def test_a_large_body_is_taken(self, bookstore, token):
        rows = "".join(f"t{n},a,{isbn(n)},1,0\r\n" for n in range(10_000))
        body = ("title,author,isbn,price,stock\r\n" + rows).encode()
        fields = (token, "Content-Type: text/csv", f"Content-Length: {len(body)}")
        with bookstore() as server, server.connect(timeout=60) as plain:
            plain.sendall(head(f"POST {BOOKS}/import", *fields) + body)
            assert status_of(plain)[0] == 200

    def test_the_body_is_asked_for_and_a_second_request_may_follow(self, bookstore, token):
        body = json.dumps(new_book(1)).encode()
        fields = (token, "Content-Type: application/json", f"Content-Length: {len(body)}")
        with bookstore() as server, server.connect(timeout=60) as plain:
            plain.sendall(head(f"POST {BOOKS}", *fields, "Expect: 100-continue"))
            assert status_of(plain)[0] == 100
            plain.sendall(body)
            status, received = status_of(plain)
            assert status == 201
            length = int(received.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            while length:
                length -= len(plain.recv(length))
            chunked = (*fields[:2], "Transfer-Encoding: chunked")
            data = json.dumps(new_book(2)).encode()
            whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)
            # Two at once: the second is judged when the first is answered.
            plain.sendall(head(f"GET {API}/health") + head(f"POST {BOOKS}", *chunked) + whole)
            assert [status_after(plain) for _ in range(2)] == [200, 201]

    def test_a_request_without_a_body_is_answered_though_it_expects_to_be_asked(
        self, bookstore, token
    ):
        with bookstore() as server:
            for length in ((), ("Content-Length: 0",)):
                fields = (*length, "Connection: close")
                start = head(f"GET {API}/health", *fields, "Expect: 100-continue")
                assert answered(server, start)[0] == 200
                start = head(f"DELETE {BOOKS}/1", *fields, token, "Expect: 100-continue")
                assert answered(server, start)[0] == 404
            huge = ("Content-Length: 99999999999", "Expect: 100-continue")
            assert answered(server, head(f"POST {BOOKS}", token, *huge))[0] == 413

    def test_the_number_of_large_bodies_at_once_is_bounded(self, bookstore, token):
        fields = (token, "Content-Type: text/csv", "Content-Length: 100000")
        with bookstore(max_uploads=1) as server:
            with server.connect(timeout=60) as first:
                first.sendall(head(f"POST {BOOKS}/import", *fields, "Expect: 100-continue"))
                assert status_of(first)[0] == 100
                status, received = answered(server, head(f"POST {BOOKS}/import", *fields))
                assert (status, b"Retry-After: 10" in received) == (503, True)
                small = server.request(
                    "POST", BOOKS, json=new_book(1), headers=dict([token.split(": ", 1)])
                )
                assert small.status == 201
            wait_until(
                lambda: server_takes(server, fields), timeout=90, what="the end of the first body"
            )

    def test_the_loop_does_not_send_100_continue_again_while_a_thread_sends_it(self):
        """It left a connection that nobody read, and a place among the uploads that it held."""
        ours, theirs = socket.socketpair()
        server = SimpleNamespace(active_channels={})
        channel = Channel(server, ours, ("", 0), Adjustments(), map={})
        channel.request = SimpleNamespace(completed=False, expect_continue=True, paused=False)
        plainly = channel.socket.send
        loops = []

        def send(data):
            if not loops:
                loops.append(threading.Thread(target=channel.handle_write))
                loops[0].start()
                loops[0].join(0.2)
            return plainly(data)

        channel.socket = SimpleNamespace(send=send, close=ours.close)
        with theirs:
            channel.send_continue()
            loops[0].join()
            assert theirs.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert channel.readable()
            channel.handle_close()

    def test_a_hook_that_fails_refuses_no_body(self, serving, tmp_path):  # noqa: F811  # the fixture
        with stopped(serving()) as server:
            change_app(server, tmp_path, "{'bookstore.body_limit': lambda _: 1 / 0}")
            body = b"x" * 100_000
            fields = (f"Content-Length: {len(body)}", "Connection: close")
            assert answered(server, head("POST /", *fields) + body)[1].endswith(body)
            assert "ZeroDivisionError" in server.output


def change_app(server, folder, registry):
    """Start the server again, with this registry of its application."""
    source = folder / "waiting.py"
    text = source.read_text(encoding="utf-8")
    changed = text.replace("return app", f"app.registry = {registry}\n    return app")
    source.write_text(changed, encoding="utf-8")
    server.stop()
    server.start()


def status_after(plain):
    """The status of the next answer, whose body is read as well."""
    status, received = status_of(plain)
    length = int(received.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while length:
        length -= len(plain.recv(length))
    return status


def closed(plain):
    """Whether the other side has closed the connection, and not only ended its own half."""
    try:
        plain.sendall(b"1\r\nx\r\n")
    except ConnectionError:
        return True
    return False


def server_takes(server, fields):
    with server.connect(timeout=60) as plain:
        plain.sendall(head(f"POST {BOOKS}/import", *fields, "Expect: 100-continue"))
        return status_of(plain)[0] == 100


def isbn(number):
    digits = f"978{number:09d}"
    total = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return digits + str(-total % 10)


class TestTimes:
    @pytest.mark.parametrize(
        "data", [b"GET / HTTP/1.1\r\nX: ", head("POST /", "Content-Length: 5") + b"half"]
    )
    def test_a_request_that_does_not_arrive_in_time_gets_408(self, serving, data):  # noqa: F811  # the fixture
        with stopped(serving(receive_timeout="0.1")) as server:
            assert answered(server, data)[0] == 408
            assert server.request("GET", "/").status == 200

    def test_a_client_that_does_not_read_is_cut_off(self, serving):  # noqa: F811  # the fixture
        with (
            stopped(serving(send_timeout="0.1", threads=1)) as server,
            server.connect(timeout=60) as plain,
        ):
            plain.sendall(head("GET /big"))
            status_of(plain)
            wait_until(
                lambda: "did not read its answer" in server.output, timeout=60, what="the cut"
            )
            assert server.request("GET", "/").body == b"done"  # by the only thread

    def test_a_client_is_not_cut_off_before_its_time(self):
        waiting = SimpleNamespace(_lingers_until=None, total_outbufs_len=5, _taken=(0, 10), _sent=0)
        Channel.cut_if_slow(waiting, 14, 1, 5)
        assert waiting._taken == (0, 10)

    def test_a_client_that_reads_is_not_cut_off(self, serving):  # noqa: F811  # the fixture
        with (
            stopped(serving(send_timeout=3, threads=1)) as server,
            server.connect(timeout=60) as plain,
        ):
            plain.sendall(head("GET /big", "Connection: close"))
            received = 0
            while more := plain.recv(2_000_000):
                received += len(more)
                time.sleep(0.3)
            assert received > 20_000_000

    def test_a_probe_that_waits_keeps_no_other_probe_waiting(self, serving, tmp_path):  # noqa: F811  # the fixture
        with stopped(serving(threads=1)) as server:
            change_app(server, tmp_path, "{'bookstore.probes': ['/waits', '/alive']}")
            gate = tmp_path / "gate"
            waiting = begin(server, "/waits", gate)
            assert server.request("GET", "/alive").body == b"done"
            gate.touch()
            assert waiting.getresponse().status == 200
            waiting.close()

    def test_probes_are_answered_while_all_threads_are_busy(self, bookstore, token):
        with bookstore(threads=1) as server:
            holder = sqlite3.connect(make_url(bookstore.url).database, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            writing = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            fields = dict([token.split(": ", 1)]) | {"Content-Type": "application/json"}
            writing.request("POST", BOOKS, json.dumps(new_book(1)), fields)
            for probe in ("health", "ready"):
                assert server.request("GET", f"{API}/{probe}").status == 200
            holder.execute("ROLLBACK")
            holder.close()
            assert writing.getresponse().status == 201
            writing.close()
