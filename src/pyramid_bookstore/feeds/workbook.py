"""Export as a spreadsheet (.xlsx), which `sheets` reads back unchanged."""

import re
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any, Final

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.kinds import IntegerKind
from pyramid_bookstore.db.query import Row
from pyramid_bookstore.feeds.columns import Columns
from pyramid_bookstore.feeds.formulas import escape_formula
from pyramid_bookstore.feeds.lines import refuse
from pyramid_bookstore.feeds.staging import FEED_FIELDS, KEY
from pyramid_bookstore.values.types import Integer, Price, Text

#: Books that fit below the header, and characters that fit into a cell.
MAX_BOOKS: Final = 1024 * 1024 - 1
MAX_CELL: Final = 32_767

_BLOCK = 64 * 1024
_NO_XML = re.compile("[\ufffe\uffff]")
_INSTEAD = "export csv or ndjson, or choose fewer books"

#: Types that are numbers in a sheet; longer ones than this lose digits there, and are text.
_NUMBERS: Final = (Price, Integer, IntegerKind)
_EXACT: Final = 15
_KINDS = [type(FIELDS[name].type) for name in FEED_FIELDS]


def workbook(pages: Iterable[Sequence[Row]], columns: Columns) -> Iterator[bytes]:
    """The file, in blocks, once all books are read; memory is that of one page.

    Raises `ValidationFailed` for what a sheet cannot hold, and without the extra.
    """
    if find_spec("xlsxwriter") is None:
        refuse("Spreadsheets need the excel extra: pip install 'pyramid_bookstore[excel]'.")
    with TemporaryFile(prefix="bookstore-") as file:
        # A folder of its own: an export that is broken off leaves no files.
        with TemporaryDirectory(prefix="bookstore-") as folder:
            _write(file, pages, columns, folder)
        file.seek(0)
        yield from iter(lambda: file.read(_BLOCK), b"")


def _write(file: IO[bytes], pages: Iterable[Sequence[Row]], columns: Columns, folder: str) -> None:
    from xlsxwriter import Workbook  # type: ignore[import-untyped]  # it ships no types

    # By write_string a text stays a text, whatever it begins with.
    with Workbook(file, {"constant_memory": True, "tmpdir": folder}) as book:
        sheet = book.add_worksheet("books")
        money = book.add_format({"num_format": "0.00"})
        for column, name in enumerate(columns.names):
            sheet.write_string(0, column, name)
        kinds = [*_KINDS, *columns.kinds]
        number = 0
        for page in pages:
            for row in page:
                number += 1
                if number > MAX_BOOKS:
                    refuse(f"A sheet holds {MAX_BOOKS:,} books, and there are more: {_INSTEAD}.")
                values, cells = columns.of(row)
                both = zip(kinds, (*values, *(cell or None for cell in cells)), strict=True)
                for column, (kind, value) in enumerate(both):
                    if value is None:
                        continue
                    if kind in _NUMBERS and len(str(value)) <= _EXACT:
                        amount = float(value)
                        sheet.write_number(number, column, amount, money if kind is Price else None)
                        continue
                    text = _text(kind, value)
                    if len(text) > MAX_CELL or _NO_XML.search(text):
                        isbn = values[FEED_FIELDS.index(KEY)]
                        refuse(
                            f"The {columns.names[column]} of {isbn} does not fit into a cell, which"
                            f" holds {MAX_CELL:,} characters, and neither U+FFFE nor U+FFFF:"
                            f" {_INSTEAD}."
                        )
                    sheet.write_string(number, column, text)


def _text(kind: type, value: Any) -> str:
    """As in CSV: saved as CSV by a spreadsheet program, the file is safe and the same."""
    if kind is Text:
        return escape_formula(value)
    return bytes(value).decode() if kind is Extra else str(value)
