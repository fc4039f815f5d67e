"""CSV (RFC 4180, and the variants that spreadsheets write), row by row."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from pyramid_bookstore.feeds.layout import Layout, delimiter_of, layout_of
from pyramid_bookstore.feeds.lines import MAX_LINE, Lines, Stream, refuse
from pyramid_bookstore.feeds.options import FeedOptions

#: A row as it was sent: the line it begins in, its cells, and a message if its form is wrong.
Row = tuple[int, list[str], str | None]

_SEP = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)

#: Characters that are read once more after stray quotation marks, besides four times the file.
_AGAIN: Final = 64 * 1024 * 1024


class CsvFeed:
    """A CSV file with a header, separated by commas, semicolons, tabs or pipes.

    Raises `ValidationFailed` for a file that cannot be read; the fault of a single row comes with
    the row. A row whose quotation marks are wrong costs its first line: the lines that it seemed to
    have swallowed are read again as rows of their own.
    """

    def __init__(
        self, stream: Stream, options: FeedOptions, progress: Callable[[int], None] | None = None
    ) -> None:
        self.lines = Lines(stream, progress, options.encoding)
        self._source = iter(self.lines)
        #: Lines to read again, and the lines of the present row with their length.
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._size = 0
        self._repeated = 0
        first = self._first_line()
        separator = _SEP.fullmatch(first)
        if separator is not None:
            self._line += 1
            first = self._first_line()
        self.delimiter = options.separator or (
            separator[1] if separator is not None else delimiter_of(first, options)
        )
        self._again.append(first)
        try:
            header = next(self._reader())
        except csv.Error as error:
            refuse(f"The header, line {self._line}, cannot be read: {error}.")
        self.layout: Layout = layout_of(header, options)
        self._next()

    #: The line in which the present row begins.
    _line = 1

    def rows(self) -> Iterator[Row]:
        """Every row, blank ones too."""
        record, width = self._record, len(self.layout.names)
        while True:
            try:
                for cells in self._reader():
                    if len(cells) == width:
                        yield self._line, cells, None
                    else:
                        row = _other_width(self._line, cells, width)
                        if row[2] is not None and len(record) > 1:
                            last = self._line + len(record) - 1
                            yield self._spoiled(f"{row[2]} Its quotation marks end in line {last}.")
                            break
                        yield row
                    self._line += len(record)
                    if len(record) > 1:
                        self._size = 0
                    record.clear()
                else:
                    return
            except csv.Error as error:
                yield self._recovered(str(error))

    def _first_line(self) -> str:
        for line in self._source:
            if line.strip():
                return line
            self._line += 1
        return refuse("The file is empty: it has no header.")

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._recorded(), delimiter=self.delimiter, strict=True)

    def _recorded(self) -> Iterator[str]:
        """The lines, each kept until its row is complete."""
        record, again, source = self._record, self._again, self._source
        while True:
            line = again.popleft() if again else next(source, None)
            if line is None:
                return
            record.append(line)
            if len(record) > 1:
                self._size += len(line)
                if self._size > MAX_LINE:
                    raise csv.Error("unexpected end of data")
            yield line

    def _next(self) -> None:
        self._line += len(self._record)
        self._record.clear()
        self._size = 0

    def _recovered(self, why: str) -> Row:
        """The row that could not be read: whole, if it was only long, or as its first line."""
        # csv.reader has a limit for a cell, which is the whole process's.
        if why.startswith("field larger"):
            cells = self._long_row()
            if cells is not None:
                row = _other_width(self._line, cells, len(self.layout.names))
                self._next()
                return row
        if len(self._record) > 1 or why.startswith("unexpected end"):
            why = "a quotation mark is opened in it and not closed where the cell ends"
        return self._spoiled(f"The row is not CSV: {why}.")

    def _spoiled(self, message: str) -> Row:
        """The first line of the present row, as a fault; its other lines are read again."""
        line, (first, *rest) = self._line, self._record
        self._again.extendleft(reversed(rest))
        self._repeated += sum(map(len, rest))
        if self._repeated > _AGAIN + 4 * self.lines.bytes_read:
            refuse(
                f"Line {line}: too many quotation marks in this file are opened and never closed."
            )
        self._record.clear()
        self._size = 0
        self._line += 1
        return line, first.rstrip("\r\n").split(self.delimiter), message

    def _long_row(self) -> list[str] | None:
        """The cells of the present row, which ends where its quotation marks are even."""
        odd = sum(line.count('"') for line in self._record) % 2
        lines = self._recorded()
        try:
            while odd:
                odd ^= next(lines).count('"') % 2
        except (StopIteration, csv.Error):  # the end of the file, or of what a row may have
            return None
        return _split("".join(self._record), self.delimiter)


def _split(text: str, delimiter: str) -> list[str] | None:
    """The cells of a text that is one row; None if it is not."""
    sign = re.escape(delimiter)
    cell = re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"|((?!")[^{sign}\r\n]*))({sign}|\r\n|\n|\r|\Z)')
    cells: list[str] = []
    at = 0
    while True:
        found = cell.match(text, at)
        if found is None:
            return None
        quoted, plain, end = found.groups()
        cells.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if end != delimiter:
            return cells if at == len(text) else None


def _other_width(line: int, cells: list[str], width: int) -> Row:
    if len(cells) == width:
        return line, cells, None
    if len(cells) > width and not any(cells[width:]):  # empty cells without a column
        return line, cells[:width], None
    return line, cells, f"The row has {len(cells)} cells, the header {width}."
