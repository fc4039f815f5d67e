"""The columns of a feed: which cell holds which field. What the cells come from matters not."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NoReturn

from pyramid_bookstore.catalogue.fields import READ_ONLY
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.headers import field_of, proposals
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.options import DELIMITERS, OF_REJECTS, FeedOptions, names_of, normal
from pyramid_bookstore.feeds.staging import KEY
from pyramid_bookstore.values.text import trimmed, visible
from pyramid_bookstore.values.types import REQUIRED

#: Characters of a line that are shown in a message.
_SHOWN = 80

#: The column of the rejects of NDJSON that holds the line.
DOCUMENT: Final = "row"

#: A cell without a value, guards of text aside.
_EMPTY = re.compile(r"""=?\s*"*|'|\[\s*\]""")

_Cells = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields are in a row of cells.

    ``names`` are the columns. ``pick`` takes the cells of a row followed by ``tail``, and returns
    the cells of the options' fields, None for fields without a column. ``given`` are the fields
    with a column or a fixed value, ``ignored`` the columns that are no field, and ``hint`` a
    sentence on what these may be. ``document`` is the place of the column that holds a line of
    NDJSON, in the rejects of such a feed. ``with_id``: behind all cells is that of the book's id.
    """

    names: tuple[str, ...]
    tail: tuple[str | None, ...]
    pick: Callable[[Sequence[str | None]], _Cells]
    given: tuple[str, ...]
    ignored: tuple[str, ...]
    hint: str = ""
    wanted: frozenset[str] = frozenset()
    document: int | None = None
    with_id: bool = False

    def is_header(self, line: int, cells: Sequence[str]) -> bool:
        """Whether a row is the header once more; raises `ValidationFailed` for another header."""
        names = [normal(cell) for cell in cells]
        while names and not names[-1]:
            names.pop()
        if names == [normal(name) for name in self.names]:
            return True
        known = [name for name in names if name in self.wanted]
        if KEY in known and len(known) > 1 and len(set(known)) == len(known):
            refuse(
                f"Line {line} is a header with other columns than the first: {_list(cells)}. Files"
                " that were joined are imported one by one."
            )
        return False


def delimiter_of(line: str, options: FeedOptions) -> str:
    """The delimiter by which this header has most known columns; raises `ValidationFailed`."""
    wanted = {name for names in options.candidates().values() for name in names}
    wanted |= {*options.fixed, DOCUMENT}

    def known(delimiter: str) -> tuple[int, int]:
        names = [normal(name.strip().strip('"')) for name in line.split(delimiter)]
        usual = sum(name in wanted or field_of(name) is not None for name in names)
        return sum(name in wanted for name in names), usual

    best = max(DELIMITERS.values(), key=known)
    if not any(known(best)):
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
    if line.startswith("/type/") and line.count("\t") == 4:
        refuse(
            "The file is a dump of Open Library: its lines hold JSON behind four other columns. Cut"
            " these off (cut -f5) and import the rest as NDJSON."
        )
    if options.columns:  # the user names columns: say which of them are missing
        delimiter = max(DELIMITERS.values(), key=line.count)
        names = [name.strip().strip('"') for name in line.split(delimiter)]
        raise ValidationFailed(_missing({}, [name for name in names if name], options))
    refuse(
        f"The first line must name the columns ({', '.join(options.fields)}), separated by commas,"
        " semicolons, tabs or pipes; another character is said by the option delimiter, a name by"
        f" the option column: --column isbn=NAME (over HTTP column=isbn=NAME). It reads: {shown}"
    )


def layout_of(header: Sequence[str], options: FeedOptions) -> Layout:
    """The layout of a feed with this header; raises `ValidationFailed` with every fault of it."""
    names = [name.strip() for name in header]
    while names and not names[-1]:  # spreadsheets write empty columns after the last one
        names.pop()
    normals = [normal(name) for name in names]
    if DOCUMENT in normals and set(normals) <= {DOCUMENT, *OF_REJECTS}:
        return _of_documents(names, normals)
    candidates = options.candidates()
    wanted = {name for columns in candidates.values() for name in columns}
    places: dict[str, list[int]] = {}
    faults: list[Fault] = []
    for target, columns in candidates.items():
        found = [(name, at) for name in columns for at, each in enumerate(normals) if each == name]
        if len({name for name, _ in found}) < len(found):
            column = next(names[at] for name, at in found if normals.count(name) > 1)
            faults.append(Fault(target, "", f"The column {column!r} is there twice."))
        if found:
            places[target] = [at for _, at in found]
    unknown = [
        (index, name)
        for index, name in enumerate(names)
        if normals[index] not in wanted
        and normals[index] not in OF_REJECTS
        # Of another program's file, the id is not ours.
        and (options.ignore_unknown or normals[index] not in READ_ONLY)
    ]
    ignored = tuple(name for _, name in unknown if name)
    if not options.ignore_unknown:
        faults += [
            _unknown(name, index, options)
            for index, name in unknown
            if normals[index] not in options.fixed
        ]
    faults += _missing(places, names, options)
    if faults:
        raise ValidationFailed(faults)
    # Places in the tail are counted from the end of cells and tail together.
    tail = (*options.fixed.values(), None)
    places |= {name: [index - len(tail)] for index, name in enumerate(options.fixed)}
    given = tuple(name for name in options.fields if name in places)
    with_id = "id" in normals and not ({"id"} & wanted or options.ignore_unknown)
    ids = [[normals.index("id")]] if with_id else []
    pick = _picker([*(places.get(name, [-1]) for name in options.fields), *ids])
    # Not of fields that the file has already.
    hint = proposals([name for name in ignored if field_of(name) not in places], options)
    wanted_names = frozenset(wanted)
    return Layout(tuple(names), tail, pick, given, ignored, hint, wanted_names, with_id=with_id)


def _of_documents(names: Sequence[str], normals: Sequence[str]) -> Layout:
    return Layout(tuple(names), (), tuple, (), (), document=normals.index(DOCUMENT))


def _picker(places: Sequence[Sequence[int]]) -> Callable[[Sequence[str | None]], _Cells]:
    """A function that takes the cells at these places, of several the first that is filled."""
    if all(len(each) == 1 for each in places):
        return itemgetter(*(each[0] for each in places))
    return lambda cells: tuple(first_filled([cells[at] for at in each]) for each in places)


def first_filled(cells: Sequence[str | None]) -> str | None:
    """The first cell that has a value, or else the first."""
    return next(
        (cell for cell in cells if cell and not _EMPTY.fullmatch(trimmed(visible(cell)))), cells[0]
    )


def _unknown(name: str, index: int, options: FeedOptions) -> Fault:
    if not name:
        return Fault("", "", f"Column {index + 1} has no name.")
    known = ", ".join(options.fields)
    message = f"This is not a field of a book; the fields are {known}."
    message += proposals([name], options)
    return Fault(name[:_SHOWN], "", message)


def _missing(
    places: Mapping[str, object], names: Sequence[str], options: FeedOptions
) -> list[Fault]:
    listed = _list(names)
    faults = [
        Fault(name, "", f"The file has no column {' or '.join(map(repr, names_of(column)))};"
              f" it has: {listed}.")
        for name, column in options.columns.items()
        if name not in places and (name not in options.optional or name == KEY)
    ]  # fmt: skip
    if KEY not in (*places, *options.fixed, *options.columns):
        hint = proposals(names, options) or (
            f" Say which one it is: --column {KEY}=NAME (over HTTP column={KEY}=NAME)."
        )
        message = f"{REQUIRED} The file has no column of that name; it has: {listed}.{hint}"
        faults.append(Fault(KEY, "", message))
    faults += [
        Fault(normal(name), "", f"The file has a column {name!r}, and a fixed value was set too.")
        for name in names
        if normal(name) in options.fixed
    ]
    return faults


def _list(names: Sequence[str]) -> str:
    text = ", ".join(names)
    return text if len(text) <= 4 * _SHOWN else f"{text[: 4 * _SHOWN]} …"
