"""A forked child process opens its own database connections."""

from pyramid_bookstore.db import database as database_module
from pyramid_bookstore.web.mount import Mount
from tests.support.api import BOOKS
from tests.support.crowd import PROCESSES, crowd

# The parent's pools are full when it forks; then each child reads and writes.
_PREPARE = """
import logging
from webtest import TestApp
from pyramid_bookstore.web.mount import Mount
from tests.support.api import BOOKS, new_book
from tests.support.apps import build_app

logging.disable()
names = ("bookstore.sqlalchemy.url", "bookstore.replica.sqlalchemy.url")
settings = dict(zip(names, sys.argv[1:])) | {"bookstore.migrate": "true"}
app = build_app(settings)
client = TestApp(app)
path = client.post_json(BOOKS, new_book(1), status=201).headers["Location"]
database = Mount.of(app.registry).database

def sockets():
    found = []
    for engine in set(database.engines.values()):
        with engine.connect() as connection:
            driver = connection.connection.dbapi_connection
            info = getattr(driver, "info", None)
            found.append(f"{info.backend_pid}" if info else f"{os.getpid()}")
    return sorted(found)

def say(words):
    # In one write, so that two processes' lines do not mix.
    os.write(1, (words + "\\n").encode())

def work():
    for _ in range(20):
        client.post_json(f"{path}/stock", {"delta": 1}, status=200)
        client.get(path, status=200)
    say(" ".join(sockets()))

work()
"""


def test_forked_processes_share_no_database_connection(backend, make_client):
    url = backend.create()
    lines = crowd(_PREPARE, "work()", url)
    connections = [number for line in lines for number in line.split()]
    per_process = {"sqlite": 1, "postgresql": 2}[backend.name]
    assert len(lines) == PROCESSES + 1
    assert len(set(connections)) == (PROCESSES + 1) * per_process
    client = make_client(url=url)
    assert client.get(BOOKS).json["data"][0]["stock"] == 5 + 20 * (PROCESSES + 1)


def test_forked_processes_share_no_replica_connection(postgres_backend):
    """The same database under a second URL stands for a replica here."""
    url = postgres_backend.create()
    lines = crowd(_PREPARE, "work()", url, f"{url}?application_name=replica")
    connections = [number for line in lines for number in line.split()]
    assert len(set(connections)) == len(connections) == (PROCESSES + 1) * 3


def test_a_forked_child_has_a_copy_of_a_database_in_memory():
    """Parent and child share no file in this case."""
    work = "client.get(path, status=200); say(str(client.get(BOOKS).json['total']))"
    assert crowd(_PREPARE.replace("\nwork()\n", ""), work, "sqlite://") == ["1"] * PROCESSES


def test_after_a_fork_all_pools_are_new_and_work(make_client, database):
    client = make_client(url=database)
    client.get(BOOKS)
    known = Mount.of(client.app.registry).database
    pools = [engine.pool for engine in known.engines.values()]
    database_module._after_fork_in_child()
    assert not {*pools} & {engine.pool for engine in known.engines.values()}
    assert client.get(BOOKS).json["total"] == 0
    for pool in pools:
        pool.dispose()
