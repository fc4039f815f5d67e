"""Host applications as people write them, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.request import Request
from sqlalchemy import Engine, String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

Configure = Callable[[Configurator], None]


class HostBase(DeclarativeBase):
    """The host's own models."""


class Note(HostBase):
    """A row of the host's, in a table with a name that other software might like too."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(200))


def notes(engine: Engine) -> list[str]:
    """The host's rows, committed."""
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT text FROM books ORDER BY id")))


def cookiecutter(
    engine: Engine,
    *,
    configure: Configure | None = None,
    settings: dict[str, Any] | None = None,
    tm_first: bool = True,
    with_tm: bool = True,
    retry: bool = False,
) -> Any:
    """The session of Pyramid's SQLAlchemy cookiecutter, and the bookstore on it."""
    HostBase.metadata.create_all(engine)
    chosen: dict[str, Any] = {"bookstore.dbsession": "dbsession", "bookstore.prefix": "/shop"}
    if with_tm:
        chosen["tm.manager_hook"] = "pyramid_tm.explicit_manager"
    config = Configurator(settings={**chosen, **(settings or {})})
    if retry:
        config.include("pyramid_retry")
    if with_tm and tm_first:
        config.include("pyramid_tm")
    config.include("pyramid_bookstore")
    if with_tm and not tm_first:
        config.include("pyramid_tm")
    factory = sessionmaker(engine)
    config.registry["dbsession_factory"] = factory

    def dbsession(request: Request) -> Session:
        session = request.environ.get("app.dbsession")
        if session is None:
            session = factory()
            if with_tm:
                zope.sqlalchemy.register(session, transaction_manager=request.tm)
            request.add_finished_callback(lambda _request: session.close())
        return session

    config.add_request_method(dbsession, reify=True)
    if configure is not None:
        configure(config)
    return config.make_wsgi_app()
