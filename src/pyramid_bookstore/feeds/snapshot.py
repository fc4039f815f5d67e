"""A file that is all of a source: what may be said about the books that it lacks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, get_args

from stdnum import ean

from pyramid_bookstore.feeds.cells import values_of
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.models import LONGEST_SOURCE
from pyramid_bookstore.feeds.spool import Spool
from pyramid_bookstore.feeds.staging import KEY
from pyramid_bookstore.values.types import Refused, Text

Absent = Literal["keep", "zero", "delete"]
ABSENT: Final = get_args(Absent)

#: The share of a source's books that may be absent, where nothing else is said.
MAX_ABSENT: Final = "5%"

#: Lines that a message names.
_SHOWN = 10

_SHARE = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*%?\s*", re.ASCII)
_SOURCE = Text(1, LONGEST_SOURCE)
_BETWEEN_DIGITS = re.compile(r"[\s-]")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The options of an import of all that a source has.

    ``absent`` is what happens to books that came with the source before and are not in the file;
    if they are more than ``max_absent`` percent of its books, the import is refused.
    """

    source: str
    absent: Absent
    max_absent: Decimal


def snapshot_of(
    source: str | None, absent: str, max_absent: str | int | Decimal
) -> Snapshot | None:
    """The options, checked; `None` without a source. Raises `ValidationFailed`."""
    if absent not in ABSENT:
        refuse(f"{_shown(absent)} is none of {', '.join(ABSENT)}.", "absent")
    share = _SHARE.fullmatch(str(max_absent))
    if share is None or Decimal(share[1]) > 100:
        refuse(f"{_shown(max_absent)} is no percentage from 0% to 100%.", "max_absent")
    if source is None:
        if absent != "keep":
            refuse(
                f"absent={absent} is for books that came with a source before: name the source by"
                " --source NAME (over HTTP source=NAME).",
                "source",
            )
        return None
    try:
        name = _SOURCE.read(source)
    except Refused as refused:
        refuse(str(refused), "source")
    return Snapshot(name, absent, Decimal(share[1]))  # type: ignore[arg-type]  # one of `ABSENT`


def _shown(value: object) -> str:
    return repr(str(value)[:40])


class RejectedIsbns:
    """The ISBNs of rejected rows: their books are in the file all the same.

    ``validate`` is the validator's function for JSON values.
    """

    def __init__(self, isbns: Spool[str], validate: Callable[[dict[str, Any]], Any]) -> None:
        self.isbns = isbns
        self._validate = validate
        self.unreadable = 0
        self._lines: list[int] = []

    def add_cell(self, line: int, cell: str | None) -> None:
        """Note the cell of a row's ISBN, `None` where it cannot be told."""
        self.add(line, values_of({KEY: cell}, []).get(KEY) if cell else None)

    def add(self, line: int, value: object) -> None:
        """Note the ISBN of a row as NDJSON has it."""
        result = self._validate({KEY: value})
        if isinstance(result, tuple):
            self.isbns.append(result[0])
        elif not _is_other_article(value):
            self.unreadable += 1
            if self.unreadable <= _SHOWN:
                self._lines.append(line)

    def check(self) -> None:
        """Raise `ValidationFailed` if some row could be of any book."""
        if not self.unreadable:
            return
        more = self.unreadable - len(self._lines)
        lines = ", ".join(map(str, self._lines)) + (f" and {more:,} more" if more else "")
        plural = "s" if self.unreadable > 1 else ""
        refuse(
            f"The ISBN cannot be read on line{plural} {lines}: the book may be one of those that"
            " the file seems to lack, so nothing was written. Mend these rows, take them out of the"
            " file, or import without --absent (over HTTP absent).",
            "absent",
        )


def _is_other_article(value: object) -> bool:
    """Whether a value that is no ISBN is the EAN of another article, such as a calendar."""
    digits = _BETWEEN_DIGITS.sub("", value) if isinstance(value, str) else ""
    return len(digits) == 13 and bool(ean.is_valid(digits))
