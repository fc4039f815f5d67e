"""End to end: the standalone application as a process, on both databases."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import DidNotStart
from tests.support.server import program, running_server

BOOK = {
    "title": "The Rust Programming Language",
    "author": "Steve Klabnik and Carol Nichols",
    "isbn": "978-1-7185-0044-0",
    "price": 39.99,
    "stock": 100,
}
BOOKS = "/api/v1/books"
ROOT = Path(__file__).parents[2]


def test_acknowledged_writes_survive_kill_9(backend):
    url = backend.create()
    settings = {"bookstore.sqlalchemy.url": url, "bookstore.migrate": "true"}
    with running_server(settings) as server:
        created = server.request("POST", BOOKS, json=BOOK)
        assert created.status == 201, created.body
        assert created.json["isbn"] == "9781718500440"
        path = f"{BOOKS}/{created.json['id']}"
        changed = server.request("PUT", path, json={"price": 34.99, "stock": 80})
        assert changed.status == 200, changed.body

        server.kill()
        with pytest.raises(ConnectionRefusedError):
            server.request("GET", path)
        server.start()

        again = server.request("GET", path)
        assert again.status == 200
        assert again.json == changed.json
        assert again.headers["etag"] == changed.headers["etag"]
        assert server.request("POST", BOOKS, json=BOOK).status == 409
        assert server.request("DELETE", path).status == 204
        assert server.request("GET", BOOKS).json["total"] == 0
    backend.drop(url)


def test_the_requests_of_the_original_tutorial_work_on_the_sample_data(backend):
    url = backend.create()
    settings = {"bookstore.sqlalchemy.url": url, "bookstore.sample_data": "true"}
    with running_server(settings) as server:
        first = server.request("GET", f"{BOOKS}?page=1&limit=5").json
        assert first["total"] >= 100
        assert len(first["data"]) == 5
        for isbn in ("0000000000000", "9780000000000"):
            refused = server.request("POST", BOOKS, json=BOOK | {"isbn": isbn})
            assert (refused.status, refused.json["error"]) == (422, "validation_failed")
            assert [fault["field"] for fault in refused.json["details"]] == ["isbn"]
        page = server.request("GET", f"{BOOKS}?page=2&limit=3&author=tolkien").json
        assert (page["page"], page["limit"]) == (2, 3)
        assert page["total_pages"] == -(-page["total"] // 3)
        assert all("Tolkien" in book["author"] for book in page["data"])
    backend.drop(url)


def test_the_environment_overrides_the_ini(sqlite_backend):
    url = sqlite_backend.create()
    settings = {"bookstore.sqlalchemy.url": "sqlite:////nowhere/at/all.db"}
    env = {"BOOKSTORE_SQLALCHEMY_URL": url, "BOOKSTORE_LIMIT_MAX": "7", "BOOKSTORE_PREFIX": "/b"}
    env["BOOKSTORE_LIMIT_DEFAULT"] = "5"
    with running_server(settings, env=env, ready="/b/health") as server:
        assert server.request("GET", "/b/ready").status == 200
        assert server.request("GET", "/b/books").json["limit"] == 5
        assert server.request("GET", "/b/books?limit=8").status == 422
        assert server.request("GET", BOOKS).status == 404


def test_invalid_settings_stop_the_start_and_are_all_named():
    settings = {
        "bookstore.sqlalchemy.url": "sqlite://",
        "bookstore.limt.max": "50",
        "bookstore.migrate": "perhaps",
    }
    with pytest.raises(DidNotStart) as caught, running_server(settings):
        pass
    said = str(caught.value)
    assert "bookstore.limt.max" in said
    assert "bookstore.limit.max" in said, "the nearest valid key"
    assert "bookstore.migrate" in said


def test_the_wsgi_factory_reads_the_ini_of_bookstore_ini(sqlite_backend, tmp_path):
    url = sqlite_backend.create()
    ini = tmp_path / "shop.ini"
    ini.write_text(
        f"[app:main]\nuse = egg:pyramid_bookstore\nbookstore.sqlalchemy.url = {url}\n",
        encoding="utf-8",
    )
    command = [program("waitress-serve"), "--listen=127.0.0.1:{port}", "--call"]
    command.append("pyramid_bookstore.wsgi:make_app")
    with running_server(ini, command=command, env={"BOOKSTORE_INI": str(ini)}) as server:
        assert server.request("GET", BOOKS).json["total"] == 0


def test_development_ini_starts_with_a_schema_and_sample_books(tmp_path):
    """``make run`` in a new checkout makes the schema and at least a hundred books."""
    # A copy, because the database is made in the same folder; the checkout stays unchanged.
    ini = tmp_path / "development.ini"
    ini.write_bytes((ROOT / "development.ini").read_bytes())
    with running_server(ini) as server:
        page = server.request("GET", f"{BOOKS}?limit=1").json
        assert page["total"] >= 100
        found = server.request("GET", f"{BOOKS}/isbn/{page['data'][0]['isbn']}")
        assert found.json == page["data"][0]
    assert list(tmp_path.glob("*.sqlite*")) or list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("option", ["http_port", "port"])
def test_a_port_in_use_stops_the_start_with_one_sentence(option):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [program("pserve"), ROOT / "development.ini", f"{option}={port}"],
            env=os.environ | {"BOOKSTORE_SQLALCHEMY_URL": "sqlite://"},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert refused.stderr.splitlines()[-1] == (
        f"OSError: Cannot listen on 127.0.0.1:{port}: Address already in use."
        " http_port=8081 behind the INI takes another port."
    )
