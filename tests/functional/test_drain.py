"""``use = egg:pyramid_bookstore#waitress``: draining on a signal, with real processes."""

import http.client
import json
import signal
import socket
import sqlite3
from types import SimpleNamespace

import pytest
from sqlalchemy.engine import make_url

from pyramid_bookstore.server.channel import Channel
from tests.support.api import API, BOOKS, RUST
from tests.support.processes import free_port, wait_until
from tests.support.server import program, running_server

# A request for /wait is answered once the file of its query string is there.
_APP = """\
import os, time

BIG = b"x" * 20_000_000

def factory(global_conf):
    def app(environ, start_response):
        name = environ.get("QUERY_STRING")
        if name:
            open(name + ".begun", "w").close()
            while not os.path.exists(name):
                time.sleep(0.01)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = BIG if environ["PATH_INFO"] == "/big" else b"done"
        body = environ["wsgi.input"].read(length) or body
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    return app
"""

_INI = """\
[app:main]
paste.app_factory = waiting:factory

[server:main]
use = egg:pyramid_bookstore#waitress
{options}

[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = plain
[logger_root]
level = INFO
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain
[formatter_plain]
format = %(message)s
"""


@pytest.fixture
def serving(tmp_path):
    """Start the waiting application; options are those of the server."""
    (tmp_path / "waiting.py").write_text(_APP, encoding="utf-8")

    def serving(at=None, command=None, **options):
        ini = tmp_path / "waiting.ini"
        where = {} if "listen" in options else {"host": "127.0.0.1"}
        lines = "\n".join(f"{name} = {value}" for name, value in (where | options).items())
        ini.write_text(_INI.format(options=lines), encoding="utf-8")
        env = {"PYTHONPATH": str(tmp_path)}
        return running_server(ini, env=env, ready="/", port=at, command=command)

    return serving


