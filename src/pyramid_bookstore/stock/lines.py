"""The lines of a change of several books: each names a book by its id or ISBN, and a number."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple
from uuid import UUID

import colander

from pyramid_bookstore.catalogue.schema import is_id
from pyramid_bookstore.errors import Fault
from pyramid_bookstore.values.faults import add_fault, leaves, sentence
from pyramid_bookstore.values.types import REQUIRED, Integer, Isbn, Refused, StrictType, kind

#: Lines of one change.
MAX_LINES: Final = 500

_ISBN: Final = Isbn()


class Line(NamedTuple):
    """A book, by its id or its ISBN of 13 digits, or why there is no such book, and a number of
    copies; ``pointer`` is its place in the document."""

    book: UUID | str | Fault
    number: int
    pointer: str


class Lines(StrictType):
    """A list of 1 to `MAX_LINES` objects with ``isbn`` or ``id`` and a number, read as `Line`."""

    wanted = "a list"

    def __init__(self, name: str, number: Integer, description: str) -> None:
        """``name`` is that of the number."""
        self.name = name
        self.number = number
        self.description = description

    def deserialize(self, node: Any, cstruct: Any) -> Any:
        """All lines, or every fault of them. Lines whose books are all that is wrong are returned,
        to be named together with those of unknown books."""
        if cstruct is colander.null:
            return cstruct
        if not isinstance(cstruct, Sequence) or isinstance(cstruct, str | bytes):
            raise colander.Invalid(node, str(self.not_wanted(cstruct)))
        if not 1 <= len(cstruct) <= MAX_LINES:
            message = f"There must be 1 to {MAX_LINES} lines; these are {len(cstruct)}."
            raise colander.Invalid(node, message)
        error = colander.Invalid(node)
        lines = [self._line(error, number, line) for number, line in enumerate(cstruct)]
        no_books = [line for line in lines if line and isinstance(line.book, Fault)]
        if sum(1 for _ in leaves(error)) > len(no_books):
            raise error
        return lines

    def _line(self, error: colander.Invalid, at: int, line: Any) -> Line | None:
        """One line; adds its faults to ``error``."""
        place = (str(at),)
        if not isinstance(line, Mapping):
            add_fault(error, place, f"The line must be a JSON object, not {kind(line)}.")
            return None
        found: dict[str, Any] = {}
        for name, read in (("id", _read_id), ("isbn", _ISBN.read), (self.name, self.number.read)):
            if name in line:
                try:
                    found[name] = read(line[name])
                except Refused as refused:
                    message = sentence(refused)
                    add_fault(error, (*place, name), message)
                    found[name] = Fault(f"lines.{at}.{name}", f"/lines/{at}/{name}", message)
        for name in line.keys() - {"id", "isbn", self.name}:
            message = f"This is not a field of a line; there are id or isbn, and {self.name}."
            add_fault(error, (*place, str(name)), message)
        if self.name not in line:
            add_fault(error, (*place, self.name), REQUIRED)
        if ("id" in line) == ("isbn" in line):
            add_fault(error, place, "The line must name its book by either isbn or id.")
        return Line(found.get("id", found.get("isbn", "")), found.get(self.name, 0), f"/lines/{at}")


def _read_id(value: Any) -> UUID:
    with suppress(ValueError, TypeError, AttributeError):
        found = value if isinstance(value, UUID) else UUID(value)
        if is_id(value, found):
            return found
    raise Refused("There is no such book: this is not an id.")
