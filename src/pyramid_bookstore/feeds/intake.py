"""The first half of an import: the whole feed read and judged, before the database is asked.

So nothing is locked while a slow client sends, and a file that cannot be read costs the database
nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from operator import itemgetter
from types import TracebackType
from typing import Any, Literal, Self

from pyramid_bookstore.errors import Fault, Reject
from pyramid_bookstore.feeds.csv_feed import CsvFeed
from pyramid_bookstore.feeds.judge import Judge
from pyramid_bookstore.feeds.layout import FeedOptions
from pyramid_bookstore.feeds.lines import Stream
from pyramid_bookstore.feeds.ndjson_feed import NdjsonFeed
from pyramid_bookstore.feeds.report import rejected
from pyramid_bookstore.feeds.spool import Spool
from pyramid_bookstore.feeds.staging import FIELDS, REQUIRED, ROW

_required = itemgetter(*map(FIELDS.index, REQUIRED))
_PRICE, _STOCK, _EXTRA = (FIELDS.index(name) for name in ("price", "stock", "extra"))

Format = Literal["csv", "ndjson"]
#: A row as it came: its line, and its cells or, of NDJSON, its text.
Original = tuple[int, list[str]]


class Intake:
    """The rows of one feed, good and bad, in temporary files that `close` removes.

    With ``keep_rows`` every row is kept as it came too, for a file of the rejected ones.
    """

    def __init__(self, options: FeedOptions | None = None, *, keep_rows: bool = False) -> None:
        self.options = options or FeedOptions()
        self.options.check()
        self.judge = Judge(self.options)
        self._extra_wanted = bool(self.judge.faults_without_extra)
        with ExitStack() as files:
            self.good: Spool[tuple[int, Any]] = files.enter_context(Spool(tuple[int, ROW]))
            self.bad: Spool[Reject] = files.enter_context(Spool(Reject))
            self._originals: Spool[Original] | None = (
                files.enter_context(Spool(Original)) if keep_rows else None
            )
            self._files = files.pop_all()
        #: What the header, or that of a rejects file, names; of NDJSON the one column "row".
        self.header: Sequence[str] = ()
        #: Columns that no field wanted.
        self.passed_over: Sequence[str] = ()
        #: Fields that the feed as a whole gives.
        self.given: Sequence[str] = FIELDS
        #: Whether some good row leaves out what a new book, or a rule, asks for.
        self.partial = False

    @property
    def rows(self) -> int:
        """All rows read."""
        return len(self.good) + len(self.bad)

    def read(
        self, stream: Stream, format: Format, progress: Callable[[int], None] | None = None
    ) -> None:
        """Read the feed to its end; ``progress`` is called with the bytes of text read so far.

        Raises `ValidationFailed` where it cannot be read as a whole.
        """
        if format == "csv":
            self._read_csv(CsvFeed(stream, self.options, progress))
        else:
            self._read_ndjson(NdjsonFeed(stream, self.options, progress))

    def originals(self, lines: Iterator[int]) -> Iterator[list[str]]:
        """The rows as they came of some lines, which ascend."""
        assert self._originals is not None, "made with keep_rows"
        kept = iter(self._originals)
        for wanted in lines:
            yield next(cells for line, cells in kept if line == wanted)

    def close(self) -> None:
        """Remove the temporary files."""
        self._files.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _read_csv(self, feed: CsvFeed) -> None:
        layout = feed.layout
        self.header, self.passed_over, self.given = layout.names, layout.passed_over, layout.given
        verdict_of, pick, tail = self.judge.cells(layout.given), layout.pick, layout.tail
        take, keep, lacks = self.good.append, self._originals, self._lacks
        for line, cells, fault in feed.rows():
            if keep is not None:
                keep.append((line, cells))
            if fault is not None:
                self.bad.append(Reject(line, [Fault("", "", fault)]))
                continue
            verdict = verdict_of(pick([*cells, *tail]))
            if isinstance(verdict, tuple):
                take((line, verdict))
                if not self.partial and lacks(verdict):
                    self.partial = True
            else:
                self.bad.append(rejected(line, verdict))

    def _read_ndjson(self, feed: NdjsonFeed) -> None:
        self.header = ("row",)
        for line, text, value, fault in feed.documents():
            if self._originals is not None:
                self._originals.append((line, [text]))
            if fault is not None:
                self.bad.append(Reject(line, [Fault("", "", fault)]))
                continue
            verdict = self.judge.document(value)
            if isinstance(verdict, tuple):
                self.good.append((line, verdict))
                self.partial = self.partial or self._lacks(verdict)
            else:
                self.bad.append(rejected(line, verdict))
        self.passed_over = feed.passed_over

    def _lacks(self, row: tuple[Any, ...]) -> bool:
        """Whether it takes the stored book to tell if the row is right."""
        return (
            None in _required(row)
            or (row[_PRICE] == "0.00" and row[_STOCK] is None)
            or (self._extra_wanted and row[_EXTRA] is None)
        )
