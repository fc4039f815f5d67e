"""The reads that are the same for every request; lists are in :mod:`.listing`."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from pyramid_bookstore.db.query import Query
from pyramid_bookstore.models import Book

#: A book's columns, in the order `pyramid_bookstore.books.data.book_from_row` takes them.
COLUMNS = (
    Book.id,
    Book.title,
    Book.author,
    Book.isbn,
    Book.price,
    Book.stock,
    Book.description,
    Book.extra,
    Book.created_at,
    Book.updated_at,
)

BY_ID = Query(select(*COLUMNS).where(Book.id == bindparam("id")))
BY_ISBN = Query(select(*COLUMNS).where(Book.isbn == bindparam("isbn")))