def begin(server, path, name=None):
    """A connection with a request on it that is being served."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path + (f"?{name}" if name else ""))
    if name:
        begun = name.with_name(name.name + ".begun")
        wait_until(begun.exists, timeout=30, what="the request")
    return connection


def leave(server):
    """SIGTERM, and wait until the server takes no more connections."""
    server.send(signal.SIGTERM)
    wait_until(lambda: refused(server), timeout=30, what="the listening socket to close")


def refused(server):
    try:
        server.connect(timeout=5).close()
    except ConnectionError:
        return True
    return False


def read_all(plain):
    received = b""
    while more := plain.recv(65536):
        received += more
    return received


def test_draining_answers_a_running_request_with_connection_close(serving, tmp_path):
    gate = tmp_path / "gate"
    with serving() as server:
        connection = begin(server, "/wait", gate)
        leave(server)
        assert server.process.running
        gate.touch()
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"done")
        assert answer.headers["Connection"] == "close"
        assert server.process.wait() == 0
        assert "Drained after" in server.output
        assert "Cut" not in server.output


def test_draining_answers_requests_that_wait_for_a_thread(serving, tmp_path):
    gate = tmp_path / "gate"
    with serving(threads=1) as server:
        waiting = [begin(server, "/wait", gate)] + [begin(server, "/") for _ in range(20)]
        leave(server)
        gate.touch()
        assert [connection.getresponse().read() for connection in waiting] == [b"done"] * 21
        assert server.process.wait() == 0


def test_draining_waits_for_the_rest_of_a_half_received_request(serving):
    with serving() as server, server.connect() as plain:
        plain.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        # Answered after it: the server has read the half by then.
        server.request("GET", "/")
        leave(server)
        plain.sendall(b" more")
        assert read_all(plain).endswith(b"half more")
        assert server.process.wait() == 0


def test_draining_sends_a_long_answer_to_its_end(serving):
    with serving() as server, server.connect() as plain:
        plain.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        received = plain.recv(1000)
        leave(server)
        received += read_all(plain)
        assert len(received.partition(b"\r\n\r\n")[2]) == 20_000_000
        assert server.process.wait() == 0


def test_draining_closes_idle_connections(serving):
    with serving() as server:
        used, fresh = begin(server, "/"), server.connect()
        assert used.getresponse().read() == b"done"
        leave(server)
        assert (used.sock.recv(1), fresh.recv(1)) == (b"", b"")
        assert server.process.wait() == 0
        used.close()
        fresh.close()


def test_draining_cuts_requests_that_outlast_the_grace_period(serving, tmp_path):
    with serving(shutdown_grace="0.3") as server:
        connection = begin(server, "/wait", tmp_path / "never")
        leave(server)
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()
        assert server.process.wait() == 0
        assert "Cut 1 connections" in server.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_server_at_once(serving, tmp_path, number):
    with serving() as server:
        connection = begin(server, "/wait", tmp_path / "never")
        leave(server)
        server.send(number)
        server.process.wait()
        assert "Drained after" not in server.output
        connection.close()


def test_ctrl_c_drains_the_server_too(serving):
    with serving() as server:
        assert server.stop(signal.SIGINT) == 0
        assert "Drained after" in server.output


def test_the_server_listens_on_several_addresses(serving):
    first, second = free_port(), free_port()
    listen = f"127.0.0.1:{first} 127.0.0.1:{second}"
    command = [program("pserve"), "{ini}"]
    with serving(first, command, listen=listen) as server:
        for port in (first, second):
            with socket.create_connection(("127.0.0.1", port)) as plain:
                plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert read_all(plain).endswith(b"done")
        assert server.stop() == 0


def test_the_port_of_the_command_line_overrides_that_of_the_ini(serving):
    mine, other = free_port(), free_port()
    command = [program("pserve"), "{ini}"]
    with serving(mine, command, port=mine) as server:
        assert server.stop() == 0
    with serving(other, port=mine) as server:
        assert server.request("GET", "/").body == b"done"


def test_a_connection_with_unread_bytes_is_not_idle():
    """Bytes that arrive between two passes of the loop are a request."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        state = SimpleNamespace(request=None, requests=[], total_outbufs_len=0, socket=ours)
        state._has_unread_bytes = lambda: Channel._has_unread_bytes(state)
        assert Channel.idle.fget(state)
        theirs.sendall(b"GET")
        assert not Channel.idle.fget(state)


class TestBookstoreDraining:
    def test_draining_answers_503_on_ready_and_completes_a_running_write(
        self, sqlite_backend, tmp_path
    ):
        url = sqlite_backend.create()
        ini = tmp_path / "shop.ini"
        ini.write_text(
            f"[app:main]\nuse = egg:pyramid_bookstore\nbookstore.sqlalchemy.url = {url}\n"
            "[server:main]\nuse = egg:pyramid_bookstore#waitress\nhost = 127.0.0.1\n"
            "shutdown_delay = 2\n",
            encoding="utf-8",
        )
        with running_server(ini) as server:
            assert server.request("GET", f"{API}/ready").status == 200
            holder = sqlite3.connect(make_url(url).database, isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            writing = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            writing.request("POST", BOOKS, json.dumps(RUST), {"Content-Type": "application/json"})
            server.request("GET", f"{API}/health")
            server.send(signal.SIGTERM)
            # During the delay new connections are accepted, and /ready answers 503.
            wait_until(
                lambda: server.request("GET", f"{API}/ready").status == 503,
                timeout=30,
                what="/ready",
            )
            leaving = server.request("GET", f"{API}/ready")
            assert (leaving.status, leaving.json["error"]) == (503, "unavailable")
            assert leaving.headers["retry-after"].isdigit()
            assert server.request("GET", f"{API}/health").status == 200
            holder.execute("ROLLBACK")
            holder.close()
            answer = writing.getresponse()
            assert answer.status == 201
            isbn = json.loads(answer.read())["isbn"]
            writing.close()
            assert server.process.wait() == 0
            server.start()
            assert server.request("GET", f"{BOOKS}/isbn/{isbn}").status == 200
        sqlite_backend.drop(url)
