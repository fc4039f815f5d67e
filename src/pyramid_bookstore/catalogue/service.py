"""What can be done with books, on one unit of work."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import colander

from pyramid_bookstore.catalogue import listing, schema
from pyramid_bookstore.catalogue.events import BookCreated, BookDeleted, BookUpdated
from pyramid_bookstore.catalogue.extra import apply_merge_patch
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.listing import Page
from pyramid_bookstore.catalogue.query import NEWEST_FIRST, Count, ListQuery, listing_of
from pyramid_bookstore.catalogue.statements import BY_ID, BY_ISBN, book_from_row
from pyramid_bookstore.catalogue.store import ATTEMPTS, Store, overtaken
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.errors import BookNotFound, IsbnTaken, VersionMismatch
from pyramid_bookstore.transactions.unit_of_work import UnitOfWork
from pyramid_bookstore.values.condition import ANY_STATE, Condition
from pyramid_bookstore.values.isbn import canonical


class Service:
    """What a capability can do, in one unit of work."""

    def __init__(
        self, unit: UnitOfWork, *, extra_schema: colander.SchemaNode | None = None
    ) -> None:
        """``extra_schema`` is the host's, for the fields below ``extra``."""
        self._unit = unit
        self._extra_schema = extra_schema


class CatalogueService(Service):
    """Books: one by one, and as a list."""

    def get(self, book_id: UUID | str) -> BookData:
        """The book with this id; raises `BookNotFound`."""
        return self._one(BY_ID, {"id": book_uuid(book_id)})

    def get_by_isbn(self, isbn: str) -> BookData:
        """The book with this ISBN, in any writing; raises `BookNotFound`."""
        try:
            return self._one(BY_ISBN, {"isbn": canonical(isbn)})
        except (ValueError, TypeError, AttributeError):
            raise BookNotFound from None

    def list(
        self,
        *,
        sort: str | Sequence[str | tuple[str, bool]] = NEWEST_FIRST,
        limit: int = 20,
        page: int = 1,
        cursor: str | None = None,
        count: Count | None = None,
        **filters: Any,
    ) -> Page:
        """One page of books, by default the newest first.

        ``filters`` are those of the list's parameters: ``author`` and ``search`` (texts),
        ``min_price`` and ``max_price`` (`Decimal` or `int`), ``in_stock`` (`bool`); `None` is not
        given. ``sort`` is written as over HTTP (``"-price,title"``), or
        names fields, each with whether it descends. ``page`` counts from 1; a ``cursor`` from an
        earlier page of the same list takes its place. ``limit`` is at most 1000. The total is
        ``count``-ed "exact" (the default without a cursor) or "estimated" (exact up to some
        thousands, at a cost that does not grow beyond), or left out ("none"). Raises
        `ValidationFailed` for values that are out of range, and for a cursor of another list.
        """
        query = listing_of(sort=sort, limit=limit, page=page, cursor=cursor, count=count, **filters)
        return self.page(query)

    def page(self, query: ListQuery) -> Page:
        """`list`, for a query that is checked already; a cursor brings no total unless asked."""
        count = query.count or ("none" if query.cursor else "exact")
        return listing.list_books(
            self._unit.reader(),
            query.filters,
            sort=query.sort,
            limit=query.limit,
            page=query.page,
            cursor=query.cursor,
            count=count,
        )

    def create(self, fields: Mapping[str, Any]) -> BookData:
        """Add a book from all its fields; raises `ValidationFailed`, `IsbnTaken`."""
        checked = schema.validate_book(fields, extra_schema=self._extra_schema)
        store = Store(self._unit.writer())
        with self._unit.undoable():
            book = store.insert(checked)
            self._unit.announce(BookCreated, book=book)
        return book

    def update(
        self, book_id: UUID | str, changes: Mapping[str, Any], condition: Condition = ANY_STATE
    ) -> BookData:
        """Write the given fields of a book; what is not given stays.

        Whether the book meets the condition is decided by the statement that writes. Raises
        `BookNotFound`, `VersionMismatch`, `ValidationFailed`, `IsbnTaken`.
        """
        checked = schema.validate_changes(changes, extra_schema=self._extra_schema)
        return self._update(book_uuid(book_id), checked, condition)

    def patch(
        self, book_id: UUID | str, patch: Mapping[str, Any], condition: Condition = ANY_STATE
    ) -> BookData:
        """Apply a JSON merge patch (RFC 7396), in which null removes; raises as `update`."""
        changes = schema.validate_merge_patch(patch, extra_schema=self._extra_schema)
        if "extra_patch" not in changes:
            return self._update(book_uuid(book_id), changes, condition)
        extra_patch = changes.pop("extra_patch")
        store = Store(self._unit.writer())
        for _ in range(ATTEMPTS):
            found = store.checked(book_uuid(book_id), condition)
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
        store = Store(self._unit.writer())
        with self._unit.undoable():
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
                self._unit.announce(BookCreated, book=book)
            else:
                self._unit.announce(BookUpdated, book=book, changes=checked)
        return book, created

    def delete(self, book_id: UUID | str, condition: Condition = ANY_STATE) -> BookData:
        """Take a book out and give it as it was; raises `BookNotFound`, `VersionMismatch`,
        and `BookInUse` where a foreign key of the host's refers to it."""
        found, store = book_uuid(book_id), Store(self._unit.writer())
        with self._unit.undoable():
            book = store.delete(found, condition)
            self._unit.announce(BookDeleted, book=book)
        return book

    def _update(self, book_id: UUID, changes: dict[str, Any], condition: Condition) -> BookData:
        store = Store(self._unit.writer())
        with self._unit.undoable():
            book = store.update(book_id, changes, condition)
            if changes:
                self._unit.announce(BookUpdated, book=book, changes=changes)
        return book

    def _one(self, query: Query, values: Mapping[str, Any]) -> BookData:
        rows = self._unit.reader().rows(query, values)
        if not rows:
            raise BookNotFound
        return book_from_row(rows[0])


def book_uuid(book_id: UUID | str) -> UUID:
    """The id; a text that is no UUID is the id of no book."""
    if isinstance(book_id, UUID):
        return book_id
    try:
        return UUID(book_id)
    except (ValueError, TypeError, AttributeError):
        raise BookNotFound from None
