"""Export of the catalogue as CSV or NDJSON, page by page, in the form that an import reads."""

import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any, Final

import msgspec

from pyramid_bookstore.catalogue.availability import rows_with_available
from pyramid_bookstore.catalogue.declared import NOTHING_DECLARED, Declared
from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import AVAILABLE, Field
from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.listing import walk
from pyramid_bookstore.catalogue.query import Filters, of_available
from pyramid_bookstore.db.query import Reader, Row, SessionReader
from pyramid_bookstore.feeds.columns import PICK, Columns
from pyramid_bookstore.feeds.formulas import escape_formula
from pyramid_bookstore.feeds.intake import ExportFormat
from pyramid_bookstore.feeds.staging import FEED_FIELDS
from pyramid_bookstore.feeds.workbook import workbook
from pyramid_bookstore.values.types import Text

#: Books that are read at once.
PAGE: Final = 1000

_FILE_BLOCK = 64 * 1024

# Semicolon and tab too, because some spreadsheets split at those.
_NEEDS_QUOTES = re.compile('[",;\t\r\n]')

#: A line of NDJSON.
_Line = msgspec.defstruct("_Line", [(name, Any) for name in FEED_FIELDS])

#: The same with holds.
_AvailableLine = msgspec.defstruct(
    "_AvailableLine", [(name, Any) for name in (*FEED_FIELDS, AVAILABLE)]
)

_encode_lines = msgspec.json.Encoder(decimal_format="number").encode_lines


def export(
    reader: Reader,
    filters: Filters,
    format: ExportFormat,
    progress: Callable[[int], None] | None = None,
    declared: Declared = NOTHING_DECLARED,
    *,
    bom: bool = False,
    holds: bool = False,
) -> Iterator[bytes]:
    """The books that the filters choose, oldest first, as chunks of a file; has a ``close``.

    Each page is a separate read, so that a slow client holds no connection and memory is that of
    one page. A session ends with its request, before the answer is sent: the pages of a
    `SessionReader` go to a temporary file at once. The first page is read here, so that an error
    of the database is raised before anything is sent. With ``bom`` CSV begins with a byte order
    mark, by which Excel knows that it is UTF-8. ``progress`` is called with the number of
    books read so far. With ``holds`` there is a column of what is available, which an import passes
    over.
    """
    pages = walk(reader, of_available(filters) if holds else filters, declared, size=PAGE)
    if holds:
        pages = (rows_with_available(reader, page) for page in pages)
    if progress is not None:
        pages = _with_progress(pages, progress)
    if format == "xlsx":
        # Made whole before anything is sent, so that what a sheet cannot hold is told.
        return Spooled(workbook(pages, Columns(declared, holds=holds)))
    pages = chain([next(pages, ())], pages)
    chunks: Iterator[bytes]
    if format == "ndjson":
        chunks = map(_ndjson_available if holds else _ndjson, pages)
    else:
        chunks = chain([BOM_UTF8] if bom else [], _csv(pages, Columns(declared, holds=holds)))
    return Spooled(chunks) if isinstance(reader, SessionReader) else (each for each in chunks)


def _with_progress(
    pages: Iterator[Sequence[Row]], progress: Callable[[int], None]
) -> Iterator[Sequence[Row]]:
    done = 0
    for page in pages:
        done += len(page)
        progress(done)
        yield page


class Spooled(Iterator[bytes]):
    """The content of a temporary file, in blocks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._file: IO[bytes] = TemporaryFile(prefix="bookstore-")  # noqa: SIM115  # in `close`
        try:
            self._file.writelines(chunks)
        except BaseException:
            self.close()
            raise
        self._file.seek(0)

    def __next__(self) -> bytes:
        block = self._file.read(_FILE_BLOCK)
        if not block:
            self.close()
            raise StopIteration
        return block

    def close(self) -> None:
        """Remove the file; the WSGI server calls this at the end of the answer (PEP 3333)."""
        self._file.close()


def _csv(pages: Iterable[Sequence[Row]], columns: Columns) -> Iterator[bytes]:
    yield f"{','.join(columns.names)}\r\n".encode()
    for page in pages:
        lines = []
        for values, cells in map(columns.of, page):
            own = [write(value) for write, value in zip(_CELL_WRITERS, values, strict=True)]
            lines.append(",".join([*own, *map(_quoted, cells)]))
        yield "\r\n".join([*lines, ""]).encode()


def _quoted(text: str) -> str:
    if not _NEEDS_QUOTES.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


_WRITERS: Mapping[type, Callable[[Any], str]] = {
    Text: lambda text: _quoted(escape_formula(text)),
    Extra: lambda document: _quoted(bytes(document).decode()),
}


def _writer(field: Field) -> Callable[[Any], str]:
    # Values of all other types have no characters to quote or escape.
    write = _WRITERS.get(type(field.type), str)
    if field.type.nullable:
        return lambda value: "" if value is None else write(value)
    return write


_CELL_WRITERS = [_writer(FIELDS[name]) for name in FEED_FIELDS]


def _ndjson_available(rows: Sequence[Row]) -> bytes:
    return _encode_lines([_AvailableLine(*PICK(row), row[-1]) for row in rows])


def _ndjson(rows: Sequence[Row]) -> bytes:
    return _encode_lines([_Line(*PICK(row)) for row in rows])
