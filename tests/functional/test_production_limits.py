"""The limits of production.ini, tested on a real process that runs with it."""

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
    """The bytes that the server answers to these bytes until it closes the connection."""
    received = b""
    with server.connect() as plain:
        with suppress(ConnectionError):
            plain.sendall(data)
        with suppress(ConnectionError):
            while more := plain.recv(65536):
                received += more
    return received


def test_reading_needs_no_token_and_writing_does(server, manager):
    assert server.request("GET", BOOKS).status == 200
    assert server.request("POST", BOOKS, json=new_book(1)).status == 401
    assert server.request("POST", BOOKS, json=new_book(1), headers=manager).status == 201


def test_answers_do_not_name_the_server_software(server):
    answer = server.request("GET", BOOKS)
    assert "server" not in answer.headers
    assert "waitress" not in str(answer.headers).lower()


@pytest.mark.parametrize(("size", "status"), [(30_000, 200), (33_000, 431)])
def test_request_headers_above_the_size_limit_get_431(server, size, status):
    head = f"GET {API}/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: "
    received = exchange(server, head.encode() + b"x" * size + b"\r\n\r\n")
    assert received.split(b" ", 2)[1] == str(status).encode()


def test_a_too_long_body_gets_413_by_its_content_length(server, manager):
    """Above its own limit the bookstore refuses; above the limit of any import waitress does."""
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


def test_300_idle_connections_do_not_block_other_clients(server):
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
def test_malformed_http_does_not_stop_the_server(server, garbage):
    """waitress answers in plain text or closes the connection; the next request is served."""
    with server.connect(timeout=5) as plain:
        plain.sendall(garbage)
        plain.shutdown(socket.SHUT_WR)
        received = plain.recv(65536)
    if received:
        assert received.split(b" ", 2)[1] in (b"307", b"400", b"401", b"404", b"501"), received
    assert server.request("GET", f"{API}/health").status == 200
