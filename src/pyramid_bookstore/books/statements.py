"""The reads that are the same for every request; lists are in :mod:`.listing`."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from pyramid_bookstore.db.query import Query
from pyramid_bookstore.models import Book, Total

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

#: All books, within the reader's snapshot, at the cost of reading a handful of rows.
TOTAL = select(func.coalesce(func.sum(Total.books), 0)).scalar_subquery()
