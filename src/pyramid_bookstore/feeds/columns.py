"""Declared fields as columns: cells become members of `extra`, and members become cells."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import colander

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import AVAILABLE
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.kinds import NumberKind, TextKind
from pyramid_bookstore.db.query import Row
from pyramid_bookstore.errors import Fault
from pyramid_bookstore.feeds.cells import fault, opened
from pyramid_bookstore.feeds.formulas import check_error, escape_formula, unescape_formula
from pyramid_bookstore.feeds.prices import read_number
from pyramid_bookstore.feeds.staging import FEED_FIELDS
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.faults import leaves, pointer, sentence
from pyramid_bookstore.values.text import is_blank, visible
from pyramid_bookstore.values.types import Integer

#: Cells whose values are kept: a catalogue names each publisher many times.
_CACHE_SIZE: Final = 20_000
#: Their characters; longer ones are each book's own, and would take the memory of a whole file.
_CACHED: Final = 200

EXTRA: Final = "extra"

#: What a row says about members of `extra`: their values, None for those that it takes away.
Patch = Mapping[str, Any]


def fields_with(columns: Collection[str]) -> list[str]:
    """The fields of a book that a feed with these columns has."""
    members = not {*columns} <= {*FEED_FIELDS}
    return [name for name in FEED_FIELDS if name in columns or (members and name == EXTRA)]


class Members:
    """Reads what a row has of declared fields outside of `extra`."""

    def __init__(self, declared: Declared, decimal: str | None = None) -> None:
        """``decimal`` is the decimal sign of numbers, ``comma`` or ``point``."""
        self._fields = declared.fields
        self._decimal = decimal
        self._cell = lru_cache(_CACHE_SIZE)(self._read_cell)

    def of_cells(self, cells: Iterable[tuple[str, str]]) -> tuple[Patch, list[Fault]]:
        """What cells say, each with its field's name; an empty one takes the member away."""
        patch: dict[str, Any] = {}
        faults: list[Fault] = []
        for name, cell in cells:
            patch[name], found = self._of_cell(name, cell)
            faults += found
        return patch, faults

    def of_document(self, document: dict[str, Any]) -> tuple[Patch, list[Fault]]:
        """Take the declared fields out of a line of NDJSON; null takes the member away."""
        patch: dict[str, Any] = {}
        faults: list[Fault] = []
        for name in [each for each in self._fields if each in document]:
            value = document.pop(name)
            if isinstance(self._fields[name].type, TextKind):  # a text is what it says
                blank = isinstance(value, str) and is_blank(value)
                patch[name], found = self._read(name, None if blank else value)
            elif isinstance(value, str):  # as other programs write numbers
                patch[name], found = self._of_cell(name, value)
            else:
                patch[name], found = self._read(name, value)
            faults += found
        return patch, faults

    def _of_cell(self, name: str, cell: str) -> tuple[Any, list[Fault]]:
        return self._cell(name, cell) if len(cell) <= _CACHED else self._read_cell(name, cell)

    def _read_cell(self, name: str, cell: str) -> tuple[Any, list[Fault]]:
        cell = visible(cell, lines=True)
        try:
            check_error(cell)
            text = opened(cell)
            text = unescape_formula(cell) if text is cell else text
            return self._read(name, None if is_blank(text) else self._value(name, text))
        except ValueError as error:
            return None, [fault(name, str(error))]

    def _value(self, name: str, text: str) -> Any:
        kind = self._fields[name].type
        value = kind.from_cell(text)
        if isinstance(kind, NumberKind) and (self._decimal or isinstance(value, str)):
            return read_number(text.strip().lstrip("'"), self._decimal)
        return value

    def _read(self, name: str, value: Any) -> tuple[Any, list[Fault]]:
        if value is None or value == []:
            return None, []
        try:
            return self._fields[name].deserialize(value), []
        except colander.Invalid as invalid:
            return None, [
                Fault(".".join((name, *path)), pointer((name, *path)), sentence(message))
                for path, leaf in leaves(invalid)
                for message in leaf.messages()
            ]


def with_members(extra: Mapping[str, Any], patch: Patch) -> dict[str, Any]:
    """``extra`` after a patch."""
    both = {**extra, **patch}
    return {name: value for name, value in both.items() if value is not None or name not in patch}


class Columns:
    """The columns of an export: the fields, and behind them the declared ones.

    Where there are declared fields, the column of `extra` has the other members, and a value that
    an import would not read back from a cell.
    """

    def __init__(self, declared: Declared, *, holds: bool = False) -> None:
        """With ``holds`` a row ends with what is available, and so do the columns."""
        self.names: Sequence[str] = (*FEED_FIELDS, *declared.fields, *([AVAILABLE] * holds))
        self.kinds = [type(field.type) for field in declared.fields.values()]
        self.kinds += [Integer] * holds
        self._holds = holds
        self._declared = declared
        self._members = Members(declared)
        self._cell = lru_cache(_CACHE_SIZE)(self._cell_of)

    def of(self, row: Row) -> tuple[Sequence[Any], Sequence[str]]:
        """The values of a book's fields, and the cells of the declared ones."""
        values, cells = self._fields(row)
        return values, ((*cells, str(row[-1])) if self._holds else cells)

    def _fields(self, row: Row) -> tuple[Sequence[Any], Sequence[str]]:
        values = PICK(row)
        if not self._declared:
            return values, ()
        extra = jsontext.loads(bytes(values[_EXTRA]))
        cells = [""] * len(self._declared.fields)
        for place, name in enumerate(self._declared.fields):
            if name in extra:
                document = jsontext.dumps(extra[name])
                read = self._cell if len(document) <= _CACHED else self._cell_of
                cell = read(name, document)
                if cell is not None:
                    cells[place] = cell
                    del extra[name]
        return (*values[:_EXTRA], jsontext.dumps(extra), *values[_EXTRA + 1 :]), cells

    def _cell_of(self, name: str, document: bytes) -> str | None:
        """The cell for a member, or None if it would not come back from there."""
        field, value = self._declared.fields[name], jsontext.loads(document)
        try:
            cell = field.type.to_cell(field.deserialize(value))
        except colander.Invalid:  # from before the declaration
            return None
        if field.type.of_text:  # of the others, none is a formula
            cell = escape_formula(cell)
        [(_, found)] = self._members.of_cells([(name, cell)])[0].items()
        return cell if found is not None and jsontext.dumps(found) == document else None


#: The values of the exported fields from a row of `statements.COLUMNS`.
PICK: Final = itemgetter(*map(list(FIELDS).index, FEED_FIELDS))
_EXTRA: Final = next(
    place for place, name in enumerate(FEED_FIELDS) if type(FIELDS[name].type) is Extra
)
