"""The shop of ``examples/storefront``, tested the way the cookiecutter tests its applications.

Like the fixtures of the plug-in's own tests, all of these run on SQLite and on PostgreSQL:

``shop``       WebTest on one application; requests share a doomed transaction with the test
``open_shop``  factory: an application on a database of its own, whose requests commit
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from webtest import TestApp

pytest.importorskip("pyramid_jinja2", reason="the storefront is set in pyramid_jinja2 templates")

import storefront
from pyramid_bookstore.testing import transaction
from storefront.database import make_engine, upgrade
from storefront.models import User
from storefront.passwords import hash_password
from tests.support.backends import Backend


@pytest.fixture(autouse=True)
def unmeasured(no_cover: None) -> None:
    """The plug-in has tests of its own; measuring its coverage would double the time of these."""


PASSWORD = "correct horse"
_HASHED = hash_password(PASSWORD, n=2)  # cheap: the tests sign in often
PEOPLE = (("ada", "customer"), ("grace", "customer"), ("basil", "staff"))

HOBBIT = {
    "title": "The Hobbit",
    "author": "J. R. R. Tolkien",
    "isbn": "9780261102217",
    "price": 16,
    "stock": 5,
}
DUNE = {
    "title": "Dune",
    "author": "Frank Herbert",
    "isbn": "9780441172719",
    "price": 10,
    "stock": 1,
    "description": "A desert planet, and the spice.",
    "extra": {"publisher": "Ace", "language": ["eng"]},
}
SETTINGS = {
    "storefront.auth_secret": "auth secret of a test",
    "storefront.session_secret": "session secret of a test",
    "storefront.secure_cookies": "false",
    "bookstore.dbsession": "dbsession",
    "bookstore.prefix": "/api",
    "bookstore.trade": "true",
    "bookstore.holds": "true",
}


def make_shop(url: str, engine: Engine, **settings: str) -> Any:
    """The application, with the indexes of its fields unless ``settings`` say otherwise."""
    settings = {"sqlalchemy.url": url, "bookstore.migrate": "true", **settings}
    return storefront.main({}, **SETTINGS, **settings, **{"storefront.engine": engine})


class Browser(TestApp):
    """WebTest with the actions of a visitor of the shop."""

    def sign_in(self, login: str) -> Browser:
        form = self.get("/login").form_of("/login")
        form["login"], form["password"] = login, PASSWORD
        form.submit(status=303)
        return self

    def put_in_basket(self, isbn: str, copies: int = 1) -> Any:
        form = self.get(f"/books/{isbn}").form_of("/basket")
        form["copies"] = str(copies)
        return form.submit("action", value="add", status=303).follow()

    def order_form(self) -> Any:
        return self.get("/basket").form_of("/orders")

    def do_request(self, *args: Any, **kwargs: Any) -> Any:
        response = super().do_request(*args, **kwargs)
        response.form_of = lambda action: _form_of(response, action)
        return response


def _form_of(response: Any, action: str) -> Any:
    """The first form that posts to ``action``."""
    forms = [form for key, form in response.forms.items() if isinstance(key, int)]
    return next(form for form in forms if form.action == action and form.method == "post")


@dataclass
class Shop:
    """One application on one database."""

    app: Any
    engine: Engine
    environ: dict[str, Any]

    def browser(self) -> Browser:
        """A new browser, with cookies of its own."""
        return Browser(self.app, extra_environ=dict(self.environ))

    def add_books(self, *books: dict[str, Any]) -> list[dict[str, Any]]:
        """Create books through the API."""
        staff = self.api("basil")
        return [staff.post_json("/api/books", book).json for book in books]

    def api(self, login: str) -> Browser:
        """A client of the API, signed in by HTTP Basic."""
        browser = self.browser()
        browser.authorization = ("Basic", (login, PASSWORD))
        return browser


def add_people(session: Session) -> None:
    for login, role in PEOPLE:
        session.add(User(login=login, name=login.title(), role=role, password_hash=_HASHED))


@pytest.fixture(scope="session")
def shop_database(backend: Backend) -> Iterator[str]:
    """A database with the tables of both."""
    url = backend.create()
    engine = make_engine({"sqlalchemy.url": url})
    upgrade(engine)
    engine.dispose()
    yield url
    backend.drop(url)


@pytest.fixture(scope="session")
def shop_engine(shop_database: str) -> Iterator[Engine]:
    engine = make_engine({"sqlalchemy.url": shop_database})
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shop_app(shop_database: str, shop_engine: Engine) -> Any:
    return make_shop(shop_database, shop_engine)


@pytest.fixture
def environ(shop_app: Any, shop_engine: Engine) -> Iterator[dict[str, Any]]:
    with transaction(shop_app, lambda: Session(shop_engine)) as environ:
        yield environ


@pytest.fixture
def shop_session(environ: dict[str, Any]) -> Session:
    session: Session = environ["app.dbsession"]
    add_people(session)
    session.flush()
    return session


@pytest.fixture
def shop(
    shop_app: Any, shop_engine: Engine, shop_session: Session, environ: dict[str, Any]
) -> Shop:
    return Shop(shop_app, shop_engine, {"HTTP_HOST": "example.com", **environ})


@pytest.fixture
def open_shop(backend: Backend) -> Iterator[Callable[..., Shop]]:
    """``open_shop(**settings) -> Shop`` that commits, with the people in it and no books."""
    opened: list[tuple[str, Engine]] = []

    def make(**settings: str) -> Shop:
        url = backend.create()
        engine = make_engine({"sqlalchemy.url": url})
        opened.append((url, engine))
        upgrade(engine)
        with Session(engine) as session, session.begin():
            add_people(session)
        return Shop(make_shop(url, engine, **settings), engine, {})

    yield make
    for url, engine in opened:
        engine.dispose()
        backend.drop(url)
