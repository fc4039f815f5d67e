"""Waitress's parser of requests, without input that it would take seconds for.

Each bound is for a pattern or a loop of waitress 3.0.2 whose time grows with the square of what a
client sends; it runs in the loop that serves everybody. All of it could go upstream as it is.
"""

import re
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError, get_header_lines
from waitress.receiver import ChunkedReceiver
from waitress.utilities import BadRequest

#: Bytes of the line before a chunk, and of the fields behind the last one.
_LONGEST_LINE = 1024
_LONGEST_TRAILER = 16 * 1024

#: A longer body is judged by the head of its request before it is received.
LARGE = 64 * 1024

_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress ships no types
    """One request as it arrives.

    Where its body is large, or of unknown length, or waits for "100 Continue", the parser pauses
    behind the head until `resume`, and keeps what has arrived behind it.
    """

    #: Whether the head is complete and nobody has said whether to take the body.
    paused = False
    #: Whether somebody was asked.
    asked = False
    #: Whether the client has more to send than was read.
    unread = False

    _resumed = False
    _expects_continue = False
    _kept = b""
    _limit: int | None = None
    error: Any
    expect_continue: bool

    def received(self, data: bytes) -> int:
        """Take bytes, not while paused; returns how many belong to this request."""
        consumed: int = super().received(data)
        if self.completed:  # waitress would ask for a body that is not to come
            self.expect_continue = False
        elif self.headers_finished and not self._resumed:
            if self.chunked or self.expect_continue or self.content_length > LARGE:
                self.paused = True
                self._expects_continue, self.expect_continue = self.expect_continue, False
                self._kept = data[consumed:]
                return len(data)
            self._resumed = True
        if isinstance(self.body_rcv, ChunkedReceiver) and not self.completed:
            self._bound_chunks(self.body_rcv)
        return consumed

    def resume(self, limit: int | None = None) -> bytes:
        """Take the body, up to a little more than ``limit`` bytes where its length is unknown;
        returns what has arrived of it."""
        self.paused, self._resumed = False, True
        self.expect_continue = self._expects_continue
        self._limit = limit
        kept, self._kept = self._kept, b""
        return kept

    def refuse(self, error: Any = None) -> None:
        """Take no more of the body. The application answers, or ``error`` of waitress's kind."""
        self.paused, self._kept = False, b""
        self.error = self.error or error
        self.completed = self.unread = True
        if self.chunked:
            self.headers["CONTENT_LENGTH"] = str(len(self.body_rcv))

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head; raises `ParsingError`."""
        try:
            super().parse_header(_harmless(header_plus))
        except ValueError as error:  # numbers of thousands of digits, and "http://["
            raise ParsingError("Malformed number or URI") from error

    def _bound_chunks(self, body: ChunkedReceiver) -> None:
        # Waitress puts an unfinished line together anew with each packet.
        if len(body.control_line) > _LONGEST_LINE or len(body.trailer) > _LONGEST_TRAILER:
            self.refuse(BadRequest("The line of a chunk is too long"))
        elif self._limit is not None and len(body) > self._limit:
            self.refuse()


def _harmless(head: bytes) -> bytes:
    """The same head without blanks around values, where the pattern for a field tries each way to
    split them; and never with a request line that the pattern for it searches in vain."""
    first, end, fields = head.partition(b"\r\n")
    words = first.rstrip().split(b" ")
    if len(words) > 3 or (len(words) == 3 and not _VERSION.fullmatch(words[2])):
        raise ParsingError("Start line is invalid")
    lines = []
    for line in get_header_lines(fields):  # folded ones in one piece
        name, colon, value = line.partition(b":")
        lines.append(name + colon + value.strip(b" \t"))
    return first + end + b"\r\n".join(lines)
