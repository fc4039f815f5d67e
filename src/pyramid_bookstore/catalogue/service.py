"""The operations on books, in one unit of work."""

from __future__ import annotations  # help() then shows `Count`, not all of its values

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from pyramid_bookstore.catalogue import schema
from pyramid_bookstore.catalogue.base_service import Service, parse_book_id
from pyramid_bookstore.catalogue.events import BookCreated, BookDeleted, BookUpdated
from pyramid_bookstore.catalogue.extra import apply_merge_patch
from pyramid_bookstore.catalogue.facets import facets_of
from pyramid_bookstore.catalogue.fields import BookData
from pyramid_bookstore.catalogue.listing import Page
from pyramid_bookstore.catalogue.lookup import Lookup, look_up, validate_lookup
from pyramid_bookstore.catalogue.query import (
    NO_FILTERS,
    SUGGEST,
    Count,
    ListQuery,
    list_query,
    of_available,
)
from pyramid_bookstore.catalogue.relevance import list_page
from pyramid_bookstore.catalogue.statements import BY_ID, BY_ISBN, book_from_row
from pyramid_bookstore.catalogue.store import (
    ATTEMPTS,
    Store,
    Written,
    has_values,
    too_many_retries,
)
from pyramid_bookstore.catalogue.suggestions import Suggestions, nearest_spelling, suggest
from pyramid_bookstore.db.query import Query
from pyramid_bookstore.errors import (
    BookNotFound,
    Fault,
    IsbnTaken,
    ValidationFailed,
    VersionMismatch,
)
from pyramid_bookstore.values.condition import ANY_STATE, Condition
from pyramid_bookstore.values.faults import deserialized
from pyramid_bookstore.values.isbn import canonical
from pyramid_bookstore.values.parameters import as_parameters


