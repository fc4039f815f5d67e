"""Fixtures for the whole suite.

What rests on ``backend`` runs twice, on SQLite and on PostgreSQL:

=================  ==========  ====================================================================
``database``       test        URL of an empty database at the newest revision, of the test's own
``engine``         test        an engine on ``database``
``app``            session     the application, through ``includeme``, on a shared database
``tm``             test        explicit transaction manager, doomed: nothing is ever committed
``dbsession``      test        session of ``app``'s database in ``tm``
``testapp``        test        WebTest on ``app``, its requests inside ``tm`` and ``dbsession``
``client``         test        WebTest whose requests commit, on a database emptied before the test
``client_with``    test        factory: the same, with settings, of an application that is shared
``make_app``       test        factory: an application with settings of its own
``make_client``    test        factory: the same, in WebTest, by default on a database of its own
=================  ==========  ====================================================================

Which PostgreSQL it is: ``BOOKSTORE_TEST_POSTGRES``, see :mod:`tests.support.postgres`.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import plaster.loaders
import pytest
import transaction
import zope.sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from webtest import TestApp

from pyramid_bookstore.db.engines import make_engine
from tests.support.apps import Router, build_app, close_app
from tests.support.backends import Backend, Emptier, PostgresBackend, SQLiteBackend
from tests.support.postgres import PostgresServer, postgres_for_tests
from tests.support.postgres_databases import RunningPostgres

# No deadline: how long an example takes says nothing on a busy machine.
hypothesis.settings.register_profile("explore", deadline=None)
# The same examples each time: what is pushed is judged by itself, and not by what chance finds.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "explore"))

# Far from UTC, and no whole hour: a time that was left naive on its way shows. Written out
# because some PostgreSQL builds have no time zone database.
_AWAY_FROM_UTC = "<+0545>-05:45"


#: The longest files, which come first: else one worker would have one when the others are done.
_LONG = ("tests/torture/", "tests/storefront/test_browser.py", "tests/functional/test_search.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


def pytest_collection_finish() -> None:
    """What is there by now stays, so that no collection of garbage looks at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def loaders_are_found_once() -> Iterator[None]:
    """Plaster reads the metadata of all that is installed for each INI: two thirds of the time of a
    command. Nothing is installed meanwhile."""
    find = plaster.loaders.find_loaders
    found: dict[Any, Any] = {}

    def find_once(scheme: str, protocols: Any = None) -> Any:
        key = scheme, tuple(protocols or ())
        if key not in found:
            found[key] = find(scheme, protocols)
        return found[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plaster.loaders, "find_loaders", find_once)
        yield


