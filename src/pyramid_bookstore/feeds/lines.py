"""Lines of text from a stream of bytes, in constant memory."""

import codecs
import io
import re
import zlib
from collections.abc import Callable, Iterator
from gzip import BadGzipFile
from typing import Final, NoReturn, Protocol

from pyramid_bookstore.errors import Fault, ValidationFailed
from pyramid_bookstore.feeds.encodings import Recoded, marked, readings

MAX_LINE: Final = 1024 * 1024
"""Bytes of a line; a row with the longest values, all of them escaped, has less than half."""

BLOCK: Final = 256 * 1024

_BOM = b"\xef\xbb\xbf"
#: At the start of a line: two files were joined, each with its mark.
_INNER_BOM = re.compile("(?:^|(?<=[\r\n]))\ufeff+")
_SAVE_AS = "save the file as UTF-8 (in Excel: “CSV UTF-8”)"
# Files of other formats, by their first bytes.
_FOREIGN = (
    (b"\x1f\x8b", "The file is compressed with gzip; send what is in it."),
    (
        b"PK\x03\x04",
        "The file is a ZIP archive, as a spreadsheet is: --format xlsx on the command line, the"
        " media type of .xlsx over HTTP.",
    ),
    (b"\xd0\xcf\x11\xe0", "The file is an old Excel workbook; save it as CSV UTF-8."),
    (b"%PDF", "The file is a PDF document, neither CSV nor NDJSON."),
)


class Stream(Protocol):
    """Where a feed comes from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


def refuse(message: str, field: str = "") -> NoReturn:
    """Raise `ValidationFailed` with one fault of the file as a whole."""
    raise ValidationFailed([Fault(field, "", message)])


class Lines:
    """The lines of a text with their line ends (LF, CRLF or CR), without byte order marks.

    The encoding is that of a byte order mark, else ``encoding``, else UTF-8. Raises
    `ValidationFailed` where it does not fit (with line and byte), for a line of more than
    `MAX_LINE` bytes, a damaged gzip file, and files of other formats. ``progress`` is called with
    the bytes of text read so far.
    """

    def __init__(
        self,
        stream: Stream,
        progress: Callable[[int], None] | None = None,
        encoding: str | None = None,
    ) -> None:
        self._stream = stream
        self._progress = progress or (lambda done: None)
        #: Bytes and line ends before the current block.
        self._bytes = 0
        self._lines = 0
        self._left = self._read()
        for start, message in _FOREIGN:
            if self._left.startswith(start):
                refuse(message)
        mark = marked(self._left)
        #: Whether the file of rejects, which is UTF-8, gets a byte order mark. A mark goes over the
        #: option, so that the rejects are read with the same options.
        self.needs_mark = bool(mark or encoding)
        encoding = mark or encoding or "utf-8"
        if codecs.lookup(encoding).name != "utf-8":
            self._stream = Recoded(stream, self._left, encoding)
            self._left = self._read()
        if b"\0" in self._left[:4]:  # UTF-16 or UTF-32 without a byte order mark
            refuse(
                "Line 1: the file is not UTF-8, there are NUL bytes in it; if it is UTF-16, say"
                f" --encoding utf-16-le or utf-16-be (over HTTP encoding=…), or {_SAVE_AS}."
            )
        if self._left.startswith(_BOM):
            self._left = self._left[len(_BOM) :]
            self._bytes = len(_BOM)

    def __iter__(self) -> Iterator[str]:
        """Every line once."""
        for text in self._blocks():
            # Splits only at line ends; str.splitlines also splits at form feeds, for example.
            yield from io.StringIO(text, newline="")

    def _blocks(self) -> Iterator[str]:
        """The text in blocks of whole lines."""
        left = self._left
        while True:
            block = self._read()
            if not block:
                break
            left += block
            end = left.rfind(b"\n") + 1
            if not end and len(left) > MAX_LINE:
                # A CR at the very end may be the first half of a CRLF.
                end = left.rfind(b"\r", 0, -1) + 1
            if not end:
                self._check_lengths(left)
                continue
            yield self._text(left[:end])
            left = left[end:]
        if left:
            yield self._text(left)

    def _text(self, block: bytes) -> str:
        if len(block) > MAX_LINE:
            self._check_lengths(block)
        try:
            text = block.decode()
        except UnicodeDecodeError as error:
            self._not_utf8(block, error.start)
        self._bytes += len(block)
        self._lines += _line_ends(block)
        self._progress(self._bytes)
        return _INNER_BOM.sub("", text) if "\ufeff" in text else text

    @property
    def bytes_read(self) -> int:
        """The bytes of text handed out so far, as whole blocks."""
        return self._bytes

    def _not_utf8(self, block: bytes, at: int) -> NoReturn:
        line = self._lines + _line_ends(block[:at]) + 1
        begin = max(block.rfind(b"\n", 0, at), block.rfind(b"\r", 0, at)) + 1
        end = re.compile(rb"[\r\n]|\Z").search(block, at)
        assert end is not None
        refuse(
            f"Line {line}, byte {at - begin + 1} of the line (byte {self._bytes + at + 1} of the"
            f" file, 0x{block[at]:02X}) is not UTF-8; {_SAVE_AS}."
            f"{readings(block[begin : end.start()], at - begin)}"
        )

    def _check_lengths(self, block: bytes) -> None:
        for number, line in enumerate(block.splitlines(), self._lines + 1):
            if len(line) > MAX_LINE:
                refuse(f"Line {number} has more than {MAX_LINE:,} bytes.")

    def _read(self) -> bytes:
        try:
            return self._stream.read(BLOCK)
        except EOFError:
            refuse("The compressed file ends before its end: it was cut off on its way.")
        except (BadGzipFile, zlib.error):
            refuse("The compressed file is damaged.")


def _line_ends(block: bytes) -> int:
    return block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")
