"""What became of an import."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Final

from pyramid_bookstore.errors import Fault, Reject

MAX_LISTED: Final = 1000
"""Rejected rows that a report lists; it counts them all."""

MAX_FAULTS: Final = 20
"""Faults that are told of one row."""

_LONGEST: Final = 200  # characters of a name


def rejected(line: int, faults: Sequence[Fault]) -> Reject:
    """A row with its faults, bounded: names that no field has can be many, and of any length."""
    told = [fault if len(fault.field) <= _LONGEST else _cut(fault) for fault in faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        told.append(Fault("", "", f"There are more faults than these {MAX_FAULTS}."))
    return Reject(line, told)


def _cut(fault: Fault) -> Fault:
    return Fault(f"{fault.field[:_LONGEST]}…", "", fault.message)


def in_order(early: Iterable[Reject], late: Iterable[Reject]) -> Iterator[Reject]:
    """The rejects of both by line; each is in order itself."""
    return merge(early, late, key=lambda reject: reject.line)


def listed(rejects: Iterable[Reject]) -> list[Reject]:
    """As many of them as a report lists."""
    return list(islice(rejects, MAX_LISTED))
