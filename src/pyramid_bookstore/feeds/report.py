"""What became of an import."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final, NamedTuple

from pyramid_bookstore.errors import Fault, ValidationFailed

MAX_LISTED: Final = 1000
"""Rejected rows that a report lists; it counts them all."""

MAX_FAULTS: Final = 20
"""Faults that are told of one row."""

_LONGEST: Final = 200  # characters of a name


class Reject(NamedTuple):
    """A row that was not taken: the line it begins in (the header is line 1), and why."""

    line: int
    faults: list[Fault]


def rejected(line: int, faults: Sequence[Fault]) -> Reject:
    """A row with its faults, bounded: names that no field has can be many, and of any length."""
    told = [fault if len(fault.field) <= _LONGEST else _cut(fault) for fault in faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        told.append(Fault("", "", f"There are more faults than these {MAX_FAULTS}."))
    return Reject(line, told)


def _cut(fault: Fault) -> Fault:
    return Fault(f"{fault.field[:_LONGEST]}…", "", fault.message)


class Report(NamedTuple):
    """How many books an import created, updated and left as they were, and which rows it refused.

    ``rows`` are all rows of the feed; ``rejects`` the first `MAX_LISTED` of ``rejected``, by line.
    After a dry run, or where nothing was written because of the rejects, the numbers are those that
    would have been.
    """

    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    dry_run: bool
    rejects: Sequence[Reject]


class RowsRefused(ValidationFailed):
    """Some rows are bad and nothing was written; ``report`` says which, and what is good."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__([fault for reject in report.rejects for fault in reject.faults])
        verb = "is" if report.rejected == 1 else "are"
        self.message = (
            f"{report.rejected:,} of {report.rows:,} rows {verb} refused; nothing was written."
        )


def in_order(early: Iterable[Reject], late: Iterable[Reject]) -> Iterator[Reject]:
    """The rejects of both by line; each is in order itself."""
    return merge(early, late, key=lambda reject: reject.line)


def listed(rejects: Iterable[Reject]) -> list[Reject]:
    """As many of them as a report lists."""
    return list(islice(rejects, MAX_LISTED))


def as_json(report: Report) -> dict[str, Any]:
    """The report as a JSON document holds it."""
    document = report._asdict()
    document["rejects"] = [
        {"line": line, "faults": [fault._asdict() for fault in faults]}
        for line, faults in report.rejects
    ]
    return document
