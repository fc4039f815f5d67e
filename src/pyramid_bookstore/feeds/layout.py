"""The columns of a feed: which cell holds which field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final, NoReturn

from pyramid_bookstore.catalogue.extra import NO_RULES, ExtraRules
from pyramid_bookstore.catalogue.schema import SET_BY_SERVER
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.staging import FEED_FIELDS, KEY
from pyramid_bookstore.values.types import REQUIRED

_NAMES = ", ".join(FEED_FIELDS)
#: Characters of a line that are shown in a message.
_SHOWN = 80

DELIMITERS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """How to read a feed.

    ``columns`` maps fields to other column names; ``fixed`` has the values, as CSV cells, of fields
    that the feed lacks. ``repair_isbn`` puts back the leading zeros that an ISBN lost, if its
    checksum is right then. ``ignore_unknown`` allows columns that are no field. ``rules`` are
    those for ``extra``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    repair_isbn: bool = False
    ignore_unknown: bool = False
    rules: ExtraRules = NO_RULES

    def check(self) -> None:
        """Raise `ValidationFailed` for names that are no field, or have column and fixed value."""
        for name in (*self.columns, *self.fixed):
            if name not in FEED_FIELDS:
                refuse(f"There is no field {name!r} to import; the fields are {_NAMES}.", name)
        for name in self.columns:
            if name in self.fixed:
                refuse(f"The field {name} has both a column and a fixed value.", name)

    def wanted(self) -> dict[str, str]:
        """The field of each column that the feed may have; names are as `normal` returns them."""
        return {
            normal(self.columns.get(name, name)): name
            for name in FEED_FIELDS
            if name not in self.fixed
        }


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields are in a row of cells.

    ``names`` are the columns. ``pick`` takes the cells of a row followed by ``tail``, and returns
    the cells of `FEED_FIELDS`, None for fields without a column. ``given`` are the fields with a
    column or a fixed value, ``ignored`` the columns that are no field.
    """

    names: tuple[str, ...]
    tail: tuple[str | None, ...]
    pick: Callable[[Sequence[str | None]], tuple[str | None, ...]]
    given: tuple[str, ...]
    ignored: tuple[str, ...]


def normal(name: str) -> str:
    """A column's name in the form in which names are compared."""
    return name.strip().casefold()


def delimiter_of(line: str, options: FeedOptions) -> str:
    """The delimiter by which this header has most known columns; raises `ValidationFailed`."""
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
    if options.columns:  # the user names columns: say which of them are missing
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
    while names and not names[-1]:  # spreadsheets write empty columns after the last one
        names.pop()
    wanted = options.wanted()
    places: dict[str, int] = {}
    ignored: list[str] = []
    faults: list[Fault] = []
    for index, name in enumerate(names):
        target = wanted.get(normal(name))
        if target in places:
            faults.append(Fault(target, "", f"The column {name!r} is there twice."))
        elif target is not None:
            places[target] = index
        elif not (options.ignore_unknown or normal(name) in options.fixed):
            faults.append(_unknown(name, index))
        elif name:
            ignored.append(name)
    faults += _missing(places, names, options)
    if faults:
        raise ValidationFailed(faults)
    # Places in the tail are counted from the end of cells and tail together.
    tail = (*options.fixed.values(), None)
    places |= {name: index - len(tail) for index, name in enumerate(options.fixed)}
    pick = itemgetter(*(places.get(name, -1) for name in FEED_FIELDS))
    given = tuple(name for name in FEED_FIELDS if name in places)
    return Layout(tuple(names), tail, pick, given, tuple(ignored))


def _unknown(name: str, index: int) -> Fault:
    if not name:
        return Fault("", "", f"Column {index + 1} has no name.")
    message = SET_BY_SERVER.get(
        normal(name), f"This is not a field of a book; the fields are {_NAMES}."
    )
    return Fault(name[:_SHOWN], "", message)


def _missing(places: Mapping[str, int], names: Sequence[str], options: FeedOptions) -> list[Fault]:
    columns = ", ".join(names)[: 4 * _SHOWN]
    faults = [
        Fault(name, "", f"The file has no column {column!r}; it has: {columns}.")
        for name, column in options.columns.items()
        if name not in places
    ]
    if KEY not in (*places, *options.fixed, *options.columns):
        faults.append(Fault(KEY, "", f"{REQUIRED} The file has no column of that name."))
    faults += [
        Fault(normal(name), "", f"The file has a column {name!r}, and a fixed value was set too.")
        for name in names
        if normal(name) in options.fixed
    ]
    return faults
