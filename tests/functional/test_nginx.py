"""deploy/nginx.conf in front of a bookstore caches answers and never serves an outdated one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pyramid_bookstore.testing import isbn
from tests.support.processes import free_port, wait_until
from tests.support.server import running_server

CONF = Path(__file__).parents[2] / "deploy" / "nginx.conf"
BOOKS = "/api/v1/books"
BOOK = {"title": "Kept", "author": "A", "isbn": isbn(815), "price": 5}

AROUND = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    log_format copies '$request_method $uri $status $upstream_cache_status $upstream_status';
    access_log {folder}/access.log copies;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


@pytest.fixture(scope="module")
def bookstore(sqlite_backend):
    url = sqlite_backend.create()
    settings = {"bookstore.sqlalchemy.url": url, "bookstore.migrate": "true"}
    settings["bookstore.metrics"] = "true"
    with running_server(settings) as server:
        yield server
    sqlite_backend.drop(url)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def nginx(bookstore, folder):
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("no nginx here")
    port = free_port()
    site = CONF.read_text(encoding="utf-8")
    for there, here in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:6543": f"127.0.0.1:{bookstore.port}",
        "/var/run": str(folder),
        "/var/cache/nginx": str(folder),
    }.items():
        assert there in site
        site = site.replace(there, here)
    (folder / "site.conf").write_text(site, encoding="utf-8")
    user = "user root;" if os.getuid() == 0 else ""
    conf = folder / "nginx.conf"
    conf.write_text(AROUND.format(folder=folder, user=user), encoding="utf-8")
    command = [program, "-p", str(folder), "-c", str(conf), "-e", str(folder / "error.log")]
    with running_server(conf, port=port, command=command) as server:
        yield server


@pytest.fixture
def logged(folder):
    """Wait until this is the last line of nginx's log, which is written after the answer."""
    log = folder / "access.log"

    def logged(line):
        wait_until(
            lambda: log.read_text(encoding="utf-8").endswith(f"{line}\n"), timeout=10, what=line
        )

    return logged


def test_nginx_serves_a_cached_answer_only_after_revalidation(nginx, logged):
    path = nginx.request("POST", BOOKS, json=BOOK).headers["location"].partition(str(nginx.port))[2]
    first = nginx.request("GET", path)
    logged(f"GET {path} 200 MISS 200")
    again = nginx.request("GET", path)
    logged(f"GET {path} 200 REVALIDATED 304")
    assert (again.body, again.headers["etag"]) == (first.body, first.headers["etag"])

    changed = nginx.request("PUT", path, json={"stock": 3})
    assert changed.status == 200
    fresh = nginx.request("GET", path)
    logged(f"GET {path} 200 EXPIRED 200")
    assert (fresh.json["stock"], fresh.headers["etag"]) == (3, changed.headers["etag"])

    held = nginx.request("GET", path, headers={"If-None-Match": fresh.headers["etag"]})
    assert held.status == 304
    gone = nginx.request("DELETE", path, headers={"If-Match": fresh.headers["etag"]})
    assert gone.status == 204
    assert nginx.request("GET", path).status == 404


def test_each_request_through_nginx_has_its_own_request_id(nginx):
    ids = [nginx.request("GET", BOOKS).headers["x-request-id"] for _ in range(3)]
    assert len(set(ids)) == 3
    named = nginx.request("GET", BOOKS, headers={"X-Request-ID": "from-the-client"})
    assert named.headers["x-request-id"] == "from-the-client"


def test_requests_with_authorization_bypass_the_cache(nginx, logged):
    for _ in range(2):
        nginx.request("GET", f"{BOOKS}?limit=7", headers={"Authorization": "Bearer x"})
        logged(f"GET {BOOKS} 200 BYPASS 200")


def test_the_location_has_the_address_that_the_client_used(nginx):
    created = nginx.request("POST", BOOKS, json=BOOK | {"isbn": isbn(816)})
    assert created.headers["location"].startswith(nginx.url)


def test_metrics_are_readable_from_the_same_machine(nginx):
    """This test runs on the same machine, so it may read the metrics."""
    assert b"bookstore_requests_total" in nginx.request("GET", "/api/v1/metrics").body


def test_a_too_large_body_gets_a_413_problem_document_from_app_or_nginx(nginx, logged):
    """Up to 2 MB the bookstore gives the answer, above that nginx does."""
    for size, upstream in ((1_500_000, "413"), (3_000_000, "-")):
        answer = nginx.request("POST", BOOKS, json={"title": "x" * size})
        assert (answer.status, answer.json["error"]) == (413, "payload_too_large")
        logged(f"POST {BOOKS} 413 - {upstream}")


def test_nginx_answers_a_503_problem_document_if_the_bookstore_is_down(nginx, bookstore):
    bookstore.kill()
    try:
        answer = nginx.request("GET", f"{BOOKS}?limit=9")
        assert (answer.status, answer.json["error"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"]
    finally:
        bookstore.start()
