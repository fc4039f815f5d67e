"""`request.bookstore`: every value passed from Python is checked as over HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import webtest
from pyramid.response import Response
from sqlalchemy import text
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore
from pyramid_bookstore.errors import BookNotFound, ValidationFailed
from pyramid_bookstore.testing import book_fields, bookstore


@pytest.fixture
def store(dbsession: Session) -> Bookstore:
    return bookstore(dbsession)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("search", "\0"),
        ("author", "\ud800"),
        ("page", 0),
        ("page", 10**30),
        ("page", 5001),
        ("limit", 0),
        ("limit", -1),
        ("limit", 1001),
        ("sort", (("nope", False),)),
        ("sort", ()),
        ("sort", "title,title"),
        ("min_price", Decimal("1.005")),
        ("max_price", -1),
        ("count", "roughly"),
        ("cursor", "x"),
        ("fields", "title"),
        ("publisher", "Piper"),
    ],
)
def test_list_refuses_an_invalid_argument_and_names_it(
    store: Bookstore, field: str, value: Any
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        store.list(**{field: value})
    assert [fault.field for fault in refused.value.faults] == [field]


@pytest.mark.parametrize("name", ["limit", "sort", "search", "min_price", "facets", "declared", 5])
def test_fields_of_a_list_are_parameters_of_declared_fields_alone(
    store: Bookstore, name: Any
) -> None:
    """So that what a visitor sent can be handed on."""
    with pytest.raises(ValidationFailed) as refused:
        store.list(fields={name: "1"}, limit=2)
    assert [fault.field for fault in refused.value.faults] == [str(name)]


@pytest.mark.parametrize("name", ["limit", "page", "cursor", "sort", "fields", "bogus"])
def test_an_export_refuses_what_is_no_filter(store: Bookstore, name: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        store.export_books({name: "1"})
    assert [fault.field for fault in refused.value.faults] == [name]


@pytest.mark.parametrize("format", ["xml", ""])
def test_an_unknown_format_is_refused(store: Bookstore, format: Any) -> None:
    for call in (lambda: store.export_books({}, format), lambda: store.import_books(None, format)):
        with pytest.raises(ValidationFailed) as refused:
            call()
        assert [fault.field for fault in refused.value.faults] == ["format"]


def test_list_accepts_python_values(store: Bookstore) -> None:
    cheap, dear = (store.create(book_fields(price=price)) for price in (1, Decimal("2.50")))
    found = store.list(
        min_price=1, max_price=Decimal("2.5"), in_stock=True, sort="-price", limit=1000
    )
    assert [book.id for book in found.books] == [dear.id, cheap.id]
    assert (found.total, found.total_pages) == (2, 1)
    first = store.list(sort=(("price", False),), limit=1)
    second = store.list(sort=(("price", False),), limit=1, cursor=first.next_cursor, count="none")
    assert [book.id for book in (*first.books, *second.books)] == [cheap.id, dear.id]
    assert (first.total, second.total) == (2, None)


def test_an_id_may_be_a_text(store: Bookstore) -> None:
    book = store.create(book_fields(stock=2))
    assert store.get(str(book.id)) == book
    assert store.change_stock(str(book.id), -1).stock == 1
    assert store.update(str(book.id), {"title": "Other"}).title == "Other"
    assert store.patch(str(book.id), {"extra": {"a": 1}}).extra == {"a": 1}
    assert store.delete(str(book.id)).id == book.id


@pytest.mark.parametrize("wrong", ["", "no uuid", "01a2", None, 7])
def test_an_invalid_id_raises_book_not_found(store: Bookstore, wrong: Any) -> None:
    for ask in (
        lambda: store.get(wrong),
        lambda: store.delete(wrong),
        lambda: store.change_stock(wrong, 1),
        lambda: store.update(wrong, {"title": "x"}),
        lambda: store.patch(wrong, {"extra": {"x": 1}}),
    ):
        with pytest.raises(BookNotFound):
            ask()


@pytest.mark.parametrize("wrong", ["", "978", None, 7, b"9780306406157"])
def test_an_invalid_isbn_raises_book_not_found(store: Bookstore, wrong: Any) -> None:
    with pytest.raises(BookNotFound):
        store.get_by_isbn(wrong)


def test_list_accepts_every_form_of_sort_and_pages_by_cursor(store: Bookstore) -> None:
    for price in (3, 1, 2):
        store.create(book_fields(price=price))
    sorts: list[Any] = ["-price", ["-price"], [("price", True)], [("price", True), "title"]]
    for sort in sorts:
        assert [book.price for book in store.list(sort=sort).books] == [3, 2, 1]
    first = store.list(limit=2, sort="price")
    second = store.list(limit=2, sort="price", cursor=first.next_cursor)
    assert (first.total, second.total) == (3, None)
    assert store.list(sort="price", cursor=first.next_cursor, count="exact").total == 3
    with pytest.raises(ValidationFailed, match="cursor"):
        store.list(sort="price", cursor=first.next_cursor, page=2)


@pytest.mark.parametrize(
    "wrong",
    [{"min_price": "abc"}, {"max_price": Decimal("NaN")}, {"min_price": Decimal("0.001")},
     {"sort": "colour"}, {"sort": ["price", "colour"]}, {"limit": 0}, {"limit": 1001}, {"page": 0},
     {"count": "roughly"}, {"in_stock": "perhaps"}, {"cursor": "x"}],
    ids=str,
)  # fmt: skip
def test_list_refuses_what_the_query_parameters_refuse(store: Bookstore, wrong: Any) -> None:
    with pytest.raises(ValidationFailed, match=next(iter(wrong))):
        store.list(**wrong)


def test_list_has_the_pages_of_the_mount_and_goes_on_by_cursor(make_client: Any) -> None:
    def listed(request: Any) -> Response:
        """The titles on page 1 and on those after it, by cursor."""
        page = request.bookstore.list(limit=2)
        titles = [book.title for book in page.books]
        with pytest.raises(ValidationFailed, match="Pages end at 3 books"):
            request.bookstore.list(limit=2, page=2)
        page = request.bookstore.list(limit=2, cursor=page.next_cursor)
        return Response(json_body=[*titles, *(book.title for book in page.books)])

    def configure(config: Any) -> None:
        config.add_route("listed", "/listed")
        config.add_view(listed, route_name="listed")

    client = make_client({"bookstore.max_offset": "3"}, configure=configure)
    for number in range(3):
        client.post_json("/api/v1/books", book_fields(title=str(number)))
    assert client.get("/listed").json == ["2", "1", "0"]


@pytest.mark.parametrize("wrong", [7, 1.5, Decimal("0.5"), "1", None, True])
def test_a_stock_change_must_be_a_whole_number(testapp: webtest.TestApp, wrong: Any) -> None:
    made = testapp.post_json("/api/v1/books", book_fields(stock=0)).json
    path = f"/api/v1/books/{made['id']}/stock"
    store = bookstore(testapp.extra_environ["app.dbsession"])
    if wrong == 7:
        assert store.change_stock(made["id"], 7).stock == testapp.get(path[:-6]).json["stock"] == 7
    else:
        with pytest.raises(ValidationFailed, match="delta"):
            store.change_stock(made["id"], wrong)


@pytest.mark.parametrize(("marks", "stock"), [(True, 0), (False, 5)])
def test_own_sql_on_the_session_is_committed_only_after_mark_written(
    make_client: Any, marks: bool, stock: int
) -> None:
    """The transaction manager commits a session only if it was told of a change."""

    def sell_all(request: Any) -> Response:
        request.bookstore.session.execute(text("UPDATE bookstore_books SET stock = 0"))
        if marks:
            request.bookstore.mark_written()
        return Response("sold")

    def configure(config: Any) -> None:
        config.include("pyramid_tm")
        config.add_route("sell", "/sell")
        config.add_view(sell_all, route_name="sell")

    client = make_client(configure=configure)
    url = client.post_json("/api/v1/books", book_fields()).headers["Location"]
    client.get("/sell")
    assert client.get(url).json["stock"] == stock
