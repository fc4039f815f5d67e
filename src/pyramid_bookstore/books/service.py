"""`request.bookstore`: what the bookstore can do, on one request's session and transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import colander
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from pyramid_bookstore import events
from pyramid_bookstore.books import listing
from pyramid_bookstore.books.data import BookData, Page, book_from_row
from pyramid_bookstore.books.statements import BY_ID, BY_ISBN
from pyramid_bookstore.books.store import ANY_STATE, ATTEMPTS, Condition, Store, overtaken
from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.db.query import Query, Reader, SessionReader
from pyramid_bookstore.errors import BookNotFound, IsbnTaken, VersionMismatch
from pyramid_bookstore.feeds.bulk import Merged
from pyramid_bookstore.feeds.exporter import export
from pyramid_bookstore.feeds.importer import Importer
from pyramid_bookstore.feeds.intake import Format, Intake
from pyramid_bookstore.feeds.layout import FeedOptions
from pyramid_bookstore.feeds.lines import Stream
from pyramid_bookstore.feeds.report import Report
from pyramid_bookstore.isbn import canonical
from pyramid_bookstore.models import OF_BOOKS
from pyramid_bookstore.schema import book as schema
from pyramid_bookstore.schema.extra import apply_merge_patch
from pyramid_bookstore.schema.listing import (
    NEWEST_FIRST,
    BookFilter,
    Count,
    ListQuery,
    listing_of,
)

_ALL_BOOKS = BookFilter()


class Bookstore:
    """The bookstore's operations; everything they read and write is in one session's transaction.

    Fields come in as the JSON of the HTTP API gives them (``price`` an `int` or `Decimal`, never a
    `float`) and are checked the same way. Changes are sent to the database at once, so a refusal is
    raised by the call that caused it and leaves the transaction usable. Raised are the exceptions
    of :mod:`pyramid_bookstore.errors`; nothing here knows HTTP.
    """

    def __init__(
        self,
        session: Callable[[], Session],
        *,
        reader: Callable[[], Reader] | None = None,
        announce: Callable[..., None] | None = None,
        written: Callable[[], None] = lambda: None,
        heard: Callable[[], bool] = lambda: False,
        alone: Callable[[], Connection | None] = lambda: None,
        extra_schema: colander.SchemaNode | None = None,
    ) -> None:
        """``session`` gives the session when it is first needed; ``reader`` says how to read, by
        default through the session; ``announce`` is called with an event's class and its members;
        ``written`` is called before each change; ``heard`` tells whether anybody listens to what
        is announced; ``extra_schema`` is the host's, for the fields below ``extra``.
        """
        self._session_of = session
        self._reading = reader or (lambda: SessionReader(self.session))
        self._announce = announce or (lambda event, **members: None)
        self._written = written
        self._heard = heard
        self._alone = alone
        self._extra_schema = extra_schema

    @property
    def session(self) -> Session:
        """The session of the transaction; on the host's own one, the host's rows are there too."""
        return self._session_of()

    def mark_written(self) -> None:
        """Say that there is something to commit; needed after SQL of one's own on the session."""
        self._written()

    def get(self, book_id: UUID | str) -> BookData:
        """The book with this id; raises `BookNotFound`."""
        return self._one(BY_ID, {"id": _uuid(book_id)})

    def get_by_isbn(self, isbn: str) -> BookData:
        """The book with this ISBN, in any writing; raises `BookNotFound`."""
        try:
            return self._one(BY_ISBN, {"isbn": canonical(isbn)})
        except (ValueError, TypeError, AttributeError):
            raise BookNotFound from None

    def list(
        self,
        *,
        author: str | None = None,
        search: str | None = None,
        min_price: Decimal | int | None = None,
        max_price: Decimal | int | None = None,
        in_stock: bool | None = None,
        sort: str | Sequence[str | tuple[str, bool]] = NEWEST_FIRST,
        limit: int = 20,
        page: int = 1,
        cursor: str | None = None,
        count: Count | None = None,
    ) -> Page:
        """One page of books, by default the newest first.

        ``author`` and ``search`` are found as parts of the author, and of title, author or ISBN,
        whatever the case or accents. ``sort`` is written as over HTTP (``"-price,title"``), or
        names fields, each with whether it descends. ``page`` counts from 1; a ``cursor`` from an
        earlier page of the same list takes its place. ``limit`` is at most 1000. The total is
        ``count``-ed "exact" (the default without a cursor) or "estimated" (exact up to some
        thousands, at a cost that does not grow beyond), or left out ("none"). Raises
        `ValidationFailed` for values that are out of range, and for a cursor of another list.
        """
        query = listing_of(
            author=author,
            search=search,
            min_price=min_price,
            max_price=max_price,
            in_stock=in_stock,
            sort=sort,
            limit=limit,
            page=page,
            cursor=cursor,
            count=count,
        )
        return self.page(query)

    def page(self, query: ListQuery) -> Page:
        """`list`, for a query that is checked already; a cursor brings no total unless asked."""
        count = query.count or ("none" if query.cursor else "exact")
        return listing.list_books(
            self._reading(),
            query,
            sort=query.sort,
            limit=query.limit,
            page=query.page,
            cursor=query.cursor,
            count=count,
        )

    def create(self, fields: Mapping[str, Any]) -> BookData:
        """Add a book from all its fields; raises `ValidationFailed`, `IsbnTaken`."""
        checked = schema.validate_book(fields, extra_schema=self._extra_schema)
        store = self._store()
        with self._undoable():
            book = store.insert(checked)
            self._announce(events.BookCreated, book=book)
        return book

    def update(
        self, book_id: UUID | str, changes: Mapping[str, Any], condition: Condition = ANY_STATE
    ) -> BookData:
        """Write the given fields of a book; what is not given stays.

        Whether the book meets the condition is decided by the statement that writes. Raises
        `BookNotFound`, `VersionMismatch`, `ValidationFailed`, `IsbnTaken`.
        """
        checked = schema.validate_changes(changes, extra_schema=self._extra_schema)
        return self._update(_uuid(book_id), checked, condition)

    def patch(
        self, book_id: UUID | str, patch: Mapping[str, Any], condition: Condition = ANY_STATE
    ) -> BookData:
        """Apply a JSON merge patch (RFC 7396), in which null removes; raises as `update`."""
        changes = schema.validate_merge_patch(patch, extra_schema=self._extra_schema)
        if "extra_patch" not in changes:
            return self._update(_uuid(book_id), changes, condition)
        extra_patch = changes.pop("extra_patch")
        store = self._store()
        for _ in range(ATTEMPTS):
            found = store.checked(_uuid(book_id), condition)
            merged = apply_merge_patch(found.extra, extra_patch)
            changes["extra"] = schema.validate_extra(merged, self._extra_schema)
            try:
                return self._update(found.id, changes, Condition({found.version}))
            except VersionMismatch:
                # Somebody came between reading and writing: merge into what is there now. If the
                # caller asked for a version, it is gone, and `checked` says so.
                continue
        raise overtaken()

    def upsert(
        self,
        fields: Mapping[str, Any],
        condition: Condition = ANY_STATE,
        *,
        create_only: bool = False,
    ) -> tuple[BookData, bool]:
        """Write a whole book by its ISBN; also tells whether it was created.

        With a condition the book must be there and meet it; with ``create_only`` it must not be
        there. Raises `VersionMismatch`, `ValidationFailed`.
        """
        checked = schema.validate_book(fields, extra_schema=self._extra_schema)
        store = self._store()
        with self._undoable():
            if create_only:
                try:
                    book, created = store.insert(checked), True
                except IsbnTaken:
                    found = store.checked_by_isbn(checked["isbn"], ANY_STATE)
                    raise VersionMismatch(found.version) from None
            elif condition.given:
                found = store.checked_by_isbn(checked["isbn"], condition)
                book, created = store.update(found.id, checked, condition), False
            else:
                book, created = store.insert_or_update(checked)
            if created:
                self._announce(events.BookCreated, book=book)
            else:
                self._announce(events.BookUpdated, book=book, changes=checked)
        return book, created

    def delete(self, book_id: UUID | str, condition: Condition = ANY_STATE) -> BookData:
        """Take a book out and give it as it was; raises `BookNotFound`, `VersionMismatch`,
        and `BookInUse` where a foreign key of the host's refers to it."""
        found, store = _uuid(book_id), self._store()
        with self._undoable():
            book = store.delete(found, condition)
            self._announce(events.BookDeleted, book=book)
        return book

    def change_stock(
        self, book_id: UUID | str, delta: int, condition: Condition = ANY_STATE
    ) -> BookData:
        """Add ``delta`` copies, or take them out, in one guarded statement.

        Raises `BookNotFound`, `VersionMismatch`, `InsufficientStock` where fewer are left, and
        `ValidationFailed` where the stock would pass its maximum or the book is free of charge.
        """
        delta = schema.validate_stock_change({"delta": delta})
        found, store = _uuid(book_id), self._store()
        with self._undoable():
            book = store.change_stock(found, delta, condition)
            self._announce(events.StockChanged, book=book, delta=delta)
        return book

    @contextmanager
    def _undoable(self) -> Iterator[None]:
        """A change and its events. What a subscriber raises undoes the change by itself, as whoever
        asked for it may catch that and go on."""
        if self._heard():
            session = self.session
            with session.begin_nested():
                # A connection is part of it from when the session is asked for it.
                session.connection(OF_BOOKS)
                yield
        else:
            yield

    def _store(self) -> Store:
        alone = self._alone()
        if alone is not None:
            return Store(alone, transactional=False)
        return Store(self._connection(self.session), written=self._written)

    def _connection(self, session: Session) -> Connection:
        """The session's connection to the books' database, ready for savepoints."""
        connection = session.connection(OF_BOOKS)
        dialect_named(connection.dialect.name).begin_writing(connection)
        return connection

    def import_books(
        self,
        stream: Stream,
        format: Format,
        *,
        skip_invalid: bool = False,
        dry_run: bool = False,
    ) -> Report:
        """Create and update books from a CSV or NDJSON file, by their ISBN: all of them or none.

        What a row leaves out stays as it is, and has its default in a new book. Raises
        `ValidationFailed` for a file that cannot be read, and `RowsRefused`, with nothing written,
        where a row is bad; with ``skip_invalid`` the good rows are taken and the report names the
        others. A ``dry_run`` writes nothing and reports the same. Events are sent for each book
        that is changed, but only where somebody subscribed: that costs memory and time per book.
        """
        with Intake(FeedOptions(extra_schema=self._extra_schema)) as intake:
            # The session comes later: nothing is locked while the file is read.
            intake.read(stream, format)
            if not dry_run:
                self._written()
            session = self.session
            session.flush()
            importer = Importer(intake, self._connection(session))
            with self._undoable():
                return importer.run(
                    skip_invalid=skip_invalid,
                    dry_run=dry_run,
                    changed=partial(self._announce_merged, intake.given) if self._heard() else None,
                )

    def export_books(
        self, filters: BookFilter = _ALL_BOOKS, format: Format = "csv"
    ) -> Iterator[bytes]:
        """The books that the filters choose, oldest first, as a file for `import_books`.

        The pages of the file come one by one and are not kept. Close the iterator if it is not
        read to its end.
        """
        return export(self._reading(), filters, format)

    def _announce_merged(self, given: Collection[str], merged: Merged) -> None:
        for row in merged.created_rows:
            self._announce(events.BookCreated, book=book_from_row(row))
        for row in merged.updated_rows:
            book = book_from_row(row)
            changes = {name: getattr(book, name) for name in given if name != "isbn"}
            self._announce(events.BookUpdated, book=book, changes=changes)

    def _update(self, book_id: UUID, changes: dict[str, Any], condition: Condition) -> BookData:
        store = self._store()
        with self._undoable():
            book = store.update(book_id, changes, condition)
            if changes:
                self._announce(events.BookUpdated, book=book, changes=changes)
        return book

    def _one(self, query: Query, values: Mapping[str, Any]) -> BookData:
        rows = self._reading().rows(query, values)
        if not rows:
            raise BookNotFound
        return book_from_row(rows[0])


def _uuid(book_id: UUID | str) -> UUID:
    """The id; a text that is no UUID is the id of no book."""
    if isinstance(book_id, UUID):
        return book_id
    try:
        return UUID(book_id)
    except (ValueError, TypeError, AttributeError):
        raise BookNotFound from None
