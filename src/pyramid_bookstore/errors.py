"""Why the bookstore refuses: domain exceptions, which know nothing of HTTP.

:mod:`pyramid_bookstore.web.problems` is the one place that turns them into answers. Each class
carries ``code``, the word that clients find in the ``error`` member of a problem document.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

__all__ = [
    "AbsentBook",
    "BookInUse",
    "BookNotFound",
    "BookstoreError",
    "Fault",
    "HoldNotFound",
    "HoldOver",
    "IdempotencyInProgress",
    "IdempotencyKeyReused",
    "InsufficientStock",
    "InvalidJSON",
    "IsbnTaken",
    "Reject",
    "Report",
    "RowsRefused",
    "ShortLine",
    "Unavailable",
    "ValidationFailed",
    "VersionMismatch",
]


class Fault(NamedTuple):
    """One thing wrong with the input.

    ``field`` is the name of the field or parameter (dotted below the first level), or ``""`` for
    the document as a whole; ``pointer`` the same place as a JSON pointer (RFC 6901), ``""`` for
    the whole document; ``message`` says what is wrong, in a sentence for a person.
    """

    field: str
    pointer: str
    message: str


class Reject(NamedTuple):
    """A row that was not taken: the line it begins in (the header is line 1), and why."""

    line: int
    faults: list[Fault]


class AbsentBook(NamedTuple):
    """A book that came with the source before and is not in its newest file."""

    isbn: str
    title: str


class Report(NamedTuple):
    """How many books an import created, updated and left as they were, and which rows it refused.

    ``rows`` are all rows of the feed, ``repeated`` those that equal an earlier one, a header in the
    middle too; ``blank`` rows have nothing in them and are counted apart. ``rejects`` are
    the first `MAX_LISTED` of ``rejected``, by line. After a dry run, or where nothing was written
    because of the rejects, the numbers are those that would have been. ``absent`` counts the books
    that came with the source before and are not in the feed; ``absent_books`` are the first
    `MAX_LISTED` of them, by ISBN, as they were.
    """

    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    dry_run: bool
    rejects: Sequence[Reject]
    repeated: int = 0
    blank: int = 0
    absent: int = 0
    absent_books: Sequence[AbsentBook] = ()

    def as_json(self) -> dict[str, Any]:
        """The report as a JSON document holds it."""
        document = self._asdict()
        document["rejects"] = [
            {"line": line, "faults": [fault._asdict() for fault in faults]}
            for line, faults in self.rejects
        ]
        document["absent_books"] = [book._asdict() for book in self.absent_books]
        return document


class BookstoreError(Exception):
    """What every refusal of the bookstore derives from."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidJSON(BookstoreError):
    """The text is not the strict JSON (RFC 8259, I-JSON RFC 7493) that is read here."""

    code = "invalid_json"


class ValidationFailed(BookstoreError):
    """Well-formed input with wrong values; ``faults`` names every one of them."""

    code = "validation_failed"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            "; ".join(f"{f.field}: {f.message}" if f.field else f.message for f in faults)
        )


class RowsRefused(ValidationFailed):
    """Some rows are bad and nothing was written; ``report`` says which, and what is good."""

    def __init__(self, report: Report) -> None:
        self.report = report
        super().__init__([fault for reject in report.rejects for fault in reject.faults])
        verb = "is" if report.rejected == 1 else "are"
        rows = "row" if report.rows == 1 else "rows"
        self.message = (
            f"{report.rejected:,} of {report.rows:,} {rows} {verb} refused; nothing was written."
        )


class BookNotFound(BookstoreError):
    """There is no such book."""

    code = "not_found"

    def __init__(self, message: str = "There is no such book.") -> None:
        super().__init__(message)


class IsbnTaken(BookstoreError):
    """Another book has this ISBN."""

    code = "conflict"

    def __init__(self, isbn: str | None = None) -> None:
        self.isbn = isbn
        self.field = "isbn"
        named = f"ISBN {isbn}" if isbn else "this ISBN"
        super().__init__(f"Another book has {named}.")


class BookInUse(BookstoreError):
    """A foreign key of the host's refers to the book, which therefore cannot be deleted."""

    code = "book_in_use"

    def __init__(self, message: str = "Other records refer to this book.") -> None:
        super().__init__(message)


class ShortLine(NamedTuple):
    """A book of which a change of several wants more copies than there are.

    ``pointer`` is the first line of the book, as a JSON pointer.
    """

    pointer: str
    id: UUID
    isbn: str
    available: int


class InsufficientStock(BookstoreError):
    """The change would take stock below 0; ``available`` copies are left.

    Of a change of several books ``lines`` names every one that is short, and ``available`` is that
    of the first.
    """

    code = "insufficient_stock"

    def __init__(self, available: int, lines: Sequence[ShortLine] = ()) -> None:
        self.available = available
        self.lines = tuple(lines)
        if len(lines) > 1:
            super().__init__(f"There are not enough copies of {len(lines)} books; see lines.")
            return
        of = f" of ISBN {lines[0].isbn}" if lines else ""
        copies = "copy" if available == 1 else "copies"
        super().__init__(f"{available} {copies}{of} {'is' if available == 1 else 'are'} left.")


class HoldNotFound(BookstoreError):
    """There is no such hold; of one that is over this is said a day after its end."""

    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such hold.")


class HoldOver(BookstoreError):
    """The hold has ended: it was committed, released, or has run out."""

    code = "hold_over"

    def __init__(self, how: str = "run out") -> None:
        self.how = how
        super().__init__(f"The hold is over: it {'has' if how == 'run out' else 'was'} {how}.")


class VersionMismatch(BookstoreError):
    """The book is not in a state that the caller asked for.

    ``current`` is its version now (`BookData.version`), `None` where there is no such book;
    ``available`` is what is available of it, where the entity tag has that.
    """

    code = "precondition_failed"

    def __init__(self, current: int | None, available: int | None = None) -> None:
        self.current = current
        self.available = available
        gone = current is None
        super().__init__("There is no such book." if gone else "The book is in another version.")


class Unavailable(BookstoreError):
    """The database does not answer now, or not in time; try again in ``retry_after`` seconds."""

    code = "unavailable"

    def __init__(
        self, message: str = "The database is not available.", retry_after: int = 2
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class IdempotencyInProgress(BookstoreError):
    """A request with the same idempotency key is being served at this moment."""

    code = "idempotency_in_progress"

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is being served; try again later.")


class IdempotencyKeyReused(BookstoreError):
    """The idempotency key belongs to another request: one with another body or, for a short key
    without authentication, from another address."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another request.")