@pytest.fixture(scope="module", autouse=True)
def leftovers() -> Iterator[None]:
    """What a module left to the garbage collector is collected with it: a connection that was
    never closed would else be found, and reported, during some test of another module. What stays,
    some million objects, is not looked at again: a tenth of the time of all tests."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer | RunningPostgres]:
    """One PostgreSQL per session, so one per pytest-xdist worker; started on first use."""
    config = {"max_connections": 200, "timezone": _AWAY_FROM_UTC}
    with postgres_for_tests(durable=False, config=config) as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_backend(tmp_path_factory: pytest.TempPathFactory) -> SQLiteBackend:
    return SQLiteBackend(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_backend(postgres: PostgresServer | RunningPostgres) -> Iterator[PostgresBackend]:
    backend = PostgresBackend(postgres)
    yield backend
    backend.close()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> Backend:
    # By name, so that a run on SQLite alone starts no PostgreSQL.
    fixture = {"sqlite": "sqlite_backend", "postgresql": "postgres_backend"}[request.param]
    found: Backend = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def database(backend: Backend) -> Iterator[str]:
    url = backend.create()
    yield url
    backend.drop(url)


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = make_engine({"url": database})
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_database(backend: Backend) -> Iterator[str]:
    """The database below ``app``; nothing is ever committed to it."""
    url = backend.create()
    yield url
    backend.drop(url)


@pytest.fixture(scope="session")
def app(shared_database: str) -> Iterator[Router]:
    app = build_app({"bookstore.sqlalchemy.url": shared_database})
    yield app
    close_app(app)


@pytest.fixture(scope="session")
def shared_engine(shared_database: str) -> Iterator[Engine]:
    engine = make_engine({"url": shared_database})
    yield engine
    engine.dispose()


@pytest.fixture
def tm() -> Iterator[transaction.TransactionManager]:
    tm = transaction.TransactionManager(explicit=True)
    tm.begin()
    tm.doom()
    yield tm
    tm.abort()


@pytest.fixture
def dbsession(shared_engine: Engine, tm: transaction.TransactionManager) -> Session:
    session = Session(shared_engine)
    zope.sqlalchemy.register(session, transaction_manager=tm)
    return session


@pytest.fixture
def testapp(app: Router, tm: transaction.TransactionManager, dbsession: Session) -> TestApp:
    return TestApp(
        app,
        extra_environ={
            "HTTP_HOST": "example.com",
            "tm.active": True,
            "tm.manager": tm,
            "app.dbsession": dbsession,
        },
    )


@pytest.fixture(scope="session")
def committing(backend: Backend) -> Iterator[Callable[..., tuple[Router, Emptier]]]:
    """``committing(settings, configure=None)``: an application, made once for what it is made of,
    and what empties its database."""
    made: dict[Any, tuple[Router, Emptier]] = {}
    with ExitStack() as at_the_end:

        def serve(settings: dict[str, Any], **options: Any) -> tuple[Router, Emptier]:
            key = frozenset({**settings, **options}.items())
            if key not in made:
                url = backend.create()
                at_the_end.callback(backend.drop, url)
                engine = make_engine({"url": url})
                at_the_end.callback(engine.dispose)
                # Before the application, which may add indexes that cannot be reflected.
                empty = Emptier(engine)
                app = build_app({"bookstore.sqlalchemy.url": url} | settings, **options)
                at_the_end.callback(close_app, app)
                made[key] = app, empty
            return made[key]

        yield serve


@pytest.fixture
def client_with(
    committing: Callable[..., tuple[Router, Emptier]],
) -> Callable[..., TestApp]:
    """``client_with(settings, configure=None) -> TestApp``: as ``client``, of an application with
    these settings.

    It costs a tenth of ``make_client``, but shares the application with other tests.
    """

    def make(settings: dict[str, Any], **options: Any) -> TestApp:
        app, empty = committing(settings, **options)
        empty()
        return TestApp(app)

    return make


@pytest.fixture
def client(client_with: Callable[..., TestApp]) -> TestApp:
    return client_with({})


@pytest.fixture
def make_app() -> Iterator[Callable[..., Router]]:
    """``make_app(settings, *, route_prefix=None, configure=None) -> Router``.

    ``configure`` is called with the Configurator before the bookstore is included, as a host would
    set itself up.
    """
    made: list[Router] = []

    def make(settings: dict[str, Any], **options: Any) -> Router:
        made.append(build_app(settings, **options))
        return made[-1]

    yield make
    for app in made:
        close_app(app)


@pytest.fixture
def make_client(
    backend: Backend, make_app: Callable[..., Router]
) -> Iterator[Callable[..., TestApp]]:
    """``make_client(settings=None, *, url=None, **options) -> TestApp``; options as ``make_app``'s.

    Without ``url`` each client gets a new, empty database.
    """
    urls: list[str] = []

    def make(
        settings: dict[str, Any] | None = None, *, url: str | None = None, **options: Any
    ) -> TestApp:
        if url is None:
            url = backend.create()
            urls.append(url)
        return TestApp(make_app({"bookstore.sqlalchemy.url": url} | (settings or {}), **options))

    yield make
    for url in urls:
        backend.drop(url)
