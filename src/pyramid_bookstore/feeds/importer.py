"""The second half of an import: what was taken in is looked over and merged in one transaction."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row

from pyramid_bookstore.catalogue.constraints import FREE_STOCK
from pyramid_bookstore.db.types import to_microseconds
from pyramid_bookstore.errors import BookstoreError, Fault, Reject, Report, RowsRefused
from pyramid_bookstore.feeds.bulk import LACKING, Bulk, Merged
from pyramid_bookstore.feeds.bulk_postgresql import PostgresBulk
from pyramid_bookstore.feeds.bulk_sqlite import SQLiteBulk
from pyramid_bookstore.feeds.ids import ids
from pyramid_bookstore.feeds.intake import Intake
from pyramid_bookstore.feeds.report import in_order, listed
from pyramid_bookstore.feeds.staging import KEY
from pyramid_bookstore.feeds.staging import REQUIRED as REQUIRED_FIELDS
from pyramid_bookstore.values.types import REQUIRED

#: Rows that one statement writes.
BATCH: Final = 20_000

_BULKS: dict[str, type[Bulk]] = {"postgresql": PostgresBulk, "sqlite": SQLiteBulk}

Progress = Callable[[int], None]
Listener = Callable[[Merged], None]


class Importer:
    """Writes what an `Intake` holds, on a connection with a transaction that the caller ends.

    ``merge`` may be left out, or the transaction be rolled back after it: nothing is lost but the
    work.
    """

    def __init__(self, intake: Intake, connection: Connection) -> None:
        self._intake = intake
        self._now = datetime.now(UTC)
        self._bulk = _BULKS[connection.dialect.name](
            connection,
            fields=intake.given,
            default_extra=intake.judge.default_extra,
            now=self._now,
        )

    def run(
        self,
        *,
        skip_invalid: bool = False,
        dry_run: bool = False,
        changed: Listener | None = None,
        progress: Progress | None = None,
        rejects: Callable[[Iterator[Reject]], None] | None = None,
    ) -> Report:
        """Write the good rows, all of them or none.

        Raises `RowsRefused` where a row is bad, unless ``skip_invalid``. With ``dry_run`` nothing
        is written, all else is the same. ``changed`` is called with the books of each batch,
        ``progress`` with the rows written so far, ``rejects`` with all bad rows by line, before
        anything is written.
        """
        refused = False
        with self._bulk.larger_cache():
            try:
                self._stage()
                if rejects is not None:
                    rejects(self._rejects())
                refused = bool(self._rejected and not skip_invalid)
                if refused or dry_run:
                    created, updated = self._bulk.counts()
                else:
                    created, updated = self._merge(changed, progress)
                report = self._report(created, updated, dry_run)
            except BookstoreError:
                self._bulk.close()
                raise
            self._bulk.close()
        if refused:
            raise RowsRefused(report)
        return report

    @property
    def _rejected(self) -> int:
        return len(self._intake.bad) + self._bulk.refusals

    def _report(self, created: int, updated: int, dry_run: bool) -> Report:
        good = self._intake.rows - self._rejected
        return Report(
            rows=self._intake.rows,
            created=created,
            updated=updated,
            unchanged=good - created - updated,
            rejected=self._rejected,
            dry_run=dry_run,
            rejects=listed(self._rejects()),
        )

    def _stage(self) -> None:
        """Put the good rows into the temporary table, and take out what is bad in the light of the
        other rows and of the books that are there."""
        bulk = self._bulk
        bulk.exclude_others()
        bulk.open()
        keys = ids(to_microseconds(self._now) // 1000)
        for batch in self._intake.good.batches():
            bulk.stage([(line, next(keys), row) for line, row in batch])
        bulk.analyze()
        bulk.refuse_repeated()
        if self._intake.partial:
            bulk.refuse_incomplete(extra=bool(self._intake.judge.faults_without_extra))
            bulk.refuse_free_in_stock()

    def _rejects(self) -> Iterator[Reject]:
        """All bad rows, by line."""
        return in_order(self._intake.bad, map(self._late, self._bulk.refused()))

    def _late(self, row: Row[Any]) -> Reject:
        """What is wrong with a row that was found bad in the temporary table."""
        if row.first is not None:
            return Reject(row.line, [_fault(KEY, f"This ISBN is on line {row.first} already.")])
        if row.free:
            return Reject(row.line, [_fault("price", FREE_STOCK)])
        lacking = [name for name in LACKING if getattr(row, f"no_{name}")]
        faults = [_fault(name, REQUIRED) for name in lacking if name in REQUIRED_FIELDS]
        if len(faults) < len(lacking):
            faults += self._intake.judge.faults_without_extra
        return Reject(row.line, faults)

    def _merge(self, changed: Listener | None, progress: Progress | None) -> tuple[int, int]:
        created = updated = 0
        good = self._intake.rows - self._rejected
        with self._bulk.deferred_indexes(good):
            ranges = list(self._bulk.ranges(BATCH))
            for number, (first, last) in enumerate(ranges, 1):
                done = self._bulk.merge(first, last, wanted=changed is not None)
                created += done.created
                updated += done.updated
                if changed is not None:
                    changed(done)
                if progress is not None:
                    progress(good * number // len(ranges))
        return created, updated


def _fault(field: str, message: str) -> Fault:
    return Fault(field, f"/{field}", message)
