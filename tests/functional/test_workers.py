"""Several processes from one INI, started with the commands in docs/howto/scale.md."""

import http.client
import os
import re
import shlex
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from pyramid_bookstore.db.engines import make_engine
from tests.support.api import BOOKS, RUST
from tests.support.processes import free_port, wait_until
from tests.support.server import program, running_server, write_ini

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "scale.md"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def documented(name):
    """The documented command for a server, with placeholders for INI and port."""
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (block for block in blocks if re.match(rf"(BOOKSTORE_INI=\S+ )?{name} ", block))
    block = block.replace("production.ini", "{ini}").replace("6543", "{port}")
    words = shlex.split(block.replace("\\\n", " "))
    return [program(name), *words[words.index(name) + 1 :]]


@pytest.fixture
def url(postgres_backend):
    url = postgres_backend.create()
    yield url
    postgres_backend.drop(url)


@pytest.fixture
def ini(url, tmp_path):
    """One connection per process and pool, so that the number of processes can be seen."""
    settings = {"url": url, "pool_size": 1, "max_overflow": 0, "pool_timeout": 30}
    return write_ini(tmp_path, {f"bookstore.sqlalchemy.{k}": v for k, v in settings.items()})


@pytest.fixture
def connections(url):
    """How many connections there are to the database besides this one."""
    engine = make_engine({"url": url})
    name = make_url(url).database

    def count():
        statement = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name")
        with engine.connect() as connection:
            return connection.scalar(statement, {"name": name}) - 1

    yield count
    engine.dispose()


def stock_is_right(server, connections):
    """A hundred parallel changes over all processes are each counted once."""
    path = server.request("POST", BOOKS, json=RUST | {"stock": 90}).headers["location"]
    path = path[path.index(BOOKS) :]

    def change(_number):
        return server.request("POST", f"{path}/stock", json={"delta": -1}, timeout=60).status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(change, range(100)))
    assert (statuses.count(200), statuses.count(409)) == (90, 10)
    assert server.request("GET", path).json["stock"] == 0

    def all_are_busy():
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _number: server.request("GET", path), range(50)))
        return connections() >= 2

    # One process has one connection for either pool at most. nginx passes over a process for ten
    # seconds if it once had no answer from it.
    wait_until(all_are_busy, timeout=60, what="every process has a connection")


@pytest.mark.parametrize("name", ["granian", "gunicorn"])
def test_the_documented_process_servers_count_each_stock_change_once(name, ini, connections):
    try:
        command = documented(name)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    with running_server(ini, command=command, env={"BOOKSTORE_INI": str(ini)}) as server:
        stock_is_right(server, connections)


_CONF = """\
pid {folder}/pid;
error_log {folder}/error.log;
daemon off;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {upstream}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://bookstore; proxy_set_header Host $http_host; }}
    }}
}}
"""


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_two_waitress_behind_nginx_count_each_change_and_one_may_stop(ini, connections, tmp_path):
    port = free_port()
    (upstream,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with ExitStack() as stack:
        for number in ("6543", "6544"):
            server = stack.enter_context(running_server(ini, command=documented("pserve")))
            upstream = upstream.replace(number, str(server.port))
        conf = tmp_path / "nginx.conf"
        conf.write_text(_CONF.format(folder=tmp_path, upstream=upstream, port=port))
        command = [NGINX, "-c", str(conf), "-e", f"{tmp_path}/error.log"]
        front = stack.enter_context(running_server(ini, port=port, command=command))
        stock_is_right(front, connections)
        # One of the two processes stops, and every request is still answered.
        server.stop()
        answers = {front.request("GET", BOOKS).status for _ in range(20)}
        assert answers == {http.client.OK}
