"""pyramid_fullauth: users by cookie, ACLs with its own words, one scoped session for all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from asking import Cell, Question, ask, client, compared, statuses

PACKAGES = ("pyramid_fullauth",)

HOST = {
    "sqlalchemy.url": "sqlite:///fullauth.sqlite",
    "basemodel.should_create_all": "true",
    "fullauth.authtkt.secret": "a secret of the test",
}
#: Its root gives everybody ``view``, and all permissions to ``s:superadmin``.
BOOKSTORE = {
    "bookstore.dbsession": "db",
    "bookstore.migrate": "true",
    "bookstore.permission.view": "view",
}
QUESTIONS: list[Question] = [
    (method, path, None, {})
    for method in ("GET", "POST", "OPTIONS", "TRACE")
    for path in ("/", "/login", "/logout", "/register", "/password/reset", "/password/reset/x",
                 "/email/change", "/nothing", "/api", "/api/v1/nothing", "/books")
]  # fmt: skip


def cells() -> Iterator[Cell]:
    """Its policy decides, and takes its cookies back from who has none that counts."""
    books = application(BOOKSTORE)
    # Without cookies: whether a session's is renewed depends on the second.
    fresh = client(application({}).app), client(books.app)
    yield compared("own answers", QUESTIONS, *fresh)
    fields = {"title": "Momo", "author": "Michael Ende", "isbn": "9783522202558", "price": 15}
    refused = ask(books, "POST", "/api/v1/books", fields, {})
    cookies = [value for name, value in refused.headerlist if name == "Set-Cookie"]
    taken = cookies and all(value.startswith("auth_tkt=;") for value in cookies)
    fault = "" if taken else f"{refused.status}: {cookies}"
    yield Cell("a 401 takes back every cookie", fault)
    books.get("/enter")
    made = ask(books, "POST", "/api/v1/books", fields, {})
    one = f"/api/v1/books/{made.json.get('id')}"
    steps = [
        made,
        ask(books, "POST", f"{one}/stock", {"delta": -1}, {}),
        ask(books, "PATCH", one, {"stock": 3}, {}),
        ask(books, "POST", f"{one}/stock", {"delta": -1}, {}),
        ask(books, "GET", one, None, {}),
        ask(books, "DELETE", one, None, {}),
        ask(books, "GET", one, None, {}),
    ]
    wanted = [201, 409, 200, 200, 200, 204, 404]
    yield statuses("a book's life by cookie", wanted, [each.status_int for each in steps])


def application(settings: dict[str, str]) -> Any:
    """An application as its documentation makes it, with a way in for the administrator."""
    from pyramid.config import Configurator
    from pyramid_basemodel import Session
    from pyramid_fullauth.models import User
    from webtest import TestApp

    config = Configurator(settings={**HOST, **settings})
    config.include("pyramid_tm")
    config.include("pyramid_basemodel")
    config.include("pyramid_fullauth")
    config.add_request_method(lambda request: Session(), "db", property=True)
    if settings:
        config.include("pyramid_bookstore")

    def enter(request: Any) -> Any:
        user = User(email="ann@example.com", password="secret", address_ip="127.0.0.1")
        user.is_admin = True
        Session.add(user)
        Session.flush()
        return request.login_perform(user)

    config.add_route("enter", "/enter")
    config.add_view(enter, route_name="enter")
    return TestApp(config.make_wsgi_app())
