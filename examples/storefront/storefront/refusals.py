"""Why a file of books is not taken, in words for the staff.

The bookstore's own sentences are for whoever can answer with an option of its command line or of
its API. On the shop's page there are none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyramid_bookstore.errors import Fault

#: The columns that a file may have: the bookstore's fields, and those of `bookstore.trade`.
COLUMNS = (
    *("isbn", "title", "author", "price", "stock", "description", "extra"),
    *("subtitle", "contributors", "publisher", "imprint", "series", "series_number", "published"),
    *("language", "form", "pages", "subjects", "edition", "availability", "cover"),
)
#: Names of columns in one message.
MOST = 8

_PARTS = re.compile(r"(?<=[.;]) |(?<=:) (?=--|say )")
_OPTION = re.compile(r"--[a-z]|\bHTTP\b|\bthe option\b")


def why_not(faults: Sequence[Fault]) -> str:
    """What is wrong with the file as a whole."""
    # What has a name is a column: the page gives no option of which a fault could be.
    names = list(dict.fromkeys(fault.field for fault in faults if fault.field))
    unknown = [name for name in names if name not in COLUMNS]
    others = [name for name in names if name in COLUMNS]
    said = [plain(fault.message) for fault in faults if not fault.field]
    if others:
        said.append(f"Columns not found, or found twice: {_listed(others)}.")
    if unknown:
        said.append(f"Columns that are not known: {_listed(unknown)}.")
    if names:
        said.append(f"Known are {', '.join(COLUMNS)}.")
    return " ".join(said)


def plain(message: str) -> str:
    """A sentence of the bookstore's without the options that it names."""
    kept: list[str] = []
    cut = False
    for part in _PARTS.split(message):
        if _OPTION.search(part):
            cut = True
            kept[-1:] = [each.rstrip(";:.") + "." for each in kept[-1:]]
        else:
            other = part.removeprefix("else ") if cut else part
            kept.append(other[:1].upper() + other[1:] if cut else other)
            cut = False
    return " ".join(kept) or message


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(names[:MOST]) + more
