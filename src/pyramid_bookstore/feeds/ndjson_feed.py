"""NDJSON: one JSON object a line."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pyramid_bookstore.errors import InvalidJSON
from pyramid_bookstore.feeds.layout import FeedOptions, normal
from pyramid_bookstore.feeds.lines import Lines, Stream, refuse
from pyramid_bookstore.values import jsontext

#: Names of members that no field wants which are kept, to be told once.
_MAX_PASSED_OVER = 50


class Document(NamedTuple):
    """A line: its number, its text, and the value in it or what is wrong with it."""

    line: int
    text: str
    value: Any
    fault: str | None = None


class NdjsonFeed:
    """The lines of an NDJSON file, members renamed to fields as the options say.

    Raises `ValidationFailed` for a file that cannot be read as a whole; what is wrong with a single
    line comes with the line.
    """

    def __init__(
        self, stream: Stream, options: FeedOptions, progress: Callable[[int], None] | None = None
    ) -> None:
        self._lines = Lines(stream, progress)
        self._options = options
        self._wanted = options.wanted()
        self._plain = not (options.columns or options.fixed or options.pass_over)
        self._passed_over: dict[str, None] = {}

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Members that no field wanted, of the lines read so far."""
        return tuple(self._passed_over)

    def documents(self) -> Iterator[Document]:
        """Every line that is not empty."""
        there = False
        for number, line in enumerate(self._lines, 1):
            text = line.strip()
            if not text:
                continue
            if not there:  # only the first line tells what a file is; others stand for themselves
                _refuse_foreign(number, text)
            there = True
            try:
                value = jsontext.loads(text.encode())
            except InvalidJSON as error:
                yield Document(number, text, None, _in_line(error.message))
                continue
            if self._plain or not isinstance(value, dict):
                yield Document(number, text, value)
            else:
                yield Document(number, text, self._renamed(value))

    def _renamed(self, value: dict[str, Any]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, item in value.items():
            field = self._wanted.get(normal(name))
            if field is not None:
                fields[field] = item
            elif not self._options.pass_over:
                fields.setdefault(name, item)  # the schema names it
            elif len(self._passed_over) < _MAX_PASSED_OVER:
                self._passed_over[name] = None
        return fields


def _refuse_foreign(number: int, text: str) -> None:
    if text.startswith("<"):
        refuse(f"Line {number}: the file is XML or HTML, not NDJSON.")
    if text.startswith("["):
        refuse(f"Line {number}: a JSON list; NDJSON has one object a line.")


def _in_line(message: str) -> str:
    """The words of `jsontext` for a body, for a line of a file."""
    return message.replace("The body is ", "The line is ").replace("The body ", "The line ")
