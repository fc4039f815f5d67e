"""The client of openapi-generator's "python"; run by ``tests.clients``."""

import sys

sys.path.insert(0, "python")

import openapi_client as made

with made.ApiClient(made.Configuration(host=sys.argv[1])) as connected:
    books = made.BooksApi(connected)
    extra = made.Extra.from_dict({"publisher": "Ace", "shelf": "A1"})
    new = made.NewBook(
        title="Dune", author="Frank Herbert", isbn="9780441013593", price=19.99, extra=extra
    )
    book = books.get_book(books.create_book(new).id)
    assert book.price == 19.99
    assert book.extra.additional_properties == {"shelf": "A1"}
    read = book.to_dict()
    changes = made.BookChanges.from_dict({**read, "price": 8.99})
    assert books.update_book(book.id, changes).price == 8.99
    patch = made.BookPatch(description=None, stock=5)
    assert books.patch_book(book.id, patch).stock == 5
    page = books.list_books(search="dune", in_stock=True, facets=["publisher"], sort=["-price"])
    assert (page.total, page.facets.publisher[0].value) == (1, "Ace")
    found = books.look_up_books(made.LookupRequest(isbns=["ISBN 0-441-01359-7", "12"]))
    assert (found.data[0].title, found.invalid) == ("Dune", ["12"])
    whole = made.NewBookByIsbn.from_dict({**books.get_book(book.id).to_dict(), "stock": 9})
    assert books.upsert_book(book.isbn, whole).stock == 9
    assert books.change_stock(book.id, made.StockChange(delta=-2)).stock == 7
    books.delete_book(book.id)
    try:
        books.get_book(book.id)
    except made.ApiException as error:
        assert error.status == 404  # noqa: PT017  # no test of pytest's
    else:
        raise AssertionError("The book is there.")
