"""The limits of production.ini, held against a real process that runs with it."""

import json
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.api import API, BOOKS, new_book
from tests.support.server import running_server
from tests.support.tokens import SECRET, claims, forge

INI = Path(__file__).parents[2] / "production.ini"


@pytest.fixture(scope="module")
def server(sqlite_backend):
    url = sqlite_backend.create()
    env = {
        "BOOKSTORE_SQLALCHEMY_URL": url,
        "BOOKSTORE_JWT_KEY": SECRET,
        "BOOKSTORE_JWT_ALGORITHMS": "HS256",
    }
    with running_server(INI, env=env) as server:
        yield server
    sqlite_backend.drop(url)


@pytest.fixture(scope="module")
def manager():
    token = forge({"alg": "HS256"}, claims(roles=["manager"]), SECRET)
    return {"Authorization": f"Bearer {token}"}


def exchange(server, data):
    """What comes back for these bytes until the other side closes."""
    received = b""
    with server.connect() as plain:
        with suppress(ConnectionError):
            plain.sendall(data)
        with suppress(ConnectionError):
            while more := plain.recv(65536):
                received += more
    return received


def test_reading_is_open_and_writing_is_not(server, manager):
    assert server.request("GET", BOOKS).status == 200
    assert server.request("POST", BOOKS, json=new_book(1)).status == 401
    assert server.request("POST", BOOKS, json=new_book(1), headers=manager).status == 201


def test_it_says_nothing_of_what_it_runs_on(server):
    answer = server.request("GET", BOOKS)
    assert "server" not in answer.headers
    assert "waitress" not in str(answer.headers).lower()


@pytest.mark.parametrize(("size", "status"), [(30_000, 200), (33_000, 431)])
def test_headers(server, size, status):
    head = f"GET {API}/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: "
    received = exchange(server, head.encode() + b"x" * size + b"\r\n\r\n")
    assert received.split(b" ", 2)[1] == str(status).encode()


def test_a_body_that_is_too_long_is_refused_by_its_length(server, manager):
    """In the bookstore's form above its own limit, in waitress's above that of any import."""
    token = manager["Authorization"].encode()
    head = b"POST /api/v1/books HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
    head += token + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    received = exchange(server, head % 70_000_000 + b"x" * 1000)
    assert received.split(b" ", 2)[1] == b"413"
    sent = json.dumps(new_book(2, description="x" * 1_100_000)).encode()
    answer = server.request(
        "POST", BOOKS, body=sent, headers={**manager, "Content-Type": "application/json"}
    )
    assert (answer.status, answer.json["error"]) == (413, "payload_too_large")


def test_many_idle_connections_lock_nobody_out(server):
    """Far more than waitress's own limit of 100."""
    idle = [server.connect() for _ in range(300)]
    try:
        for _ in range(5):
            assert server.request("GET", BOOKS).status == 200
    finally:
        for each in idle:
            each.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET /api/v1/health HTTP/1.1\r\nA: b\rc\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /api/v1/books HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_what_is_no_http_harms_nobody(server, garbage):
    """waitress answers it in plain text, or closes; the next one is served."""
    with server.connect(timeout=5) as plain:
        plain.sendall(garbage)
        plain.shutdown(socket.SHUT_WR)
        received = plain.recv(65536)
    if received:
        assert received.split(b" ", 2)[1] in (b"400", b"404", b"501"), received
    assert server.request("GET", f"{API}/health").status == 200
