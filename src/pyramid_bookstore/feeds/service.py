"""Import and export of books, in one unit of work."""

from __future__ import annotations  # help() then shows `Format`, not all of its values

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, get_args

from pyramid_bookstore.catalogue.base_service import Service
from pyramid_bookstore.catalogue.events import BookCreated, BookDeleted, BookUpdated
from pyramid_bookstore.catalogue.query import NO_FILTERS, Filters
from pyramid_bookstore.catalogue.statements import book_from_row
from pyramid_bookstore.errors import Fault, Report, ValidationFailed
from pyramid_bookstore.feeds.bulk import Merged
from pyramid_bookstore.feeds.exporter import export
from pyramid_bookstore.feeds.importer import Importer
from pyramid_bookstore.feeds.intake import ExportFormat, Format, Intake
from pyramid_bookstore.feeds.lines import Stream
from pyramid_bookstore.feeds.options import FeedOptions
from pyramid_bookstore.feeds.profiles import profile as profile_named
from pyramid_bookstore.feeds.schema import ExportQuery, parse_export
from pyramid_bookstore.feeds.snapshot import MAX_ABSENT, Absent, snapshot_of
from pyramid_bookstore.feeds.staging import KEY
from pyramid_bookstore.values.parameters import as_parameters


class FeedsService(Service):
    """Import and export of books."""

    def import_books(
        self,
        stream: Stream,
        format: Format,
        *,
        skip_invalid: bool = False,
        dry_run: bool = False,
        columns: Mapping[str, str | Sequence[str]] | None = None,
        fixed: Mapping[str, str] | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        decimal: str | None = None,
        profile: str | None = None,
        repair_isbn: bool = False,
        sheet: str | None = None,
        source: str | None = None,
        absent: Absent = "keep",
        max_absent: str | int | Decimal = MAX_ABSENT,
    ) -> Report:
        """Create and update books from a file, by their ISBN: all of them or none.

        ``sheet`` names one of a spreadsheet's, else its first is read.
        What a row leaves out stays as it is, and has its default in a new book. Raises
        `ValidationFailed` for a file that cannot be read, and `RowsRefused`, with nothing written,
        where a row is bad; with ``skip_invalid`` the good rows are taken and the report names the
        others. A ``dry_run`` writes nothing and reports the same. Events are sent for each book
        that is changed, but only where somebody subscribed: that costs memory and time per book.

        ``columns`` are the columns of fields that have other names in the file, of several
        (``"A,B"`` or a list) the first that is filled; ``fixed`` the values of fields that it
        lacks, as text. With ``columns`` or a ``profile`` (by its name), columns that are no field
        are passed over. ``decimal`` is ``comma`` or ``point``.

        The file is all that the ``source`` of this name has, if there is one. Books that came with
        it before and are not in the file are ``absent``: they are kept, or get a stock of 0
        (``zero``), or are deleted (``delete``). More of them than ``max_absent`` ("5%") raise
        `ValidationFailed`, and one that a foreign key of the host's refers to `BookInUse` where it
        would be deleted, both with nothing written. Rejected rows count as in the file.
        """
        snapshot = snapshot_of(source, absent, max_absent)
        if format not in get_args(Format):
            message = f"The value must be {' or '.join(get_args(Format))}."
            raise ValidationFailed([Fault("format", "", message)])
        options = FeedOptions(
            columns=columns or {},
            fixed=fixed or {},
            encoding=encoding,
            delimiter=delimiter,
            decimal=decimal,
            repair_isbn=repair_isbn,
            ignore_unknown=bool(columns),
            rules=self._rules,
        )
        if profile is not None:
            options = options.over(profile_named(profile, self._rules))
        with Intake(options, snapshot=snapshot) as intake:
            # Before the session is used: nothing is locked while the file is read.
            intake.read(stream, format, sheet=sheet)
            if not dry_run:
                self._unit.mark_changed()
            self._unit.session.flush()
            importer = Importer(intake, self._unit.connection(), self._log())
            with self._unit.event_savepoint():
                heard = self._unit.has_subscribers
                return importer.run(
                    skip_invalid=skip_invalid,
                    dry_run=dry_run,
                    changed=partial(self._announce_merged, intake.given) if heard else None,
                    absent_changed=partial(self._announce_absent, absent) if heard else None,
                )

    def export_books(
        self, filters: Filters = NO_FILTERS, format: ExportFormat = "csv", *, bom: bool = False
    ) -> Iterator[bytes]:
        """The books that the filters choose, oldest first, as a file for `import_books`.

        With ``bom`` CSV begins with a byte order mark, by which Excel knows that it is UTF-8.
        ``filters`` are named as the list's parameters. The pages of the file come one by one and
        are not kept. Close the iterator if it is not read to its end. Raises `ValidationFailed`.
        """
        given = as_parameters({**filters, "format": format, "bom": bom})
        return self.export(parse_export(given, self._rules.declared))

    def export(self, query: ExportQuery) -> Iterator[bytes]:
        """`export_books`, for a query that is checked already."""
        return export(
            self._unit.reader(),
            query.filters,
            query.format,
            declared=query.declared,
            bom=query.bom,
            holds=self._stock.holds,
        )

    def _announce_merged(self, given: Collection[str], merged: Merged) -> None:
        for book in self._complete_all([*map(book_from_row, merged.created_rows)]):
            self._unit.announce(BookCreated, book=book)
        for book in self._complete_all([*map(book_from_row, merged.updated_rows)]):
            changes = {name: getattr(book, name) for name in given if name != KEY}
            self._unit.announce(BookUpdated, book=book, changes=changes)

    def _announce_absent(self, absent: Absent, rows: Sequence[Any]) -> None:
        for book in self._complete_all([*map(book_from_row, rows)]):
            if absent == "delete":
                self._unit.announce(BookDeleted, book=book)
            else:
                self._unit.announce(BookUpdated, book=book, changes={"stock": 0})
