"""Filled databases, and works on them that take turns."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar
from uuid import UUID

import databases
from load import load_ours, load_ours_sqlite
from sqlalchemy import Engine, text

from pyramid_bookstore.catalogue.statements import BY_ID
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.engines import make_one_time_engine, make_reading_engine
from pyramid_bookstore.db.migrations import upgrade
from pyramid_bookstore.db.query import LeanReader

#: What takes long is not repeated beyond so many seconds.
PATIENCE = 10.0

Key = TypeVar("Key")


class Catalogue(NamedTuple):
    """A database full of books, an engine to read it, and a folder for files about it."""

    url: str
    engine: Engine
    folder: Path

    @property
    def path(self) -> Path:
        """The file of SQLite."""
        return Path(self.url.removeprefix("sqlite:///"))

    def reader(self) -> LeanReader:
        return LeanReader(self.engine, dialect_named(self.engine.dialect.name))

    def newest(self) -> UUID:
        """The id of the newest book."""
        with self.engine.connect() as connection:
            found = connection.execute(
                text("SELECT id FROM bookstore_books ORDER BY created_at DESC LIMIT 1")
            ).scalar_one()
        return found if isinstance(found, UUID) else UUID(found)

    def book_by_id(self) -> Callable[[], object]:
        """The work to which others are compared."""
        reader, values = self.reader(), {"id": self.newest()}
        return lambda: reader.rows(BY_ID, values)


@contextmanager
def on_sqlite(books: int, kind: str = "natural") -> Iterator[Catalogue]:
    """So many books of a kind in a new file, which is removed with the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "books.sqlite"
        yield from _filled(f"sqlite:///{path}", lambda: load_ours_sqlite(path, books, kind=kind))


@contextmanager
def on_postgresql(
    running: databases.Server, books: int, kind: str = "natural"
) -> Iterator[Catalogue]:
    """So many books of a kind in a new database, which is dropped with the block."""
    with databases.database(running, f"bookstore_bench_{kind}_{books}") as url:
        yield from _filled(url, lambda: load_ours(url, books, kind=kind))


def _filled(url: str, load: Callable[[], None]) -> Iterator[Catalogue]:
    """Books first and their search index after them, which takes a fraction of the time."""
    url_of_driver = {"url": url.replace("postgresql://", "postgresql+psycopg://")}
    engine = make_one_time_engine(url_of_driver)
    upgrade(engine, "bookstore_0001")
    load()
    upgrade(engine)
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    engine = make_reading_engine(url_of_driver)
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield Catalogue(url, engine, Path(folder))
    finally:
        engine.dispose()


def taking_turns(work: Mapping[Key, Callable[[], object]], rounds: int) -> dict[Key, list[float]]:
    """Milliseconds of each work in each round, but for two that warm caches and compile."""
    taken: dict[Key, list[float]] = {key: [] for key in work}
    spent = dict.fromkeys(work, 0.0)
    for number in range(rounds + 2):
        for key, run in work.items():
            if spent[key] > PATIENCE and taken[key]:
                continue
            start = time.perf_counter()
            run()
            seconds = time.perf_counter() - start
            spent[key] += seconds
            if number > 1:
                taken[key].append(seconds * 1e3)
    return taken
