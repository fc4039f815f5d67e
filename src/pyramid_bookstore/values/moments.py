"""The times of changes, by which versions of a book are known, also in whole seconds.

HTTP dates have whole seconds, and a book may change twice in one: the clock may even be behind,
for hours. So a book's first version of a second has an even number of microseconds, and every
later one of that second an odd number (`Dialect.next_timestamp`). The date of a version stands for
the first of its second, and for no other. That holds whatever the clock does.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """The time in UTC, to an even number of microseconds."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond & ~1)


def is_first_of_second(updated_at: datetime) -> bool:
    """Whether no earlier version of the book has the same second."""
    return updated_at.microsecond % 2 == 0
