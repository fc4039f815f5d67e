"""The first half of an import: read and validate the whole feed, without the database.

So nothing is locked while a slow client sends, and an unreadable file costs the database nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from operator import itemgetter
from typing import Any, Final, Literal, Self

from pyramid_bookstore.errors import Fault, Reject
from pyramid_bookstore.feeds.columns import fields_with
from pyramid_bookstore.feeds.csv_feed import CsvFeed, Row
from pyramid_bookstore.feeds.formulas import unescape_formula
from pyramid_bookstore.feeds.layout import DOCUMENT, Layout
from pyramid_bookstore.feeds.lines import Stream, refuse
from pyramid_bookstore.feeds.ndjson_feed import Document, Documents, NdjsonFeed
from pyramid_bookstore.feeds.options import DELIMITERS, FeedOptions
from pyramid_bookstore.feeds.report import rejected
from pyramid_bookstore.feeds.sheets import SheetFeed
from pyramid_bookstore.feeds.snapshot import RejectedIsbns, Snapshot
from pyramid_bookstore.feeds.spool import Spool
from pyramid_bookstore.feeds.staging import (
    FEED_FIELDS,
    ID_AT,
    KEY,
    PATCH_AT,
    REQUIRED_FIELDS,
    ROW,
)
from pyramid_bookstore.feeds.validator import RowValidator
from pyramid_bookstore.values.text import is_blank

_required = itemgetter(*map(FEED_FIELDS.index, REQUIRED_FIELDS))
_KEY, _PRICE, _STOCK, _EXTRA = (
    FEED_FIELDS.index(name) for name in (KEY, "price", "stock", "extra")
)

Format = Literal["csv", "ndjson", "xlsx", "ods"]
ExportFormat = Literal["csv", "ndjson", "xlsx"]
#: The formats of spreadsheets, which have named sheets.
SHEETS: Final = ("xlsx", "ods")
#: A row as it was sent: its line number, and its cells (CSV) or its text (NDJSON).
Original = tuple[int, list[str]]


class Intake:
    """The rows of one feed, ``good`` and ``bad``, in temporary files that `close` removes.

    With ``keep_rows`` every row is also kept as it was sent, to write a file of rejected rows; of a
    ``snapshot`` the ISBNs of bad rows.
    """

    def __init__(
        self,
        options: FeedOptions | None = None,
        *,
        keep_rows: bool = False,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.options = options or FeedOptions()
        self.options.check()
        self.validator = RowValidator(self.options)
        self._extra_wanted = bool(self.validator.faults_without_extra)
        with ExitStack() as files:
            self.good: Spool[tuple[int, Any]] = files.enter_context(Spool(tuple[int, ROW]))
            self.bad: Spool[Reject] = files.enter_context(Spool(Reject))
            self._originals: Spool[Original] | None = (
                files.enter_context(Spool(Original)) if keep_rows else None
            )
            self.snapshot = snapshot
            self.rejected: RejectedIsbns | None = (
                RejectedIsbns(files.enter_context(Spool(str)), self.validator.apply_schema)
                if snapshot
                else None
            )
            self._files = files.pop_all()
        #: The column names of the feed; of NDJSON the one column "row".
        self.header: Sequence[str] = ()
        #: The delimiter of a file of rejects.
        self.delimiter = self.options.separator or ","
        #: Whether a file of rejects begins with a byte order mark.
        self.needs_mark = False
        #: Columns that are no field.
        self.ignored: Sequence[str] = ()
        #: A sentence on the fields that these columns may be; or nothing.
        self.hint = ""
        #: Rows without anything in them, and rows that repeat the header; they are passed over.
        self.blank = 0
        self.headers = 0
        #: Fields that the feed has a column or a fixed value for.
        self.given: Sequence[str] = FEED_FIELDS
        #: Whether some good row has members of `extra` in columns of their own.
        self.members = False
        #: Whether some row says the id of its book.
        self.ids = False
        #: Whether some good row can only be validated together with the stored book.
        self.partial = False

    @property
    def rows(self) -> int:
        """The number of rows read, blank ones aside."""
        return len(self.good) + len(self.bad) + self.headers

    def read(
        self,
        stream: Stream,
        format: Format,
        progress: Callable[[int], None] | None = None,
        *,
        sheet: str | None = None,
    ) -> None:
        """Read the feed to its end; ``progress`` is called with the bytes of text read so far.

        ``sheet`` names one of a spreadsheet's, else its first is read. Raises `ValidationFailed`
        for a feed that cannot be read.
        """
        if format in SHEETS:
            with SheetFeed(stream, self.options, sheet, progress) as feed:
                self._read_rows(feed.layout, feed.rows())
        elif sheet is not None:
            refuse(f"A {format} file has no sheets.", "sheet")
        elif format == "csv":
            csv = CsvFeed(stream, self.options, progress)
            self.needs_mark = csv.lines.needs_mark
            if csv.delimiter in DELIMITERS.values():  # a header of others does not tell them
                self.delimiter = csv.delimiter
            self._read_rows(csv.layout, csv.rows())
        else:
            ndjson = NdjsonFeed(stream, self.options, progress)
            self.needs_mark = ndjson.lines.needs_mark
            self.header = (DOCUMENT,)
            self._read_documents(ndjson.documents())
            self.ignored, self.blank = ndjson.ignored, ndjson.blank

    def originals(self, lines: Iterator[int]) -> Iterator[list[str]]:
        """The rows as they were sent, of these line numbers, which must ascend."""
        assert self._originals is not None, "needs keep_rows"
        originals = iter(self._originals)
        for wanted in lines:
            yield next(cells for line, cells in originals if line == wanted)

    def close(self) -> None:
        """Remove the temporary files."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read_rows(self, layout: Layout, rows: Iterable[Row]) -> None:
        """Read rows of cells, wherever they come from."""
        if layout.document is not None:
            self._read_rejects(layout.document, rows)
            return
        self.header, self.ignored = layout.names, layout.ignored
        self.given = fields_with(layout.given)
        self.members = not {*layout.given} <= {*FEED_FIELDS}
        self.hint = layout.hint
        self.ids = layout.with_id
        validate = self.validator.cell_validator(layout.given, with_id=layout.with_id)
        pick, tail = layout.pick, layout.tail
        accept, originals, needs_book = self.good.append, self._originals, self._needs_book
        for line, cells, fault in rows:
            result = validate(pick([*cells, *tail])) if fault is None else [Fault("", "", fault)]
            if isinstance(result, tuple):
                accept((line, result))
                if not self.partial and needs_book(result):
                    self.partial = True
            # Neither is ever a good row: the key is not in it.
            elif all(map(is_blank, cells)):
                self.blank += 1
                continue
            elif layout.is_header(line, cells):
                self.headers += 1
                continue
            else:
                self.bad.append(rejected(line, result))
                if self.rejected is not None:
                    cell = pick([*cells, *tail])[_KEY] if fault is None else None
                    self.rejected.add_cell(line, cell)
            if originals is not None:
                originals.append((line, cells))

    def _read_rejects(self, place: int, rows: Iterable[Row]) -> None:
        """Read the rejects of an NDJSON feed: lines of NDJSON in cells of CSV."""
        documents = Documents(self.options)
        self.header = (DOCUMENT,)
        self._read_documents(self._cells_as_documents(documents, place, rows))
        self.ignored = documents.ignored

    def _cells_as_documents(
        self, documents: Documents, place: int, rows: Iterable[Row]
    ) -> Iterator[Document]:
        for line, cells, fault in rows:
            if all(map(is_blank, cells)):
                self.blank += 1
            elif fault is not None:
                yield Document(line, ",".join(cells), None, fault)
            else:
                yield documents.read(line, unescape_formula(cells[place]).strip())

    def _read_documents(self, documents: Iterable[Document]) -> None:
        for line, text, value, fault in documents:
            if self._originals is not None:
                self._originals.append((line, [text]))
            result = (
                self.validator.validate_document(value) if fault is None else [Fault("", "", fault)]
            )
            if isinstance(result, tuple):
                self.good.append((line, result))
                self.partial = self.partial or self._needs_book(result)
                self.members = self.members or result[PATCH_AT] is not None
                self.ids = self.ids or result[ID_AT] is not None
            else:
                self.bad.append(rejected(line, result))
                if self.rejected is not None:
                    self.rejected.add(line, value.get(KEY) if isinstance(value, dict) else None)

    def _needs_book(self, row: tuple[Any, ...]) -> bool:
        """Whether the row can only be validated together with the stored book."""
        return (
            None in _required(row)
            or (row[_PRICE] == "0.00" and row[_STOCK] is None)
            or (self._extra_wanted and (row[_EXTRA] is None or bool(row[PATCH_AT])))
        )
