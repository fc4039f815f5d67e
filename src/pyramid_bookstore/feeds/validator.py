"""Validation of one row of a feed: it becomes a row of the staging table, or a list of faults.

Common values take the `fast_path`. All other rows go through the schema of the book, which gives
the same result and has the messages for what is wrong.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from pyramid_bookstore.catalogue.extra import MAX_BYTES, TOO_LARGE, ExtraRules
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.schema import (
    OTHER_ID,
    is_id,
    validate_book,
    validate_changes,
    without_read_only,
)
from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.cells import fault, values_of
from pyramid_bookstore.feeds.columns import Members, Patch, with_members
from pyramid_bookstore.feeds.fast_path import NeedsSchema, fast_reader
from pyramid_bookstore.feeds.options import FeedOptions
from pyramid_bookstore.feeds.staging import (
    DERIVED_FIELDS,
    EXTRA_AT,
    FEED_FIELDS,
    ID_AT,
    KEY,
    KEYS_AT,
    NULLABLE_FIELDS,
    PATCH_AT,
    REQUIRED_FIELDS,
    extra_keys,
    row_of,
)
from pyramid_bookstore.values import isbn as isbns
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.text import trimmed, visible
from pyramid_bookstore.values.types import REQUIRED

#: Size of the cache of derived texts: a catalogue names each author many times.
_CACHE_SIZE: Final = 20_000

#: A row of `staging.ROW`, or the faults.
Result = tuple[Any, ...] | list[Fault]

_PRICE, _STOCK = map(FEED_FIELDS.index, ("price", "stock"))
_texts = itemgetter(*map(FEED_FIELDS.index, DERIVED_FIELDS))


class RowValidator:
    """Validates rows by the rules of the book and the host's schema for ``extra``.

    Raises `ValidationFailed` for fixed values that are not valid.
    """

    def __init__(self, options: FeedOptions) -> None:
        self._options = options
        self._rules = options.rules
        self.declared = self._rules.declared
        self._members = Members(self.declared, options.decimal)
        self._fixed, self._fixed_members = _fixed_values(options, self._members)
        readers = {name: fast_reader(FIELDS[name], self._rules) for name in FEED_FIELDS}
        self._derive = [lru_cache(_CACHE_SIZE)(_derive(name)) for name in DERIVED_FIELDS]
        self._cell_readers = [reader.cell for reader in readers.values()]
        if options.decimal == "comma":
            self._cell_readers[_PRICE] = _without_point(readers["price"].cell)
        self._value_readers = [(name, reader.value) for name, reader in readers.items()]
        self.default_extra, self.faults_without_extra = _without_extra(self._rules)

    def cell_validator(
        self, given: Collection[str], *, with_id: bool = False
    ) -> Callable[[Sequence[str | None]], Result]:
        """A function that validates the cells of the options' fields; the file has those ``given``.

        The cells of all other fields are `None`. Behind them is that of the book's id, ``with_id``.
        """
        validate = self._cell_validator(given)
        if not with_id:
            return validate
        return lambda cells: _with_id(validate(cells[:-1]), trimmed(visible(cells[-1] or "")))

    def _cell_validator(self, given: Collection[str]) -> Callable[[Sequence[str | None]], Result]:
        own, count = self._own_cells_validator(given), len(FEED_FIELDS)
        names = self._options.fields[count:]
        places = [(name, place) for place, name in enumerate(names, count) if name in given]

        def validate(cells: Sequence[str | None]) -> Result:
            members = ((name, cells[place] or "") for name, place in places)
            return self._joined(own(cells[:count]), *self._members.of_cells(members))

        if places:
            return validate
        return (lambda cells: own(cells[:count])) if names else own

    def _own_cells_validator(
        self, given: Collection[str]
    ) -> Callable[[Sequence[str | None]], Result]:
        readers, row = self._cell_readers, self._row
        flags = [name in given for name in NULLABLE_FIELDS]

        def validate(cells: Sequence[str | None]) -> Result:
            try:
                values = [
                    None if cell is None else read(cell)
                    for read, cell in zip(readers, cells, strict=True)
                ]
                return row(values, flags)
            except NeedsSchema:
                return self.apply_schema_to_cells(cells)

        return validate

    def validate_document(self, value: Any) -> Result:
        """Validate the JSON value of a line of NDJSON."""
        value, ids = without_read_only(value)
        if ids:
            return _with_id(self.validate_document(value), ids[0] or None)
        if not isinstance(value, dict):
            return self.apply_schema(value)
        if self.declared and not (value.keys() | self._fixed_members.keys()) <= _FIELD_SET:
            patch, faults = self._members.of_document(value)
            return self._joined(self._own_document(value), {**patch, **self._fixed_members}, faults)
        return self._own_document(value)

    def _own_document(self, value: dict[str, Any]) -> Result:
        if self._fixed:
            value = value | self._fixed
        if KEY in value and value.keys() <= _FIELD_SET:
            try:
                values = [
                    read(value[name]) if name in value else None
                    for name, read in self._value_readers
                ]
                return self._row(values, [name in value for name in NULLABLE_FIELDS])
            except NeedsSchema:
                pass
        return self.apply_schema(value)

    def apply_schema_to_cells(self, cells: Sequence[str | None]) -> Result:
        """Validate the cells of `FEED_FIELDS` by the schema."""
        faults: list[Fault] = []
        texts = {
            name: cell for name, cell in zip(FEED_FIELDS, cells, strict=True) if cell is not None
        }
        return self.apply_schema(values_of(texts, faults, self._options.decimal), faults)

    def apply_schema(self, value: Any, cell_faults: Iterable[Fault] = ()) -> Result:
        """Validate a JSON value by the schema; ``cell_faults`` are added to what it finds."""
        if not isinstance(value, dict):
            return [Fault("", "", "The line must hold a JSON object.")]
        faults = list(cell_faults)
        fields: dict[str, Any] = {}
        try:
            fields = validate_changes(self._repaired(value), rules=self._rules)
        except ValidationFailed as error:
            faults += (self._with_repair(each, value) for each in error.faults)
        if KEY not in value and not any(each.field == KEY for each in faults):
            faults.append(fault(KEY, REQUIRED))
        return sorted(faults, key=_position) if faults else row_of(fields, self.declared)

    def _repaired(self, value: dict[str, Any]) -> dict[str, Any]:
        isbn = value.get(KEY)
        if not self._options.repair_isbn or not isinstance(isbn, str):
            return value
        repaired = isbns.repair(isbn)
        return value if repaired is None else {**value, KEY: repaired}

    def _with_repair(self, found: Fault, value: dict[str, Any]) -> Fault:
        """The fault; of an ISBN that `repair_isbn` would repair, it says so."""
        isbn = value.get(KEY)
        if found.field != KEY or self._options.repair_isbn or not isinstance(isbn, str):
            return found
        if isbns.repair(isbn) is None:
            return found
        lost = "If it lost its leading zeros, say --repair-isbn (over HTTP repair_isbn=true)."
        return fault(KEY, f"{found.message} {lost}")

    def _row(self, values: list[Any], given: Sequence[bool]) -> tuple[Any, ...]:
        """The row of values from the fast path; raises `NeedsSchema` for no ISBN, or free stock."""
        if values[0] is None or (values[_PRICE] == "0.00" and values[_STOCK]):
            raise NeedsSchema
        derived = [derive(text) for derive, text in zip(self._derive, _texts(values), strict=True)]
        keys = extra_keys(self.declared, values[EXTRA_AT])
        return (*values, *given, *derived, *keys, None, None)

    def _joined(self, row: Result, patch: Patch, faults: list[Fault]) -> Result:
        """The row with members of `extra` that are not in its `extra`."""
        if isinstance(row, list) or faults:
            return [*(row if isinstance(row, list) else ()), *faults]
        given = row[EXTRA_AT]
        extra = jsontext.loads((given or self.default_extra).encode())
        if given:  # it is whole: an empty cell takes nothing away
            patch = {name: value for name, value in patch.items() if value is not None}
        text = jsontext.dumps(with_members(extra, patch)).decode()
        if len(text.encode()) > MAX_BYTES:
            return [fault("extra", TOO_LARGE)]
        joined = list(row)
        joined[EXTRA_AT] = text
        joined[KEYS_AT] = extra_keys(self.declared, text)
        joined[PATCH_AT] = "" if given else jsontext.dumps(patch).decode()
        return tuple(joined)


def _with_id(row: Result, given: Any) -> Result:
    """The row with the id that it gives, ``""`` for none; the importer looks whose it is."""
    if given == "":
        return row
    digits = _digits(given)
    faults = row if isinstance(row, list) else []
    if digits is None:
        return [OTHER_ID, *faults]
    return faults or (*row[:ID_AT], digits)


def _digits(book_id: Any) -> str | None:
    """The digits of an id; `None` for what no book has as its id."""
    try:
        found = UUID(book_id)
    except (AttributeError, TypeError, ValueError):
        return None
    return found.hex if is_id(book_id, found) else None


def _without_point(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """The reader of prices, where a point is no decimal sign."""

    def cell(text: str) -> Any:
        if "." in text:
            raise NeedsSchema
        return read(text)

    return cell


def _derive(name: str) -> Callable[[str | None], str | None]:
    """What makes the text to search and sort by; `None` for a field that is left out."""
    derive = FIELDS[name].derive
    assert derive, name
    return lambda text: None if text is None else derive(text)


_FIELD_SET = frozenset(FEED_FIELDS)


def _without_extra(rules: ExtraRules) -> tuple[str, list[Fault]]:
    """The JSON text of ``extra`` for new books without one; and the faults if it is required."""
    book = {name: FIELDS[name].example for name in (KEY, *REQUIRED_FIELDS)}
    book["price"] = 1  # the example is a float
    try:
        extra = validate_book(book, rules=rules)["extra"]
    except ValidationFailed as error:
        return "{}", list(error.faults)
    return jsontext.dumps(extra).decode(), []


def _position(fault: Fault) -> int:
    """The sort key of a fault: the faults of a row are in the order of the fields."""
    field = fault.field.partition(".")[0]
    return FEED_FIELDS.index(field) if field in _FIELD_SET else len(FEED_FIELDS)


def _fixed_values(options: FeedOptions, members: Members) -> tuple[dict[str, Any], Patch]:
    """The fixed values as JSON values, and those of declared fields; raises `ValidationFailed`."""
    own = {name: cell for name, cell in options.fixed.items() if name in _FIELD_SET}
    patch, faults = members.of_cells(
        (name, cell) for name, cell in options.fixed.items() if name not in own
    )
    values = values_of(own, faults, options.decimal)
    try:
        validate_changes(values, rules=options.rules)
    except ValidationFailed as error:
        faults += error.faults
    if faults:
        raise ValidationFailed(faults)
    return values, patch