class CatalogueService(Service):
    """Single books, and the list."""

    def get(self, book_id: UUID | str) -> BookData:
        """The book with this id; raises `BookNotFound`."""
        return self._read(BY_ID, {"id": parse_book_id(book_id)})

    def get_by_isbn(self, isbn: str) -> BookData:
        """The book with this ISBN, in any writing; raises `BookNotFound`, which says what is wrong
        with a text that is none."""
        try:
            return self._read(BY_ISBN, {"isbn": canonical(isbn)})
        except ValueError as error:
            raise BookNotFound(f"There is no such book. {error}") from None
        except (TypeError, AttributeError):
            raise BookNotFound from None

    def lookup(self, *, isbns: Sequence[str] = (), ids: Sequence[UUID | str] = ()) -> Lookup:
        """The books with these ISBNs (in any writing) and ids, up to 1,000 in all.

        Raises `ValidationFailed` for more, and for what is no text.
        """
        texts = [str(each) if isinstance(each, UUID) else each for each in ids]
        asked = validate_lookup({"isbns": [*isbns], "ids": texts})
        found = look_up(self._unit.reader(), **asked)
        return msgspec.structs.replace(found, books=self._complete_all(found.books))

    def list(
        self,
        *,
        sort: str | Sequence[str | tuple[str, bool]] | None = None,
        limit: int = 20,
        page: int = 1,
        cursor: str | None = None,
        count: Count | None = None,
        fields: Mapping[str, Any] = NO_FILTERS,
        facets: str | Sequence[str] | None = None,
        **filters: Any,
    ) -> Page:
        """One page of books, by default the newest first.

        ``filters`` are those of the list's parameters: ``author`` and ``search`` (texts),
        ``min_price`` and ``max_price`` (`Decimal` or `int`), ``in_stock`` (`bool`),
        ``updated_since`` (an aware `datetime`, or text as over HTTP); `None` is not given.
        ``fields`` are the parameters of declared fields: ``{"publisher": ["Piper", "dtv"],
        "min_pages": 100}``. ``facets`` are declared fields whose values are counted. ``sort`` is
        written as over HTTP (``"-price,title"``), or names fields, each with whether it descends.
        ``page`` counts from 1; a ``cursor`` from an earlier page of the same list takes its place.
        ``limit`` is at most 1000; from page 2 on ``page`` times ``limit`` is at most the setting
        `bookstore.max_offset`, and a cursor leads further. The total is ``count``-ed "exact" (the
        default without a cursor) or "estimated" (exact up to some thousands, at a cost that does
        not grow beyond), or left out ("none"). Raises `ValidationFailed` for values that are out of
        range, and for a cursor of another list; `Unavailable` where too many lists that cost much
        are read at once, and where declared fields have no index yet.
        """
        if not hasattr(fields, "keys"):
            message = "The value must be a mapping of parameters of declared fields to values."
            raise ValidationFailed([Fault("fields", "", message)])
        declared = self._rules.declared
        unknown = [name for name in fields if name not in declared.parameters]
        if unknown:
            message = "This is not a parameter of a declared field."
            raise ValidationFailed([Fault(str(name), "", message) for name in unknown])
        query = list_query(
            sort=sort,
            limit=limit,
            page=page,
            cursor=cursor,
            count=count,
            max_offset=self._max_offset,
            declared=declared,
            facets=facets,
            **fields,
            **filters,
        )
        return self.page(query)

    def page(self, query: ListQuery) -> Page:
        """`list`, for a query that is validated already."""
        reader = self._unit.list_reader()
        if self._stock.holds:
            query = replace(query, filters=of_available(query.filters))
        page = list_page(reader, query)
        if self._stock.holds:
            page = msgspec.structs.replace(page, books=self._complete_all(page.books))
        if query.facets:
            page = msgspec.structs.replace(page, facets=facets_of(reader, query))
        search = query.filters.get("search")
        if page.books or not search or query.cursor or query.page > 1:
            return page
        suggestion = nearest_spelling(reader, search)
        return msgspec.structs.replace(page, suggestion=suggestion) if suggestion else page

    def suggest(self, q: str, *, limit: int = 10) -> Suggestions:
        """What a search field offers for the text typed so far: authors, then titles.

        At most ``limit`` (up to 100) with words that begin as those of ``q``; where there are none,
        with words of the nearest spelling. Raises `ValidationFailed`.
        """
        values = deserialized(SUGGEST, as_parameters({"q": q, "limit": limit}), pointers=False)
        return suggest(self._unit.list_reader(), values["q"] or "", values["limit"])

    def create(self, fields: Mapping[str, Any]) -> BookData:
        """Add a book from all its fields; raises `ValidationFailed`, `IsbnTaken`."""
        values = schema.validate_book(fields, rules=self._rules)
        store = self._store()
        with self._unit.event_savepoint():
            book = self._complete(store.insert(values))
            self._unit.announce(BookCreated, book=book)
        return book

    def update(
        self, book_id: UUID | str, changes: Mapping[str, Any], condition: Condition = ANY_STATE
    ) -> BookData:
        """Write the given fields of a book; what is not given stays.

        What the server sets is passed over, but for an ``id`` that is not the book's. Where all
        values are what they were, nothing is written and no event sent. The statement that writes
        also checks the condition. Raises `BookNotFound`, `VersionMismatch`, `ValidationFailed`,
        `IsbnTaken`.
        """
        uuid = parse_book_id(book_id)
        values = schema.validate_changes(changes, rules=self._rules, book_id=uuid)
        return self._update(uuid, values, condition)

    def patch(
        self, book_id: UUID | str, patch: Mapping[str, Any], condition: Condition = ANY_STATE
    ) -> BookData:
        """Apply a JSON merge patch (RFC 7396), in which null removes; raises as `update`."""
        uuid = parse_book_id(book_id)
        changes = schema.validate_merge_patch(patch, rules=self._rules, book_id=uuid)
        if "extra_patch" not in changes:
            return self._update(uuid, changes, condition)
        extra_patch = changes.pop("extra_patch")
        store = self._store()
        for _ in range(ATTEMPTS):
            stored = store.require(uuid, condition)
            merged = apply_merge_patch(stored.extra, extra_patch)
            changes["extra"] = schema.validate_extra(merged, self._rules)
            if has_values(stored, changes):
                return self._complete(stored)
            try:
                return self._update(uuid, changes, Condition({stored.version}), differs=True)
            except VersionMismatch:
                # Another write came between reading and writing: merge into the new `extra`. If the
                # condition does not hold any more, `require` raises.
                continue
        raise too_many_retries()

    def upsert(
        self,
        fields: Mapping[str, Any],
        condition: Condition = ANY_STATE,
        *,
        create_only: bool = False,
    ) -> tuple[BookData, bool]:
        """Write a whole book by its ISBN; also tells whether it was created.

        With a condition the book must be there and meet it; with ``create_only`` it must not be
        there. What the server sets is passed over; with an ``id`` the book must be there and have
        it. Raises `VersionMismatch`, `ValidationFailed`.
        """
        values, ids = schema.validate_upsert(fields, rules=self._rules)
        store = self._store()
        with self._unit.event_savepoint():
            written = _upsert(store, values, ids, condition, create_only=create_only)
            book = self._complete(written.book)
            if written.created:
                self._unit.announce(BookCreated, book=book)
            elif written.changed:
                self._unit.announce(BookUpdated, book=book, changes=values)
        return book, written.created

    def delete(self, book_id: UUID | str, condition: Condition = ANY_STATE) -> BookData:
        """Delete a book and return it as it was; raises `BookNotFound`, `VersionMismatch`,
        and `BookInUse` if a foreign key of the host's refers to it."""
        uuid, store = parse_book_id(book_id), self._store()
        with self._unit.event_savepoint():
            book = store.delete(uuid, condition)
            self._unit.announce(BookDeleted, book=book)
        self._unit.check_references({"id": [book.id], "isbn": [book.isbn]})
        return book

    def _update(
        self,
        book_id: UUID,
        changes: dict[str, Any],
        condition: Condition,
        *,
        differs: bool = False,
    ) -> BookData:
        store = self._store()
        with self._unit.event_savepoint():
            written = store.update(book_id, changes, condition, differs=differs)
            book = self._complete(written.book)
            if written.changed:
                self._unit.announce(BookUpdated, book=book, changes=changes)
        if written.changed and "isbn" in changes:
            self._unit.check_references({"isbn": None})
        return book

    def _read(self, query: Query, values: Mapping[str, Any]) -> BookData:
        rows = self._unit.reader().rows(query, values)
        if not rows:
            raise BookNotFound
        return self._complete(book_from_row(rows[0]))

    def _store(self) -> Store:
        return Store(self._unit.writer(), self._rules.declared, self._log())


def _upsert(
    store: Store,
    values: Mapping[str, Any],
    ids: Sequence[Any],
    condition: Condition,
    *,
    create_only: bool,
) -> Written:
    isbn = values["isbn"]
    if not (ids or condition.given or condition.unless or create_only):
        return store.insert_or_update(values)
    stored = store.find_by_isbn(isbn) if ids or not create_only else None
    if not all(stored and schema.is_id(each, stored.id) for each in ids):
        raise ValidationFailed([schema.OTHER_ID])
    if create_only or (stored is None and not condition.given):
        try:
            return Written(store.insert(values), created=True)
        except IsbnTaken:
            stored = store.find_by_isbn(isbn)
            raise VersionMismatch(stored.version if stored else None) from None
    if stored is None:
        raise VersionMismatch(None)
    condition.check(stored.version, stored.updated_at)
    try:
        return store.update(stored.id, values, condition)
    except BookNotFound:  # deleted since it was read
        raise VersionMismatch(None) from None
