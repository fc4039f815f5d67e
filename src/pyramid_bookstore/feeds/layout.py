"""What a feed's columns mean: which cell holds which field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final, NoReturn

import colander

from pyramid_bookstore.catalogue.schema import SET_BY_SERVER
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.staging import FIELDS, KEY
from pyramid_bookstore.values.types import REQUIRED

_NAMES = ", ".join(FIELDS)
#: Characters of a line that are shown to the one who sent it.
_SHOWN = 80

DELIMITERS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What whoever imports says about the feed, beside the feed itself.

    ``columns`` names the column of a field that has another name there; ``fixed`` gives a value,
    as a CSV cell would hold it, to a field that the feed lacks; with ``repair_isbn`` zeros that an
    ISBN lost at its front are put back where the checksum then holds; with ``pass_over`` columns
    that no field wants are no fault; ``extra_schema`` is the host's.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    repair_isbn: bool = False
    pass_over: bool = False
    extra_schema: colander.SchemaNode | None = None

    def check(self) -> None:
        """Refuse names that are no fields, with one fault each."""
        for name in (*self.columns, *self.fixed):
            if name not in FIELDS:
                refuse(f"There is no field {name!r} to import; the fields are {_NAMES}.", name)
        for name in self.columns:
            if name in self.fixed:
                refuse(f"The field {name} has both a column and a fixed value.", name)

    def wanted(self) -> dict[str, str]:
        """Column name, as `normal` makes it, to field, for every field the feed may hold."""
        return {
            normal(self.columns.get(name, name)): name for name in FIELDS if name not in self.fixed
        }


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields are in a row of cells.

    ``pick`` takes a row, with ``tail`` put after its cells, and gives the cells of `FIELDS`,
    None for a field that is not there; ``given`` are the fields that are; ``passed_over`` the
    columns that no field wants.
    """

    names: tuple[str, ...]
    tail: tuple[str | None, ...]
    pick: Callable[[Sequence[str | None]], tuple[str | None, ...]]
    given: tuple[str, ...]
    passed_over: tuple[str, ...]

    @property
    def width(self) -> int:
        """Cells of a whole row."""
        return len(self.names)


def normal(name: str) -> str:
    """A column's name as it is compared."""
    return name.strip().casefold()


def delimiter_of(line: str, options: FeedOptions) -> str:
    """The delimiter of a file with this header: the one that shows most of the wanted columns."""
    wanted = options.wanted()

    def known(delimiter: str) -> int:
        return sum(normal(name.strip().strip('"')) in wanted for name in line.split(delimiter))

    best = max(DELIMITERS, key=known)
    if not known(best):
        _refuse_header(line, options)
    return best


def _refuse_header(line: str, options: FeedOptions) -> NoReturn:
    shown = line.strip()[:_SHOWN]
    if line.lstrip().startswith("<"):
        refuse("The file is XML or HTML, not CSV.")
    if line.lstrip().startswith(("{", "[")):
        refuse(
            "The file is JSON, not CSV; one object a line is NDJSON: --format ndjson on the command"
            " line, application/x-ndjson over HTTP."
        )
    if options.columns:  # somebody knows the header, or believes to
        delimiter = max(DELIMITERS, key=line.count)
        names = [name.strip().strip('"') for name in line.split(delimiter)]
        raise ValidationFailed(_missing({}, [name for name in names if name], options))
    refuse(
        f"The first line must name the columns ({_NAMES}), separated by commas, semicolons or"
        f" tabs; it reads: {shown}"
    )


def layout_of(header: Sequence[str], options: FeedOptions) -> Layout:
    """The layout of a file with this header; raises `ValidationFailed` with every fault of it."""
    names = [name.strip() for name in header]
    while names and not names[-1]:  # spreadsheets write columns that were once used
        names.pop()
    wanted = options.wanted()
    found: dict[str, int] = {}
    passed_over: list[str] = []
    faults: list[Fault] = []
    for index, name in enumerate(names):
        target = wanted.get(normal(name))
        if target in found:
            faults.append(Fault(target, "", f"The column {name!r} is there twice."))
        elif target is not None:
            found[target] = index
        elif not options.pass_over:
            faults.append(_unknown(name, index, options))
        elif name:
            passed_over.append(name)
    faults += _missing(found, names, options)
    if faults:
        raise ValidationFailed(faults)
    # Counted from the end, for the tail comes after however many cells.
    tail = (*options.fixed.values(), None)
    places = {name: index - len(tail) for index, name in enumerate(options.fixed)}
    pick = itemgetter(*(found.get(name, places.get(name, -1)) for name in FIELDS))
    given = tuple(name for name in FIELDS if name in found or name in places)
    return Layout(tuple(names), tail, pick, given, tuple(passed_over))


def _unknown(name: str, index: int, options: FeedOptions) -> Fault:
    if not name:
        return Fault("", "", f"Column {index + 1} has no name.")
    field = normal(name)
    if field in options.fixed:
        return Fault(field, "", f"The file has a column {name!r}, and a fixed value was set too.")
    message = SET_BY_SERVER.get(field, f"This is not a field of a book; the fields are {_NAMES}.")
    return Fault(name[:_SHOWN], "", message)


def _missing(found: Mapping[str, Any], names: Sequence[str], options: FeedOptions) -> list[Fault]:
    there = ", ".join(names)[: 4 * _SHOWN]
    faults = [
        Fault(name, "", f"The file has no column {column!r}; it has: {there}.")
        for name, column in options.columns.items()
        if name not in found
    ]
    if KEY not in (*found, *options.fixed, *options.columns):
        faults.append(Fault(KEY, "", f"{REQUIRED} The file has no column of that name."))
    clashes = [name for name in names if options.pass_over and normal(name) in options.fixed]
    faults += [
        Fault(normal(name), "", f"The file has a column {name!r}, and a fixed value was set too.")
        for name in clashes
    ]
    return faults
