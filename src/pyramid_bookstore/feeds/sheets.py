"""A sheet of a workbook (.xlsx, .ods), row by row, read by `sheet_reader` in its own process."""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from multiprocessing import spawn
from signal import SIGKILL, SIGXCPU
from tempfile import TemporaryFile
from typing import IO, Any, Self, cast

import msgspec

from pyramid_bookstore.catalogue.fields import FIELDS
from pyramid_bookstore.catalogue.kinds import NumberKind
from pyramid_bookstore.feeds.layout import Layout, layout_of
from pyramid_bookstore.feeds.lines import Stream, refuse
from pyramid_bookstore.feeds.options import FeedOptions, normal
from pyramid_bookstore.feeds.prices import plain_number
from pyramid_bookstore.feeds.sheet_reader import MESSAGES, Cell
from pyramid_bookstore.feeds.staging import FEED_FIELDS
from pyramid_bookstore.values.types import Price, StrictType

#: The module that reads.
READER = "pyramid_bookstore.feeds.sheet_reader"

_LENGTH = 4  # bytes before each message

#: A row: its number in the sheet, its cells, and no fault, as of `csv_feed.Row`.
Row = tuple[int, list[str], None]

_decode_rows = msgspec.msgpack.Decoder(tuple[str, Any]).decode


class SheetFeed:
    """The sheet ``sheet``, or the first one: its first row that is not empty is the header.

    Raises `ValidationFailed` for a workbook that cannot be read. Ends the process when it is left.
    """

    def __init__(
        self,
        stream: Stream,
        options: FeedOptions,
        sheet: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if find_spec("python_calamine") is None:
            refuse(
                "Spreadsheets need the excel extra: pip install 'pyramid_bookstore[excel]'; or save"
                " the sheet as CSV."
            )
        self._progress = progress or (lambda done: None)
        with ExitStack() as closing:
            self._process = closing.enter_context(_reader(stream, sheet))
            closing.callback(self._process.kill)
            self._rows = self._received()
            _, cells = next(self._rows)
            header = [*map(_text, cells)]
            _refuse_no_header(header, options)
            self.layout: Layout = layout_of(header, options)
            self._writers = _writers(self.layout, options)
            self._closing = closing.pop_all()

    def rows(self) -> Iterator[Row]:
        """Every row that is not empty; cells without a column are passed over."""
        for number, cells in self._rows:
            row = [write(cell) for write, cell in zip(self._writers, cells, strict=False)]
            yield number, row + [""] * (len(self._writers) - len(row)), None

    def _received(self) -> Iterator[tuple[int, list[Cell]]]:
        output = cast(IO[bytes], self._process.stdout)
        done = 0
        while head := output.read(_LENGTH):
            size = int.from_bytes(head, "big")
            body = output.read(size)
            if len(body) < size:
                break
            kind, content = _decode_rows(body)
            if kind == "rows":
                yield from content
                done += size
                self._progress(done)
                continue
            self._process.wait()  # it has said its last, and ends by itself
            if kind == "refused":
                refuse(content)
            return
        # It did not end by itself. Memory is what a library in Rust cannot ask for in vain.
        ended = self._process.wait()
        refuse(MESSAGES["time" if ended in (-SIGXCPU, -SIGKILL) else "memory"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()


def _reader(stream: Stream, sheet: str | None) -> subprocess.Popen[bytes]:
    command = [spawn.get_executable(), "-P", "-m", READER]
    with TemporaryFile(prefix="bookstore-") as file:
        # A workbook is read from its end; the stream may be a pipe.
        try:
            shutil.copyfileobj(cast(IO[bytes], stream), file)
        except (EOFError, OSError, zlib.error):  # of a gzip file
            refuse(MESSAGES["damaged"])
        file.seek(0)
        return subprocess.Popen(
            command if sheet is None else [*command, sheet],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RUST_BACKTRACE": "0"},
        )


def _text(cell: Cell) -> str:
    return cell if isinstance(cell, str) else cell.decode()


def _writers(layout: Layout, options: FeedOptions) -> list[Callable[[Cell], str]]:
    """What makes the cells of each column those of a CSV file with these options.

    A cell that is a number is clear by itself, whatever the decimal sign of texts.
    """
    types = {name: FIELDS[name].type for name in FEED_FIELDS}
    types |= {name: field.type for name, field in options.rules.declared.fields.items()}
    columns = {
        column: types[name] for name, names in options.candidates().items() for column in names
    }

    def writer(typ: StrictType | None) -> Callable[[Cell], str]:
        if not isinstance(typ, Price) and not (isinstance(typ, NumberKind) and options.decimal):
            return _text
        return lambda cell: (
            cell if isinstance(cell, str) else plain_number(cell.decode(), options.decimal)
        )

    return [writer(columns.get(normal(name))) for name in layout.names]


def _refuse_no_header(header: list[str], options: FeedOptions) -> None:
    wanted = {name for names in options.candidates().values() for name in names}
    if options.columns or any(normal(name) in wanted for name in header):
        return
    names = ", ".join(options.fields)
    shown = ", ".join(header)[:80]
    refuse(f"The first row must name the columns ({names}); it reads: {shown}")
