"""CSV as spreadsheets make it (RFC 4180, and what else there is), row by row."""

import csv
from collections.abc import Callable, Iterator
from itertools import chain

from pyramid_bookstore.feeds.layout import FeedOptions, Layout, delimiter_of, layout_of
from pyramid_bookstore.feeds.lines import Lines, Stream, refuse

#: A row as it came: the line it begins in, its cells, and what is wrong with its form.
Row = tuple[int, list[str], str | None]


class CsvFeed:
    """The rows of a CSV file: UTF-8, with a header, by comma, semicolon or tab.

    Raises `ValidationFailed` for a file that cannot be read as a whole; what is wrong with a single
    row comes with the row.
    """

    def __init__(
        self, stream: Stream, options: FeedOptions, progress: Callable[[int], None] | None = None
    ) -> None:
        lines = iter(Lines(stream, progress))
        self._before = 0
        first = ""
        for first in lines:
            if first.strip():
                break
            self._before += 1
        else:
            refuse("The file is empty: it has no header.")
        delimiter = delimiter_of(first, options)
        self._reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
        try:
            header = next(self._reader)
        except csv.Error as error:
            refuse(f"The header, line {self._before + 1}, cannot be read: {error}.")
        self.layout: Layout = layout_of(header, options)

    def rows(self) -> Iterator[Row]:
        """Every row that is not empty."""
        reader, before, width = self._reader, self._before, self.layout.width
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
    if len(cells) > width and not any(cells[width:]):  # columns without a name, and nothing there
        return line, cells[:width], None
    return line, cells, f"The row has {len(cells)} cells, the header {width}."


def _unreadable(line: int, error: csv.Error) -> Row:
    """A row with misplaced quotes; raises where the end of it cannot be known."""
    said = str(error)
    if said.startswith(("field larger", "unexpected end")):
        refuse(
            f"Line {line}: a quotation mark is opened in this row and never closed, or a cell is"
            f" longer than {csv.field_size_limit():,} characters."
        )
    return line, [], f"The row is not CSV: {said}."
