"""A client that openapi-python-client makes of the description does a book's life."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from pyramid_bookstore.testing import isbn
from tests.description.support import description
from tests.support.api import API
from tests.support.server import program

CONFIG = Path(__file__).with_name("openapi_python_client.yml")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The generated package; the description needs no database."""
    from tests.support.apps import build_app

    pytest.importorskip("openapi_python_client", reason="it is part of the testing extra")
    folder = tmp_path_factory.mktemp("client")
    document = folder / "openapi.json"
    app = build_app({"bookstore.sqlalchemy.url": "sqlite://"})
    document.write_text(json.dumps(description(app)), encoding="utf-8")
    done = subprocess.run(
        [program("openapi-python-client"), "generate", "--path", document, "--meta", "none",
         "--config", CONFIG, "--output-path", folder / "bookstore_client"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # All but one operation: bodies that are no JSON and no form are unknown to the generator.
    said = done.stdout + done.stderr
    assert re.findall(r"WARNING parsing (\S+ \S+)", said) == ["POST /books/import"], said
    assert "Unable" not in said
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield importlib.import_module("bookstore_client")


@pytest.fixture
def call(package, client):
    """``call("books.create_book", ...)``: the parsed answer of an operation."""
    httpx = importlib.import_module("httpx")
    transport = httpx.WSGITransport(app=client.app)
    with package.Client(
        base_url=f"http://localhost{API}",
        httpx_args={"transport": transport},
        raise_on_unexpected_status=True,
    ) as connected:

        def call(name, *args, **more):
            module = importlib.import_module(f"bookstore_client.api.{name}")
            return module.sync_detailed(*args, client=connected, **more)

        yield call


def test_the_generated_client_creates_reads_changes_and_deletes_a_book(package, call):
    models = importlib.import_module("bookstore_client.models")
    new = models.NewBook(
        title="Programming Rust",
        author="Jim Blandy",
        isbn="978-1-4920-5259-3",
        price=49.99,
        stock=12,
        extra=models.Extra.from_dict({"pages": 738}),
    )
    answer = call("books.create_book", body=new, idempotency_key="one")
    book = answer.parsed
    assert isinstance(book, models.Book)
    assert isinstance(book.id, UUID)
    assert (book.isbn, book.price, book.extra["pages"]) == ("9781492052593", 49.99, 738)
    again = call("books.create_book", body=new, idempotency_key="one")
    assert again.parsed == book
    assert again.headers["Idempotency-Replayed"] == "true"

    assert call("books.get_book", book.id).parsed == book
    tag = answer.headers["ETag"]
    assert call("books.get_book", book.id, if_none_match=tag).status_code == 304
    assert call("books.get_book_by_isbn", "1492052590").parsed == book

    # One field alone: the generator repeats a parameter instead of separating by commas.
    sort = [models.ListBooksSortItem("-price")]
    found = call("books.list_books", search="RUST", in_stock=True, sort=sort).parsed
    assert (found.total, found.data) == (1, [book])
    sparse = call("books.list_books", fields=[models.ListBooksFieldsItem.TITLE]).parsed
    assert sparse.data[0].to_dict() == {"title": "Programming Rust"}

    changed = call("books.update_book", book.id, body=models.BookChanges(price=34.99)).parsed
    assert (changed.price, changed.stock) == (34.99, 12)
    stale = call("books.update_book", book.id, body=models.BookChanges(price=1), if_match=tag)
    assert isinstance(stale.parsed, models.PreconditionFailedProblem)
    patch = models.BookPatch.from_dict({"description": None, "extra": {"pages": None}})
    patched = call("books.patch_book", book.id, body=patch).parsed
    assert (patched.description, patched.extra.to_dict()) == (None, {})

    sold = call("books.change_stock", book.id, body=models.StockChange(delta=-5)).parsed
    assert sold.stock == 7
    short = call("books.change_stock", book.id, body=models.StockChange(delta=-50)).parsed
    assert isinstance(short, models.InsufficientStockProblem)
    assert short.available == 7

    whole = models.NewBookByIsbn(title="T", author="A", price=5, isbn=isbn(7))
    made = call("books.upsert_book", isbn(7), body=whole)
    assert (made.status_code, made.parsed.title) == (201, "T")
    refused = call("books.create_book", body=models.NewBook("", "A", "1", -1)).parsed
    assert isinstance(refused, models.ValidationFailedProblem)
    assert {fault.field for fault in refused.details} == {"title", "isbn", "price"}

    gone = call("books.delete_book", book.id)
    assert gone.status_code == 204
    assert isinstance(call("books.get_book", book.id).parsed, models.NotFoundProblem)


def test_the_generated_client_calls_export_health_and_description(package, call):
    header = b"isbn,title,author,price,stock,description,extra\r\n"
    assert call("in_bulk.export_books").content == header
    assert call("operation.get_health").parsed.status == "ok"
    assert call("operation.get_ready").parsed.status == "ready"
    assert call("description.get_description").parsed["openapi"] == "3.1.0"
