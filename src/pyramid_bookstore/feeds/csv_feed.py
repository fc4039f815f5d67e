"""CSV (RFC 4180, and the variants that spreadsheets write), row by row."""

import csv
from collections.abc import Callable, Iterator
from itertools import chain

from pyramid_bookstore.feeds.layout import FeedOptions, Layout, delimiter_of, layout_of
from pyramid_bookstore.feeds.lines import Lines, Stream, refuse

#: A row as it was sent: the line it begins in, its cells, and a message if its form is wrong.
Row = tuple[int, list[str], str | None]


class CsvFeed:
    """A CSV file: UTF-8, with a header, separated by commas, semicolons or tabs.

    Raises `ValidationFailed` for a file that cannot be read; the fault of a single row comes with
    the row.
    """

    def __init__(
        self, stream: Stream, options: FeedOptions, progress: Callable[[int], None] | None = None
    ) -> None:
        lines = iter(Lines(stream, progress))
        self._empty_lines = 0
        first = ""
        for first in lines:
            if first.strip():
                break
            self._empty_lines += 1
        else:
            refuse("The file is empty: it has no header.")
        delimiter = delimiter_of(first, options)
        self._reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        try:
            header = next(self._reader)
        except csv.Error as error:
            refuse(f"The header, line {self._empty_lines + 1}, cannot be read: {error}.")
        self.layout: Layout = layout_of(header, options)

    def rows(self) -> Iterator[Row]:
        """Every row that is not empty."""
        reader, before, width = self._reader, self._empty_lines, len(self.layout.names)
        start = reader.line_num
        while True:
            try:
                for cells in reader:
                    if len(cells) == width:
                        yield start + before + 1, cells, None
                    elif cells:
                        yield _other_width(start + before + 1, cells, width)
                    start = reader.line_num
            except csv.Error as error:
                yield _unreadable(start + before + 1, error)
                start = reader.line_num
            else:
                break


def _other_width(line: int, cells: list[str], width: int) -> Row:
    if len(cells) > width and not any(cells[width:]):  # empty cells without a column
        return line, cells[:width], None
    return line, cells, f"The row has {len(cells)} cells, the header {width}."


def _unreadable(line: int, error: csv.Error) -> Row:
    """A row with misplaced quotes; raises `ValidationFailed` if its end cannot be found."""
    message = str(error)
    if message.startswith(("field larger", "unexpected end")):
        refuse(
            f"Line {line}: a quotation mark is opened in this row and never closed, or a cell is"
            f" longer than {csv.field_size_limit():,} characters."
        )
    return line, [], f"The row is not CSV: {message}."
