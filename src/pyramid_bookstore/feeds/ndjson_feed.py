"""NDJSON: one JSON object on each line."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pyramid_bookstore.errors import InvalidJSON
from pyramid_bookstore.feeds.layout import FeedOptions, normal
from pyramid_bookstore.feeds.lines import Lines, Stream, refuse
from pyramid_bookstore.values import jsontext

#: Names of ignored members that are reported.
_MAX_IGNORED = 50


class Document(NamedTuple):
    """A line: its number, its text, and its JSON value or a message if it is not JSON."""

    line: int
    text: str
    value: Any
    fault: str | None = None


class NdjsonFeed:
    """An NDJSON file, its members renamed to fields as the options say.

    Raises `ValidationFailed` for a file that cannot be read; the fault of a single line comes with
    the line.
    """

    def __init__(
        self, stream: Stream, options: FeedOptions, progress: Callable[[int], None] | None = None
    ) -> None:
        self._lines = Lines(stream, progress)
        self._options = options
        self._wanted = options.wanted()
        self._renames = bool(options.columns or options.fixed or options.ignore_unknown)
        self._ignored: dict[str, None] = {}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Members that are no field, of the lines read so far."""
        return tuple(self._ignored)

    def documents(self) -> Iterator[Document]:
        """Every line that is not empty."""
        first = True
        for number, line in enumerate(self._lines, 1):
            text = line.strip()
            if not text:
                continue
            if first:  # the format of the file; a wrong line further down is one rejected row
                _refuse_foreign(number, text)
            first = False
            try:
                value = jsontext.loads(text.encode())
            except InvalidJSON as error:
                yield Document(number, text, None, error.message.replace("The body", "The line"))
                continue
            if self._renames and isinstance(value, dict):
                value = self._renamed(value)
            yield Document(number, text, value)

    def _renamed(self, value: dict[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, item in value.items():
            field = self._wanted.get(normal(name))
            if field is not None:
                fields[field] = item
            elif not self._options.ignore_unknown:
                fields.setdefault(name, item)  # the schema reports it
            elif len(self._ignored) < _MAX_IGNORED:
                self._ignored[name] = None
        return fields


def _refuse_foreign(number: int, text: str) -> None:
    if text.startswith("<"):
        refuse(f"Line {number}: the file is XML or HTML, not NDJSON.")
    if text.startswith("["):
        refuse(f"Line {number}: a JSON list; NDJSON has one object a line.")
