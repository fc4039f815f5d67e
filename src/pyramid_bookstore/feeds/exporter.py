"""The catalogue as CSV or NDJSON, page by page: what is written here, an import takes back."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any, Final

import msgspec

from pyramid_bookstore.catalogue.extra import Extra
from pyramid_bookstore.catalogue.field import Field
from pyramid_bookstore.catalogue.fields import FIELDS as ALL_FIELDS
from pyramid_bookstore.catalogue.listing import walk
from pyramid_bookstore.catalogue.query import Filters
from pyramid_bookstore.db.query import Reader, Row, SessionReader
from pyramid_bookstore.feeds.intake import Format
from pyramid_bookstore.feeds.shield import shielded
from pyramid_bookstore.feeds.staging import FIELDS
from pyramid_bookstore.values.types import Text

#: Books that are read at once.
PAGE: Final = 1000

_FILE_BLOCK = 64 * 1024

# Semicolon and tab too: where a spreadsheet splits at those, a cell still is one cell.
_QUOTED = re.compile('[",;\t\r\n]')
_HEADER = ",".join(FIELDS) + "\r\n"


#: A line of NDJSON.
_Line = msgspec.defstruct("_Line", [(name, Any) for name in FIELDS])

_encode_lines = msgspec.json.Encoder(decimal_format="number").encode_lines


def export(
    reader: Reader,
    filters: Filters,
    format: Format,
    progress: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """The books that the filters choose, oldest first (``created_at``, then ``id``).

    Each page is a read of its own, so no connection is held while a slow client takes its time, and
    memory is that of one page. A reader on somebody's session cannot be used once that request is
    over: its pages go through a temporary file at once. The first page is read here, so that a
    database that does not answer is told before anything is sent. The iterator has a ``close``.
    ``progress`` is called with the number of books read so far.
    """
    pages = walk(reader, filters, size=PAGE)
    if progress is not None:
        pages = _told(pages, progress)
    first = next(pages, ())
    text = _csv if format == "csv" else _ndjson
    head = [_HEADER.encode()] if format == "csv" else []
    chunks = chain(head, map(text, chain([first], pages)))
    return Spooled(chunks) if isinstance(reader, SessionReader) else (each for each in chunks)


def _told(
    pages: Iterator[Sequence[Row]], progress: Callable[[int], None]
) -> Iterator[Sequence[Row]]:
    done = 0
    for page in pages:
        done += len(page)
        progress(done)
        yield page


class Spooled(Iterator[bytes]):
    """Bytes that were all made already and wait in a temporary file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._file: IO[bytes] = TemporaryFile(prefix="bookstore-")  # noqa: SIM115  # in `close`
        self._file.writelines(chunks)
        self._file.seek(0)

    def __next__(self) -> bytes:
        block = self._file.read(_FILE_BLOCK)
        if not block:
            self.close()
            raise StopIteration
        return block

    def close(self) -> None:
        """Remove the file; a WSGI server calls this when the client is served or gone."""
        self._file.close()


def _csv(rows: Sequence[Row]) -> bytes:
    lines = [",".join([write(row[place]) for place, write in _CELLS]) + "\r\n" for row in rows]
    return "".join(lines).encode()


def _cell(text: str) -> str:
    return _quoted(shielded(text))


def _quoted(text: str) -> str:
    if not _QUOTED.search(text):
        return text
    return '"' + text.replace('"', '""') + '"'


def _json_cell(document: bytes) -> str:
    return _quoted(bytes(document).decode())


_WRITERS: Mapping[type, Callable[[Any], str]] = {Text: _cell, Extra: _json_cell}


def _writer(field: Field) -> Callable[[Any], str]:
    # Of the others nothing is in it that a spreadsheet, or a reader of CSV, could take for more.
    write = _WRITERS.get(type(field.type), str)
    if field.type.nullable:
        return lambda value: "" if value is None else write(value)
    return write


_PLACES = [list(ALL_FIELDS).index(name) for name in FIELDS]
_CELLS = [(place, _writer(ALL_FIELDS[name])) for name, place in zip(FIELDS, _PLACES, strict=True)]


def _ndjson(rows: Sequence[Row]) -> bytes:
    return _encode_lines([_Line(*(row[place] for place in _PLACES)) for row in rows])
