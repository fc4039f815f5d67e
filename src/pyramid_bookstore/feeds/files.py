"""Files on the disk, pipes and gzip, for the command line."""

import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from pyramid_bookstore.feeds.intake import Format
from pyramid_bookstore.feeds.lines import Stream

PIPE = "-"
_GZIP = b"\x1f\x8b"
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}


class Source:
    """An open file to import.

    ``size`` is its bytes on the disk, None of a pipe; ``position`` says how many of them were read.
    """

    def __init__(self, name: str, raw: io.BufferedReader, size: int | None) -> None:
        self.size = size
        self.position: Callable[[], int] = raw.tell if size is not None else lambda: 0
        packed = raw.peek(2)[:2] == _GZIP
        unpacked = gzip.GzipFile(fileobj=raw) if packed else raw
        self.format = format_of(name) or _guess(unpacked)
        self.stream: Stream = cast(Stream, unpacked)


def format_of(name: str) -> Format | None:
    """The format that a file's name tells, ``.gz`` left aside."""
    path = Path(name.lower().removesuffix(".gz"))
    return _SUFFIXES.get(path.suffix)


def _guess(stream: io.BufferedReader | gzip.GzipFile) -> Format:
    """The format by the first character, for pipes and names that tell nothing."""
    try:
        start = stream.peek(512)
    except (EOFError, OSError):
        start = b""  # what is wrong is said when the file is read
    return "ndjson" if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "csv"


@contextmanager
def source(name: str) -> Iterator[Source]:
    """The file, or standard input for ``-``, unpacked if it is gzip, whatever its name."""
    if name == PIPE:
        piped: Any = sys.stdin.buffer
        # What stands in for standard input in somebody's test need not be buffered.
        buffered = piped if hasattr(piped, "peek") else io.BufferedReader(piped)
        yield Source(name, buffered, None)
        return
    with open(name, "rb") as raw:
        regular = os.path.isfile(name)  # not a named pipe, as the shell's <(…) is
        yield Source(name, raw, os.fstat(raw.fileno()).st_size if regular else None)


@contextmanager
def target(name: str) -> Iterator[IO[bytes]]:
    """A file to export to, or standard output for ``-``; packed where the name ends in ``.gz``.

    The file takes its name only when it is whole: one that was there stays until then, and an
    export that is broken off leaves nothing.
    """
    if name == PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if os.path.exists(name) and not os.path.isfile(name):  # a device, or a named pipe
        with open(name, "wb") as device:
            yield device
        return
    part = f"{name}.part"
    try:
        with open(part, "wb") as raw:
            if name.lower().endswith(".gz"):
                # Without a time and a name in it: the same books give the same bytes.
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield raw
        os.replace(part, name)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
