"""Text in other encodings, turned into UTF-8 on its way; and which encoding a line may have."""

import codecs
import re
from typing import TYPE_CHECKING, Final, NoReturn

from pyramid_bookstore.errors import Fault, ValidationFailed

if TYPE_CHECKING:
    from pyramid_bookstore.feeds.lines import Stream

#: What files that are not UTF-8 are in most often.
_COMMON: Final = (
    "windows-1252", "windows-1250", "windows-1251", "macintosh", "cp850", "shift_jis", "gb18030",
)  # fmt: skip
_SHOWN: Final = 3

#: UTF-32 first: its mark begins as that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def marked(start: bytes) -> str | None:
    """The encoding of a file whose first bytes are a byte order mark."""
    return next((name for mark, name in _MARKS if start.startswith(mark)), None)


def readings(line: bytes, at: int) -> str:
    """A sentence on the common encodings that the line may be in, by what its byte ``at`` is."""
    found: dict[str, str] = {}
    for name in _COMMON:
        try:
            before, text = line[:at].decode(name), line.decode(name).strip("\r\n")
        except UnicodeDecodeError:
            continue
        if text.replace("\t", " ").isprintable():
            # Of a long line only the end: the pattern is tried at each character.
            start = re.compile(r"\w*\Z").search(before, max(len(before) - 20, 0))
            end = re.compile(r"\W?\w*").match(text, len(before))
            assert start is not None
            assert end is not None
            found.setdefault(text[start.start() : end.end()][:40], name)
    shown = [f"{name} (“{word}”)" for word, name in found.items()][:_SHOWN]
    if not shown:
        return ""
    return f" It may be {', '.join(shown)}: say --encoding NAME (over HTTP encoding=NAME)."


class Recoded:
    """A stream of UTF-8 made from one in another encoding, whose first bytes are ``ahead``.

    Raises `ValidationFailed` with line and byte where the encoding does not fit.
    """

    def __init__(self, stream: "Stream", ahead: bytes, encoding: str) -> None:
        self._stream = stream
        self._ahead = ahead
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")
        self._bytes = 0
        self._lines = 0
        self._ended = False

    def read(self, size: int, /) -> bytes:
        """Some bytes, seldom exactly ``size``; none at the end."""
        while not self._ended:
            block, self._ahead = self._ahead or self._stream.read(size), b""
            self._ended = not block
            try:
                text = self._decoder.decode(block, final=self._ended)
                encoded = text.encode()
            except UnicodeDecodeError as error:
                self._refuse(error, block)
            except UnicodeError as error:  # a codec's own, without a place; or a lone surrogate
                self._refuse(None, block, str(error))
            self._bytes += len(block)
            self._lines += _line_ends(text)
            if encoded:
                return encoded
        return b""

    def _refuse(self, error: UnicodeDecodeError | None, block: bytes, why: str = "") -> NoReturn:
        line, place = self._lines + 1, self._bytes + 1
        hint = ""
        if error is not None:
            data, start = bytes(error.object), error.start
            place += start - (len(data) - len(block))
            line += _line_ends(data[:start].decode(self._encoding, "ignore"))
            begin = max(data.rfind(b"\n", 0, start), data.rfind(b"\r", 0, start)) + 1
            end = re.compile(rb"[\r\n]|\Z").search(data, start)
            assert end is not None
            hint = self._better(data[begin : end.start()], start - begin)
            why = f"0x{data[start]:02X}"
        message = f"Line {line}, byte {place} of the file ({why}) is not {self._encoding}."
        raise ValidationFailed([Fault("encoding", "", message + hint)])

    def _better(self, line: bytes, at: int) -> str:
        try:
            line.decode()
        except UnicodeDecodeError:
            return readings(line, at)
        return " It is UTF-8: leave the option encoding out."


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")
