"""The shop's engine, and the session that it shares with the bookstore: `request.dbsession`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import zope.sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, engine_from_config, event
from sqlalchemy.orm import Session

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def make_engine(settings: Mapping[str, Any]) -> Engine:
    """An engine from the INI's ``sqlalchemy.*``."""
    engine = engine_from_config(dict(settings), "sqlalchemy.")
    if engine.dialect.name == "sqlite":
        _begin_in_time(engine)
    return engine


def _begin_in_time(engine: Engine) -> None:
    """Let transactions on SQLite begin where SQLAlchemy says so.

    The driver's own way begins one at the first write only: savepoints then commit by themselves.
    What is going to write takes the lock at once, and so waits for its turn; a transaction that
    reads first and writes later would fail if somebody else wrote in between.
    """

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("storefront_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def make_session(engine: Engine, request: Any) -> Session:
    """A session in the request's transaction."""
    if request.method in SAFE_METHODS:
        engine = engine.execution_options(storefront_reads=True)
    session = Session(engine, info={"request": request})
    zope.sqlalchemy.register(session, transaction_manager=request.tm)
    return session


def upgrade(engine: Engine) -> None:
    """Bring the shop's own tables to the newest revision; the bookstore has its own history."""
    config = Config()
    config.set_main_option("script_location", "storefront:alembic")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def includeme(config: Any) -> None:
    """Add `request.tm` and `request.dbsession`."""
    settings = config.get_settings()
    settings["tm.manager_hook"] = "pyramid_tm.explicit_manager"
    config.include("pyramid_tm")
    config.include("pyramid_retry")

    # Tests may bring an engine of their own.
    engine = settings.get("storefront.engine") or make_engine(settings)
    config.registry["storefront.engine"] = engine

    def dbsession(request: Any) -> Session:
        given: Session | None = request.environ.get("app.dbsession")
        return given if given is not None else make_session(engine, request)

    config.add_request_method(dbsession, reify=True)
