"""Small hosts in older or less common styles of Pyramid, each with the bookstore included."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import transaction
import webtest
import zope.sqlalchemy
from pyramid.authentication import RemoteUserAuthenticationPolicy
from pyramid.authorization import ACLAuthorizationPolicy, Allow, Everyone
from pyramid.config import Configurator
from pyramid.events import NewRequest
from pyramid.request import Request
from pyramid.response import Response
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from pyramid_bookstore import events
from pyramid_bookstore.errors import InsufficientStock
from pyramid_bookstore.testing import book_fields
from tests.host.hosts import HostBase, Note, notes
from tests.support.apps import close_app

Made = Callable[[Configurator], webtest.TestApp]


@pytest.fixture
def made() -> Iterator[Made]:
    """Make an application from a Configurator, and close it after the test."""
    apps: list[Any] = []

    def make(config: Configurator) -> webtest.TestApp:
        apps.append(config.make_wsgi_app())
        return webtest.TestApp(apps[-1])

    yield make
    for app in apps:
        close_app(app)


def life(app: webtest.TestApp, base: str, **environ: Any) -> None:
    """Create, read, change and delete a book, and check each response."""
    fields = book_fields(stock=2)
    book = app.post_json(f"{base}/books", fields, extra_environ=environ).json
    path = f"{base}/books/{book['id']}"
    assert app.get(path).json == book
    assert app.post_json(f"{base}/books", fields, status=409).json["error"] == "conflict"
    assert app.post_json(f"{path}/stock", {"delta": -2}).json["stock"] == 0
    refused = app.post_json(f"{path}/stock", {"delta": -1}, status=409).json
    assert (refused["error"], refused["available"]) == ("insufficient_stock", 0)
    assert app.get(f"{base}/books").json["total"] == 1
    app.delete(path, status=204)
    assert app.get(path, status=404).json["error"] == "not_found"


class Folder(dict[str, Any]):
    """A resource of a host that finds everything by traversal."""


def test_a_host_that_uses_only_traversal_works(database: str, made: Made) -> None:
    """The host has no routes, and its resources have the names that our paths begin with."""
    tree = Folder(api=Folder(v1=Folder(books=Folder(), mine=Folder())), books=Folder())
    config = Configurator(
        settings={"bookstore.sqlalchemy.url": database}, root_factory=lambda request: tree
    )
    config.include("pyramid_bookstore")
    config.add_view(lambda context, request: Response(f"here: {request.path}"), context=Folder)
    config.add_view(
        lambda context, request: Response(str(len(request.bookstore.list().books))),
        context=Folder,
        name="count",
    )
    app = made(config)
    life(app, "/api/v1")
    assert app.get("/api/v1/mine").text == "here: /api/v1/mine"
    assert app.get("/books").text == "here: /books"
    assert app.get("/books/count").text == "0"


@pytest.mark.parametrize("when", ["before", "after", "twice"])
def test_a_host_that_commits_its_configuration_in_steps_works(
    database: str, made: Made, when: str
) -> None:
    """The host calls ``config.commit()`` before the include, after it, or twice."""
    config = Configurator(settings={"bookstore.sqlalchemy.url": database})
    config.add_route("page", "/page")
    config.add_view(lambda request: Response("page"), route_name="page")
    config.commit()
    if when == "before":
        config.include("pyramid_bookstore")
    else:
        config.include("pyramid_bookstore")
        config.commit()
    config.add_route("late", "/late")
    config.add_view(lambda request: Response("late"), route_name="late")
    if when == "twice":
        config.commit()
    app = made(config)
    life(app, "/api/v1")
    assert app.get("/page").text == "page"
    assert app.get("/late").text == "late"


def test_a_configurator_with_autocommit_works(database: str, made: Made) -> None:
    """Each directive is executed at once, so the settings must be there first."""
    config = Configurator(settings={"bookstore.sqlalchemy.url": database}, autocommit=True)
    config.include("pyramid_bookstore")
    life(made(config), "/api/v1")


@pytest.fixture
def toolbar() -> Iterator[None]:
    """Remove the listeners of the toolbar after the test. Its import adds them to every engine of
    the process, and with listeners our reads take another path, in later tests too."""
    from pyramid_debugtoolbar.panels import sqla  # here, because the import adds the listeners

    listeners = {
        "before_cursor_execute": sqla._before_cursor_execute,
        "after_cursor_execute": sqla._after_cursor_execute,
    }
    for name, listener in listeners.items():
        if not event.contains(Engine, name, listener):
            event.listen(Engine, name, listener)
    yield
    for name, listener in listeners.items():
        event.remove(Engine, name, listener)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the toolbar's own
@pytest.mark.usefixtures("toolbar")
def test_the_bookstore_works_with_the_debug_toolbar(database: str, made: Made) -> None:
    """Its tweens wrap every request; its panels listen to SQLAlchemy and change HTML pages."""
    settings = {
        "bookstore.sqlalchemy.url": database,
        "debugtoolbar.hosts": "0.0.0.0/0",
        "debugtoolbar.enabled": "true",
        "pyramid.includes": "pyramid_debugtoolbar pyramid_bookstore",
    }
    config = Configurator(settings=settings)
    config.add_route("page", "/page")
    config.add_view(lambda request: Response("<html><body>page</body></html>"), route_name="page")
    app = made(config)
    app.extra_environ["REMOTE_ADDR"] = "127.0.0.1"
    life(app, "/api/v1")
    assert "_debug_toolbar" in app.get("/page").text
    docs = app.get("/api/v1/docs")
    assert docs.status_int == 200


class OldStyle:
    """The scaffold of Pyramid 1.x: one scoped session for all, bound to the thread-local manager
    ``transaction.manager``, which is not explicit."""

    def __init__(self, engine: Engine, *, with_tm: bool = True, tidy: bool = True) -> None:
        HostBase.metadata.create_all(engine)
        self.session = scoped_session(sessionmaker(bind=engine))
        zope.sqlalchemy.register(self.session)
        config = Configurator(settings={"bookstore.dbsession": "dbsession"})
        if with_tm:
            config.include("pyramid_tm")
        elif tidy:
            config.add_subscriber(self.tidy, NewRequest)
        config.include("pyramid_bookstore")
        config.add_request_method(lambda request: self.session, "dbsession", property=True)
        config.add_route("sell", "/sell/{id}/{copies}")
        config.add_view(self.sell, route_name="sell")
        config.add_subscriber(lambda event: self.heard.append(len(event.changes)),
                              events.ChangesCommitted)  # fmt: skip
        self.heard: list[int] = []
        self.app = webtest.TestApp(config.make_wsgi_app())

    def tidy(self, event: NewRequest) -> None:
        """The views commit by hand; a transaction that is still open ends with the request."""
        event.request.add_finished_callback(lambda request: transaction.abort())

    def sell(self, request: Request) -> Response:
        self.session.add(Note(text="sold"))
        copies = int(request.matchdict["copies"])
        book = request.bookstore.change_stock(UUID(request.matchdict["id"]), -copies)
        return Response(str(book.stock))


@pytest.fixture
def old_style(engine: Engine) -> Iterator[Callable[..., OldStyle]]:
    hosts: list[OldStyle] = []

    def make(**options: Any) -> OldStyle:
        hosts.append(OldStyle(engine, **options))
        return hosts[-1]

    yield make
    for host in hosts:
        transaction.abort()
        host.session.remove()


def test_a_scoped_session_with_the_global_transaction_manager_works(
    old_style: Any, engine: Engine
) -> None:
    host = old_style()
    life(host.app, "/api/v1")
    assert host.heard == [1, 1, 1]
    book = host.app.post_json("/api/v1/books", book_fields(stock=2)).json
    assert host.app.get(f"/sell/{book['id']}/2").text == "0"
    with pytest.raises(InsufficientStock):
        host.app.get(f"/sell/{book['id']}/1")
    assert notes(engine) == ["sold"]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT stock FROM bookstore_books")) == 0


def test_a_scoped_session_without_pyramid_tm_is_committed_by_our_views(
    old_style: Any, engine: Engine
) -> None:
    """The session is registered with zope.sqlalchemy, so it can be committed only through the
    transaction manager; without pyramid_tm our views do that."""
    host = old_style(with_tm=False)
    life(host.app, "/api/v1")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM bookstore_books")) == 0
    made = host.app.post_json("/api/v1/books", book_fields()).json
    assert host.heard == [1, 1, 1, 1]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT isbn FROM bookstore_books")) == made["isbn"]


def test_threads_with_a_scoped_session_do_not_share_a_transaction(
    old_style: Any, engine: Engine
) -> None:
    """Each thread has a session and a transaction manager of its own."""
    host = old_style()
    answers: list[int] = []
    fields = [book_fields() for _ in range(6)]

    def post(book: dict[str, Any]) -> None:
        app = webtest.TestApp(host.app.app)
        answers.append(app.post_json("/api/v1/books", book).status_int)
        host.session.remove()

    threads = [threading.Thread(target=post, args=(book,)) for book in fields]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [201] * 6
    assert host.app.get("/api/v1/books").json["total"] == 6


def test_writes_in_a_view_that_commits_by_hand_are_committed(
    old_style: Any, engine: Engine
) -> None:
    """Our statements are no ORM flushes, so the session must be marked as changed; otherwise the
    commit would silently roll them back."""
    host = old_style(with_tm=False)

    def stock_up(request: Request) -> Response:
        request.bookstore.create(book_fields(title="By hand"))
        assert host.heard == []
        transaction.commit()
        return Response(str(host.heard))

    config = Configurator(settings={"bookstore.dbsession": "dbsession"})
    config.include("pyramid_bookstore")
    config.add_request_method(lambda request: host.session, "dbsession", property=True)
    config.add_subscriber(
        lambda event: host.heard.append(len(event.changes)), events.ChangesCommitted
    )
    config.add_route("up", "/up")
    config.add_view(stock_up, route_name="up")
    assert webtest.TestApp(config.make_wsgi_app()).get("/up").text == "[1]"
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT title FROM bookstore_books")) == "By hand"


def test_with_repoze_tm_the_middleware_commits_and_our_views_do_not(
    old_style: Any, engine: Engine
) -> None:
    """A WSGI middleware outside Pyramid runs the transactions."""
    host = old_style(with_tm=False, tidy=False)
    outcomes: list[str] = []

    def middleware(environ: dict[str, Any], start_response: Any) -> Any:
        transaction.begin()
        environ["repoze.tm.active"] = True
        answer = list(host.app.app(environ, start_response))
        assert host.heard == []
        if transaction.isDoomed():
            outcomes.append("aborted")
            transaction.abort()
        else:
            outcomes.append("committed")
            transaction.commit()
        return answer

    app = webtest.TestApp(middleware)
    fields = book_fields()
    app.post_json("/api/v1/books", fields)
    assert host.heard == [1]
    host.heard.clear()
    app.post_json("/api/v1/books", fields, status=409)
    assert outcomes == ["committed", "aborted"]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM bookstore_books")) == 1


def test_a_dbsession_set_by_a_subscriber_works(engine: Engine) -> None:
    """At the start there is only a warning; requests find the session."""
    config = Configurator(settings={"bookstore.dbsession": "db"})
    config.include("pyramid_bookstore")

    def opened(event: NewRequest) -> None:
        event.request.db = Session(engine)
        event.request.add_finished_callback(lambda request: request.db.close())

    config.add_subscriber(opened, NewRequest)
    life(webtest.TestApp(config.make_wsgi_app()), "/api/v1")


@pytest.mark.filterwarnings("ignore:Authentication and authorization policies:DeprecationWarning")
def test_the_separate_policies_of_pyramid_1_work(database: str, made: Made) -> None:
    """Separate authentication and authorization policies, as before Pyramid 2."""

    class Root:
        __acl__ = ((Allow, Everyone, "bookstore.view"), (Allow, "ann", "bookstore.add"))

        def __init__(self, request: Request) -> None:
            self.request = request

    config = Configurator(settings={"bookstore.sqlalchemy.url": database}, root_factory=Root)
    config.set_authentication_policy(RemoteUserAuthenticationPolicy())
    config.set_authorization_policy(ACLAuthorizationPolicy())
    config.include("pyramid_bookstore")
    app = made(config)
    fields = book_fields()
    assert app.get("/api/v1/books").json["total"] == 0
    refused = app.post_json("/api/v1/books", fields, status=401)
    assert refused.headers["WWW-Authenticate"]
    for user, status in (("ben", 403), ("ann", 201)):
        app.post_json("/api/v1/books", fields, status=status, extra_environ={"REMOTE_USER": user})


@pytest.mark.parametrize("late", [False, True])
def test_a_json_renderer_of_the_host_does_not_change_our_responses(
    database: str, made: Made, late: bool
) -> None:
    """The ``json`` renderer of the host writes something else, and our views do not use it."""
    config = Configurator(settings={"bookstore.sqlalchemy.url": database})

    def include() -> None:
        config.include("pyramid_bookstore")

    if not late:
        include()
    config.add_renderer("json", lambda info: lambda value, system: "host's own: " + repr(value))
    config.add_renderer(None, lambda info: lambda value, system: "default")
    if late:
        include()
    config.add_route("page", "/page")
    config.add_view(lambda request: {"a": 1}, route_name="page", renderer="json")
    app = made(config)
    life(app, "/api/v1")
    assert app.get("/page").text == "host's own: {'a': 1}"


class CountingRequest(Request):  # type: ignore[misc]  # pyramid ships no types
    """A request class of the host that reads JSON in its own way."""

    @property
    def json_body(self) -> Any:
        return {"host": json.loads(self.body or b"null")}


def test_a_request_factory_with_its_own_json_body_works(database: str, made: Made) -> None:
    config = Configurator(
        settings={"bookstore.sqlalchemy.url": database}, request_factory=CountingRequest
    )
    config.include("pyramid_bookstore")
    config.add_route("echo", "/echo")
    config.add_view(lambda request: Response(json.dumps(request.json_body)), route_name="echo")
    app = made(config)
    life(app, "/api/v1")
    assert json.loads(app.post_json("/echo", [1]).text) == {"host": [1]}


@pytest.mark.parametrize("reads", ["body", "json_body", "POST", "copy_body"])
def test_a_tween_may_read_the_request_body_before_our_views(
    database: str, made: Made, reads: str
) -> None:
    """Loggers and rate limiters do that; our views must still get the whole body."""
    config = Configurator(settings={"bookstore.sqlalchemy.url": database})
    config.include("pyramid_bookstore")
    config.registry["reads"] = reads
    config.add_tween("tests.host.test_strangers.reading_tween")
    life(made(config), "/api/v1")


def reading_tween(handler: Any, registry: Any) -> Any:
    reads = registry["reads"]

    def tween(request: Any) -> Any:
        if request.method == "POST":
            if reads == "copy_body":
                request.copy_body()
            else:
                getattr(request, reads)
        return handler(request)

    return tween


def test_a_view_mapper_and_response_factory_of_the_host_do_not_affect_us(
    database: str, made: Made
) -> None:
    """The view mapper is the default for all views; the response factory sets no charset."""

    class Mapper:
        def __init__(self, **options: Any) -> None:
            pass

        def __call__(self, view: Any) -> Any:
            return lambda context, request: view(request)

    config = Configurator(settings={"bookstore.sqlalchemy.url": database})
    config.set_view_mapper(Mapper)
    config.include("pyramid_bookstore")
    config.set_response_factory(lambda request: Response(charset=None))
    config.add_route("page", "/page")
    config.add_view(lambda request: Response("mapped"), route_name="page")
    app = made(config)
    life(app, "/api/v1")
    assert app.get("/page").text == "mapped"


class OwnRequest(Request):
    """A request class of the host with an attribute of our name."""

    bookstore = "the one in Baker Street"


def test_request_bookstore_replaces_an_attribute_of_the_request_class(
    database: str, made: Made
) -> None:
    """``request.bookstore`` is the bookstore even if the request class has such an attribute."""
    settings = {"bookstore.sqlalchemy.url": database}
    config = Configurator(settings=settings, request_factory=OwnRequest)
    config.commit()
    config.include("pyramid_bookstore")
    life(made(config), "/api/v1")
