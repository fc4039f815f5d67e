"""The second half of an import: stage the valid rows and merge them, in one transaction."""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Row

from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.catalogue.extra import TOO_LARGE
from pyramid_bookstore.catalogue.movements import MovementLog
from pyramid_bookstore.catalogue.schema import OTHER_ID
from pyramid_bookstore.db.types import to_microseconds
from pyramid_bookstore.errors import BookstoreError, Reject, Report, RowsRefused
from pyramid_bookstore.feeds.absent import AbsentBooks
from pyramid_bookstore.feeds.bulk import REQUIRED_IN_NEW, Bulk, Merged
from pyramid_bookstore.feeds.bulk_postgresql import PostgresBulk
from pyramid_bookstore.feeds.bulk_sqlite import SQLiteBulk
from pyramid_bookstore.feeds.cells import fault
from pyramid_bookstore.feeds.ids import ids
from pyramid_bookstore.feeds.intake import Intake
from pyramid_bookstore.feeds.patches import apply_patches, keep_equal
from pyramid_bookstore.feeds.report import MAX_LISTED
from pyramid_bookstore.feeds.staging import KEY, REQUIRED_FIELDS
from pyramid_bookstore.values.moments import now
from pyramid_bookstore.values.types import REQUIRED

#: Rows that one statement writes.
BATCH: Final = 20_000

#: The part of the progress that staging has, as of the time.
_STAGING: Final = 0.25

_BULKS: dict[str, type[Bulk]] = {"postgresql": PostgresBulk, "sqlite": SQLiteBulk}

Progress = Callable[[int], None]
Listener = Callable[[Merged], None]
#: Called with the rows of books that were absent.
AbsentListener = Callable[[Sequence[Any]], None]


