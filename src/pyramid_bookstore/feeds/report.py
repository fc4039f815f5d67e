"""Limits of an import's report."""

from collections.abc import Sequence
from typing import Final

from pyramid_bookstore.errors import Fault, Reject

MAX_LISTED: Final = 1000
"""Rejected rows that a report lists; it counts them all."""

MAX_FAULTS: Final = 20
"""Faults that a report lists for one row."""

_MAX_NAME: Final = 200  # characters of a field's name


def rejected(line: int, faults: Sequence[Fault]) -> Reject:
    """A rejected row, with its faults limited: a feed may have many and long unknown names."""
    listed = [
        fault
        if len(fault.field) <= _MAX_NAME
        else Fault(f"{fault.field[:_MAX_NAME]}…", "", fault.message)
        for fault in faults[:MAX_FAULTS]
    ]
    if len(faults) > MAX_FAULTS:
        listed.append(Fault("", "", f"There are more faults than these {MAX_FAULTS}."))
    return Reject(line, listed)
