"""Imports of all that a source has, for tests: files, queries, and what is stored then."""

from __future__ import annotations

import io
from typing import Any

from sqlalchemy import Connection, Engine, text

from pyramid_bookstore.errors import Report
from pyramid_bookstore.feeds.importer import Importer
from pyramid_bookstore.feeds.intake import Intake
from pyramid_bookstore.feeds.snapshot import snapshot_of
from pyramid_bookstore.web.mount import Mount
from tests.support.feeds import BOOKS, isbn

HEADER = "isbn,title,author,price,stock\n"


def rows(numbers: Any, stock: int = 3) -> str:
    return "".join(f"{isbn(number)},Title {number},A,1.00,{stock}\n" for number in numbers)


def file_of(numbers: Any, stock: int = 3) -> str:
    return HEADER + rows(numbers, stock)


def query(source: str = "trade", absent: str = "keep", max_absent: Any = "100", **more: Any) -> str:
    """The parameters of an import, with a guard that lets everything pass."""
    options = {"source": source, "absent": absent, "max_absent": max_absent} | more
    return "?" + "&".join(f"{name}={value}" for name, value in options.items())


def stocks(client: Any) -> dict[int, int]:
    """The stock of every book, by the number of its ISBN."""
    listed = client.get(f"{BOOKS}?limit=100").json["data"]
    return {int(book["isbn"][3:12]): book["stock"] for book in listed}


def book_path(client: Any, number: int) -> str:
    return f"{BOOKS}/{client.get(f'{BOOKS}/isbn/{isbn(number)}').json['id']}"


def engine_of(client: Any) -> Engine:
    database = Mount.of(client.app.registry).database
    assert database is not None, "of its own, no host's session"
    return database.writing


def members(client: Any) -> list[tuple[str, str, bool]]:
    """Source, ISBN and mark of every member; the ISBN is `None` if there is no such book."""
    statement = text(
        "SELECT source, isbn, absent FROM bookstore_sources"
        " LEFT JOIN bookstore_books ON id = book_id ORDER BY source, isbn"
    )
    with engine_of(client).connect() as connection:
        found = connection.execute(statement).all()
    return [(source, isbn, bool(absent)) for source, isbn, absent in found]


def take(connection: Connection, body: str, *, rejects: Any = None, **options: Any) -> Report:
    """Import a snapshot in a transaction that the caller ends."""
    options = {"source": "trade", "absent": "zero", "max_absent": "100%"} | options
    with Intake(snapshot=snapshot_of(**options)) as intake:
        intake.read(io.BytesIO(body.encode()), "csv")
        return Importer(intake, connection).run(rejects=rejects)
