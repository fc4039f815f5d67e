"""What a host's own test-suite needs to run against a mounted bookstore.

In the way of Pyramid's cookiecutter: a database migrated once, and around each test a doomed
transaction that the test and its requests share, so that nothing is ever committed::

    @pytest.fixture
    def testapp(app):
        with pyramid_bookstore.testing.transaction(app) as environ:
            yield webtest.TestApp(app, extra_environ=environ)

A host with a session of its own says how to make one: ``transaction(app, app.registry["…"])``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import zope.sqlalchemy
from pyramid.interfaces import IRouter
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from transaction import TransactionManager

from pyramid_bookstore.db import migrations, removal
from pyramid_bookstore.plugin.bookstore import Bookstore
from pyramid_bookstore.web.mount import Mount

__all__ = ["book_fields", "bookstore", "isbn", "migrate", "remove", "transaction"]

_numbers = count(1)


def migrate(app: IRouter, engine: Engine | None = None) -> None:
    """Bring the bookstore's schema up to date in the application's database.

    With `bookstore.dbsession` it needs the host's ``engine``, and raises `ValueError` without.
    """
    database = Mount.of(app.registry).database
    if engine is None:
        if database is None:
            raise ValueError("The bookstore has no engine of its own here: pass the host's.")
        engine = database.writing
    migrations.upgrade(engine)


def remove(engine: Engine) -> None:
    """Remove all tables of the bookstore's, and what Alembic knows of them, from a test's database.

    For a fixture that drops the host's tables and migrates anew: our tables are not in the host's
    metadata, so they would be there still. Tables that refer to the books have to go before.
    """
    removal.remove_from_any_history(engine)


@contextmanager
def transaction(
    app: IRouter, session_factory: Callable[[], Session] | None = None
) -> Iterator[dict[str, Any]]:
    """A doomed transaction for one test, as the environ that its requests must carry.

    ``environ["app.dbsession"]`` is the session for the test's own rows, ``environ["tm.manager"]``
    the explicit transaction manager. All is rolled back at the end. ``session_factory`` is the
    host's; by default the session is one on the bookstore's own database. With
    `bookstore.dbsession` there is none, and `ValueError` is raised without a factory.
    """
    manager = TransactionManager(explicit=True)
    manager.begin()
    manager.doom()
    session = session_factory() if session_factory else _own_session(app)
    zope.sqlalchemy.register(session, transaction_manager=manager)
    try:
        yield {"app.dbsession": session, "tm.active": True, "tm.manager": manager}
    finally:
        manager.abort()
        session.close()


def bookstore(session: Session) -> Bookstore:
    """A `request.bookstore` on this session, without a request and without events."""
    return Bookstore.on(session)


def isbn(number: int) -> str:
    """A valid ISBN-13 for each number from 0 to 999,999,999."""
    digits = f"978{number:09d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighted % 10}"


def book_fields(**fields: Any) -> dict[str, Any]:
    """The fields of a valid book with an ISBN that no other call gave; ``fields`` override."""
    book = {"title": "A Book", "author": "An Author", "price": 10, "stock": 5}
    return {**book, "isbn": isbn(next(_numbers)), **fields}


def _own_session(app: IRouter) -> Session:
    database = Mount.of(app.registry).database
    if database is None:
        raise ValueError("The bookstore has no engine of its own here: pass the host's factory.")
    return Session(database.writing)
