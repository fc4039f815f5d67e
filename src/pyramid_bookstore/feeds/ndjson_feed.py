"""NDJSON: one JSON object on each line."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pyramid_bookstore.catalogue.list_kinds import ListKind
from pyramid_bookstore.errors import InvalidJSON
from pyramid_bookstore.feeds.lines import Lines, Stream, refuse
from pyramid_bookstore.feeds.options import FeedOptions, normal
from pyramid_bookstore.values import jsontext
from pyramid_bookstore.values.text import is_blank

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
        self.lines = Lines(stream, progress, options.encoding)
        self._reader = Documents(options)
        #: Lines without anything, of those read so far.
        self.blank = 0

    @property
    def ignored(self) -> tuple[str, ...]:
        """Members that are no field, of the lines read so far."""
        return self._reader.ignored

    def documents(self) -> Iterator[Document]:
        """Every line that is not empty."""
        first = True
        for number, line in enumerate(self.lines, 1):
            text = line.strip()
            if text[:1] != "{" and is_blank(text):
                self.blank += 1
                continue
            if first:  # the format of the file; a wrong line further down is one rejected row
                _refuse_foreign(number, text)
            first = False
            yield self._reader.read(number, text)


class Documents:
    """Reads single lines of NDJSON, wherever they come from."""

    def __init__(self, options: FeedOptions) -> None:
        self._options = options
        self._candidates = options.candidates()
        self._wanted = {name for names in self._candidates.values() for name in names}
        self._renames = bool(options.columns or options.fixed or options.ignore_unknown)
        self._ignored: dict[str, None] = {}
        declared = options.rules.declared.fields.values()
        self._lists = {field.name for field in declared if isinstance(field.type, ListKind)}

    @property
    def ignored(self) -> tuple[str, ...]:
        """Members that are no field, of the lines read so far."""
        return tuple(self._ignored)

    def read(self, number: int, text: str) -> Document:
        """The document of a line."""
        try:
            value = jsontext.loads(text.encode("utf-8", "surrogatepass"))
        except InvalidJSON as error:
            return Document(number, text, None, error.message.replace("The body", "The line"))
        if self._renames and isinstance(value, dict):
            value = self._renamed(value)
        return Document(number, text, value)

    def _renamed(self, value: dict[str, Any]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for name, item in value.items():
            if normal(name) in self._wanted:
                members[normal(name)] = item
            elif not self._options.ignore_unknown:
                others[name] = item  # the schema reports it
            elif len(self._ignored) < _MAX_IGNORED:
                self._ignored[name] = None
        fields: dict[str, Any] = {}
        for field, names in self._candidates.items():
            found = [members[name] for name in names if name in members]
            if found:
                filled = (each for each in found if each not in (None, "", []))
                item = next(filled, found[0])
                mapped = field in self._options.columns and field not in self._lists
                fields[field] = _single(field, item) if mapped else item
        return fields | {name: item for name, item in others.items() if name not in fields}


def _single(field: str, item: Any) -> Any:
    """One value of a list, as other programs write ISBNs and authors."""
    if not isinstance(item, list) or not all(isinstance(each, str) for each in item):
        return item
    return ", ".join(item) if field == "author" else next(iter(item), None)


def _refuse_foreign(number: int, text: str) -> None:
    if text.startswith("<"):
        refuse(f"Line {number}: the file is XML or HTML, not NDJSON.")
    if text.startswith("/type/") and text.count("\t") == 4:
        refuse(
            f"Line {number}: a dump of Open Library, whose lines hold JSON behind four other"
            " columns. Cut these off (cut -f5) and import the rest."
        )
    if text.startswith("["):
        refuse(f"Line {number}: a JSON list; NDJSON has one object a line.")