class Importer:
    """Writes the rows of an `Intake` on a connection, in a transaction that the caller commits."""

    def __init__(
        self, intake: Intake, connection: Connection, log: MovementLog | None = None
    ) -> None:
        """Movements of the stock go to the ``log``."""
        self._intake = intake
        self._now = now()
        self._absent = (
            AbsentBooks(connection, intake.snapshot, intake.rejected, self._now, log)
            if intake.snapshot and intake.rejected
            else None
        )
        self._bulk = _BULKS[connection.dialect.name](
            connection,
            fields=intake.given,
            default_extra=intake.validator.default_extra,
            declared=intake.validator.declared.fingerprint if intake.validator.declared else None,
            now=self._now,
            log=log,
        )

    def run(
        self,
        *,
        skip_invalid: bool = False,
        dry_run: bool = False,
        changed: Listener | None = None,
        absent_changed: AbsentListener | None = None,
        progress: Progress | None = None,
        rejects: Callable[[Iterator[Reject]], None] | None = None,
    ) -> Report:
        """Write the good rows, all of them or none.

        Raises `RowsRefused` if there is a bad row, unless ``skip_invalid``; of a snapshot also
        `ValidationFailed` for too many absent books, and `BookInUse`. ``dry_run`` does everything
        but write. Before anything is written, ``rejects`` is called with all bad rows, ordered by
        line. ``changed`` is called with the books of each batch, ``absent_changed`` with absent
        ones, ``progress`` with the number of rows written so far.
        """
        refused = False
        with self._bulk.larger_cache():
            try:
                self._stage(progress, lock=not dry_run)
                if rejects is not None:
                    rejects(self._rejects())
                refused = bool(self._rejected and not skip_invalid)
                if self._absent is not None and not refused:
                    self._absent.check(self._good, dry_run=dry_run)
                if refused or dry_run:
                    created, updated = self._bulk.counts()
                else:
                    created, updated = self._write(changed, absent_changed, progress)
                report = self._report(created, updated, dry_run)
            except BookstoreError:
                self._close()
                raise
            self._close()
        if refused:
            raise RowsRefused(report)
        return report

    def _close(self) -> None:
        self._bulk.close()
        if self._absent is not None:
            self._absent.close()

    @property
    def _rejected(self) -> int:
        return len(self._intake.bad) + self._bulk.rejected_count

    @property
    def _repeated(self) -> int:
        return self._intake.headers + self._bulk.repeated_count

    @property
    def _good(self) -> int:
        return self._intake.rows - self._rejected - self._repeated

    def _report(self, created: int, updated: int, dry_run: bool) -> Report:
        return Report(
            rows=self._intake.rows,
            created=created,
            updated=updated,
            unchanged=self._good - created - updated,
            rejected=self._rejected,
            repeated=self._repeated,
            blank=self._intake.blank,
            dry_run=dry_run,
            rejects=list(islice(self._rejects(), MAX_LISTED)),
            absent=self._absent.count if self._absent else 0,
            absent_books=self._absent.books if self._absent else (),
        )

    def _stage(self, progress: Progress | None = None, *, lock: bool = True) -> None:
        """Put the good rows into the temporary table, and reject those that do not fit the other
        rows or the stored books."""
        bulk = self._bulk
        bulk.wait_for_other_imports()
        bulk.open()
        keys = ids(to_microseconds(self._now) // 1000)
        staged = 0
        for batch in self._intake.good.batches():
            bulk.stage([(line, next(keys), row) for line, row in batch])
            if progress is not None:
                staged += len(batch)
                progress(int(staged * _STAGING))
        bulk.analyze()
        if self._absent is not None:
            self._absent.find()  # before rows are moved out that are in the file all the same
        if self._intake.ids:
            bulk.reject_other_ids()
        bulk.reject_repeated()
        if self._intake.members:
            apply_patches(bulk, self._intake.validator.declared, lock=lock)
        if "extra" in self._intake.given:
            keep_equal(bulk)
        if self._intake.partial:
            bulk.reject_incomplete(extra=bool(self._intake.validator.faults_without_extra))
            bulk.reject_free_in_stock()

    def _rejects(self) -> Iterator[Reject]:
        """All bad rows, ordered by line."""
        staged = map(self._staging_reject, self._bulk.rejected())
        return merge(self._intake.bad, staged, key=attrgetter("line"))

    def _staging_reject(self, row: Row[Any]) -> Reject:
        """The faults of a row of `bulk.REJECTED`."""
        if row.first is not None:
            return Reject(
                row.line,
                [fault(KEY, f"This ISBN is on line {row.first} already, with other values.")],
            )
        if row.other_id:
            return Reject(row.line, [OTHER_ID])
        if row.large:
            return Reject(row.line, [fault("extra", TOO_LARGE)])
        if row.free:
            return Reject(row.line, [fault("price", FREE_STOCK)])
        missing = [name for name in REQUIRED_IN_NEW if getattr(row, f"no_{name}")]
        faults = [fault(name, REQUIRED) for name in missing if name in REQUIRED_FIELDS]
        if len(faults) < len(missing):
            faults += self._intake.validator.faults_without_extra
        return Reject(row.line, faults)

    def _write(
        self,
        changed: Listener | None,
        absent_changed: AbsentListener | None,
        progress: Progress | None,
    ) -> tuple[int, int]:
        if self._absent is None:
            return self._merge(changed, progress)
        books = self._absent.change(return_books=absent_changed is not None)
        if absent_changed is not None:
            absent_changed(books)
        numbers = self._merge(changed, progress)
        self._absent.remember()
        return numbers

    def _merge(self, changed: Listener | None, progress: Progress | None) -> tuple[int, int]:
        created = updated = 0
        good = self._good
        if good <= BATCH:  # to lock all that a large one changes would take long
            self._bulk.lock_books()
        with self._bulk.deferred_indexes(good):
            ranges = list(self._bulk.ranges(BATCH))
            for number, (first, last) in enumerate(ranges, 1):
                merged = self._bulk.merge(first, last, return_books=changed is not None)
                created += merged.created
                updated += merged.updated
                if changed is not None:
                    changed(merged)
                if progress is not None:
                    done = _STAGING + (1 - _STAGING) * number / len(ranges)
                    progress(round(good * done))
        return created, updated
