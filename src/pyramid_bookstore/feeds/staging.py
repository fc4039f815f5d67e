"""The layout of validated rows in the spool and in the temporary table.

It follows from the declaration of the fields: the value of each field, `None` if the feed leaves it
out; for fields that can be null, whether the feed has it; the derived texts to search and sort by.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table, Text
from sqlalchemy.types import Uuid

from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared, Keys
from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS, WRITABLE
from pyramid_bookstore.catalogue.models import BOOKS, columns_of
from pyramid_bookstore.db.types import Money
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.types import Integer as IntegerType
from pyramid_bookstore.values.types import Price

#: The field that identifies the book of a row.
KEY: Final = "isbn"
#: The writable fields, in the order of the export's columns.
FEED_FIELDS: Final = (KEY, *(field.name for field in WRITABLE if field.name != KEY))
NULLABLE_FIELDS: Final = tuple(name for name in FEED_FIELDS if FIELDS[name].type.nullable)
DERIVED_FIELDS: Final = tuple(name for name in FEED_FIELDS if FIELDS[name].derive)
#: The fields that a new book must have besides its key.
REQUIRED_FIELDS: Final = tuple(
    name for name in FEED_FIELDS if FIELDS[name].required and name != KEY
)


def given(name: str) -> str:
    """The column that tells whether the feed has the field: NULL may be a value, or left out."""
    return f"{name}_given"


def _python_type(name: str) -> Any:
    """Prices are text with two decimals, and ``extra`` is JSON text."""
    return int if type(FIELDS[name].type) is IntegerType else str


def _column(name: str) -> Column[Any]:
    """As in the books' table, but nullable, and without a limit for texts."""
    typ = BOOKS.c[name].type
    is_text = isinstance(typ, String) or type(FIELDS[name].type) is Extra
    return Column(name, Text() if is_text else typ)


_TYPES: dict[str, Any] = {
    **{name: _python_type(name) | None for name in FEED_FIELDS},
    **{given(name): bool for name in NULLABLE_FIELDS},
    **{FIELDS[name].key: str | None for name in DERIVED_FIELDS},
    # Of `extra`, see `catalogue.declared.Keys`.
    "attributes": list[str] | None,
    "sort_keys": str | None,
    "declared": str | None,
    "extra_words": str | None,
    # What columns of declared fields say about `extra`, see `columns.Patch`: JSON, for a row
    # without an `extra` of its own; "" where `extra` is whole; None without such columns.
    "extra_patch": str | None,
    # The id that the row says its book has, as 32 hexadecimal digits.
    "book_id": str | None,
}
#: The columns that follow from `extra`.
EXTRA_KEYS: Final = Keys._fields

#: The columns of a validated row in order, and the type of a row, for `Spool`.
ROW_COLUMNS: Final = tuple(_TYPES)
ROW: Any = tuple[*_TYPES.values()]  # type: ignore[misc]  # made at start

#: The temporary table; its columns are `ROW_COLUMNS` after ``line`` and ``id``.
STAGED = Table(
    "bookstore_import",
    MetaData(),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("id", Uuid),
    *map(_column, FEED_FIELDS),
    *(Column(given(name), Boolean) for name in NULLABLE_FIELDS),
    *(Column(key, BOOKS.c[key].type) for key in (FIELDS[name].key for name in DERIVED_FIELDS)),
    *(Column(name, BOOKS.c[name].type) for name in EXTRA_KEYS),
    Column("extra_patch", Text),
    Column("book_id", Uuid),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

#: The places of prices in a row of the temporary table.
MONEY: Final = tuple(
    place for place, column in enumerate(STAGED.columns) if isinstance(column.type, Money)
)


#: The places of `extra`, of its keys, of its patch, and of the book's id in a row.
EXTRA_AT: Final = ROW_COLUMNS.index("extra")
PATCH_AT: Final = ROW_COLUMNS.index("extra_patch")
KEYS_AT: Final = slice(ROW_COLUMNS.index(EXTRA_KEYS[0]), PATCH_AT)
ID_AT: Final = len(ROW_COLUMNS) - 1

#: The place of the tokens in a row of the temporary table.
TOKENS: Final = list(STAGED.columns.keys()).index("attributes")


def extra_keys(declared: Declared, extra: str | None) -> tuple[Any, ...]:
    """The values of `EXTRA_KEYS` for the JSON text of ``extra``."""
    if extra is None or extra == "{}" or not declared:
        return _NO_KEYS
    return _stored(declared.keys_of(jsontext.loads(extra.encode())))


def _stored(keys: Keys) -> tuple[Any, ...]:
    values = keys._asdict()
    if keys.sort_keys is not None:
        values["sort_keys"] = jsontext.dumps(keys.sort_keys).decode()
    return tuple(values.values())


_NO_KEYS: Final = _stored(Keys())


def row_of(fields: Mapping[str, Any], declared: Declared = NOTHING_DECLARED) -> tuple[Any, ...]:
    """The row of a book's fields, as the schema returns them."""
    columns = dict(zip(EXTRA_KEYS, _NO_KEYS, strict=True)) | columns_of(fields, declared)
    for name, value in fields.items():
        if type(FIELDS[name].type) is Price:
            columns[name] = str(value)
        elif type(FIELDS[name].type) is Extra:
            columns[name] = bytes(columns[name]).decode()
            keys = Keys(*(columns[each] for each in EXTRA_KEYS))
            columns |= dict(zip(EXTRA_KEYS, _stored(keys), strict=True))
    columns |= {given(each): each in fields for each in NULLABLE_FIELDS}
    return tuple(columns.get(each) for each in ROW_COLUMNS)
