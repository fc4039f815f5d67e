"""From a row as it came to a row of the table, or to what is wrong with it.

There are two ways, and both come to the same: rows without any peculiarity are taken by `plain`;
all others go through the schema, which also finds the words for what is wrong.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

from pyramid_bookstore.catalogue.fields import FIELDS as ALL_FIELDS
from pyramid_bookstore.catalogue.schema import validate_book, validate_changes
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.cells import fault, values_of
from pyramid_bookstore.feeds.layout import FeedOptions
from pyramid_bookstore.feeds.plain import NotPlain, plain
from pyramid_bookstore.feeds.staging import FIELDS, KEY, NULLABLE, SEARCHED, row_of
from pyramid_bookstore.feeds.staging import REQUIRED as REQUIRED_FIELDS
from pyramid_bookstore.search.folding import folded
from pyramid_bookstore.values import isbn as isbns
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import REQUIRED

#: Folded texts that are remembered: a catalogue names each author many times.
_REMEMBERED: Final = 20_000

#: A row of `staging.ROW`, or what is wrong.
Verdict = tuple[Any, ...] | list[Fault]

_PRICE, _STOCK = FIELDS.index("price"), FIELDS.index("stock")
_searched = itemgetter(*map(FIELDS.index, SEARCHED))


class Judge:
    """Checks rows by the rules of the book and the host's schema for ``extra``."""

    def __init__(self, options: FeedOptions) -> None:
        self._options = options
        self._schema = options.extra_schema
        self._fixed = _fixed_values(options)
        readers = [plain(ALL_FIELDS[name], self._schema) for name in FIELDS]
        self._key = lru_cache(_REMEMBERED)(_key)
        self._cell_readers = [reader.cell for reader in readers]
        self._value_readers = [
            (name, reader.value) for name, reader in zip(FIELDS, readers, strict=True)
        ]
        self.default_extra, self.faults_without_extra = _without_extra(self._schema)

    def cells(self, given: Collection[str]) -> Callable[[Sequence[str | None]], Verdict]:
        """What gives the verdict on the cells of `FIELDS`, of a file that has these columns; the
        others are None."""
        readers, row = self._cell_readers, self._row
        flags = [name in given for name in NULLABLE]

        def judge(cells: Sequence[str | None]) -> Verdict:
            try:
                values = [
                    None if cell is None else read(cell)
                    for read, cell in zip(readers, cells, strict=True)
                ]
                return row(values, flags)
            except NotPlain:
                return self.examine_cells(cells)

        return judge

    def document(self, value: Any) -> Verdict:
        """The verdict on the value of a line of NDJSON."""
        if not isinstance(value, dict):
            return self.examine(value)
        if self._fixed:
            value = value | self._fixed
        if KEY in value and value.keys() <= _FIELD_SET:
            try:
                values = [
                    read(value[name]) if name in value else None
                    for name, read in self._value_readers
                ]
                return self._row(values, [name in value for name in NULLABLE])
            except NotPlain:
                pass
        return self.examine(value)

    def examine_cells(self, cells: Sequence[str | None]) -> Verdict:
        """The verdict of the schema on the cells of `FIELDS`."""
        faults: list[Fault] = []
        given = {name: cell for name, cell in zip(FIELDS, cells, strict=True) if cell is not None}
        return self.examine(values_of(given, faults), faults)

    def examine(self, value: Any, faults: Iterable[Fault] = ()) -> Verdict:
        """The verdict of the schema on a document; ``faults`` are those found already."""
        if not isinstance(value, dict):
            return [Fault("", "", "The line must hold a JSON object.")]
        found = list(faults)
        fields: dict[str, Any] = {}
        try:
            fields = validate_changes(self._repaired(value), extra_schema=self._schema)
        except ValidationFailed as refused:
            found += refused.faults
        if KEY not in value and not any(fault.field == KEY for fault in found):
            found.append(fault(KEY, REQUIRED))
        if found:
            return sorted(found, key=_place)
        return row_of(fields)

    def _repaired(self, value: dict[str, Any]) -> dict[str, Any]:
        isbn = value.get(KEY)
        if not self._options.repair_isbn or not isinstance(isbn, str):
            return value
        repaired = isbns.repair(isbn)
        return value if repaired is None else {**value, KEY: repaired}

    def _row(self, values: list[Any], given: Sequence[bool]) -> tuple[Any, ...]:
        """The row of plain values; raises `NotPlain` where they do not go together."""
        if values[0] is None or (values[_PRICE] == "0.00" and values[_STOCK]):
            raise NotPlain
        return (*values, *given, *map(self._key, _searched(values)))


def _key(text: str | None) -> str | None:
    return None if text is None else folded(text)


_FIELD_SET = frozenset(FIELDS)


def _without_extra(schema: Any) -> tuple[str, list[Fault]]:
    """The JSON text of ``extra`` for new books whose row has none, or why there must be one."""
    book = {name: ALL_FIELDS[name].example for name in (KEY, *REQUIRED_FIELDS)}
    book["price"] = 1  # an example's is a float
    try:
        extra = validate_book(book, extra_schema=schema)["extra"]
    except ValidationFailed as refused:
        return "{}", list(refused.faults)
    return jsontext.dumps(extra).decode(), []


def _place(fault: Fault) -> int:
    """Where a fault comes among those of one row: in the order of the fields."""
    field = fault.field.partition(".")[0]
    return FIELDS.index(field) if field in _FIELD_SET else len(FIELDS)


def _fixed_values(options: FeedOptions) -> dict[str, Any]:
    """The fixed values as a client would send them in JSON; raises `ValidationFailed`."""
    faults: list[Fault] = []
    values = values_of(options.fixed, faults)
    try:
        validate_changes(values, extra_schema=options.extra_schema)
    except ValidationFailed as refused:
        faults += refused.faults
    if faults:
        raise ValidationFailed(faults)
    return values
