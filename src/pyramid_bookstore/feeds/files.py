"""Files, pipes and gzip, for the command line."""

import gzip
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from pyramid_bookstore.feeds.intake import Format
from pyramid_bookstore.feeds.lines import Stream

PIPE = "-"
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".xlsx": "xlsx",
    ".ods": "ods",
}


class Source:
    """An open file to import.

    ``size`` is the file's size in bytes, None for a pipe; ``position`` returns the bytes read.
    """

    def __init__(self, name: str, raw: io.BufferedReader, size: int | None) -> None:
        self.size = size
        self.position: Callable[[], int] = raw.tell if size is not None else lambda: 0
        packed = raw.peek(2)[:2] == _GZIP
        unpacked = gzip.GzipFile(fileobj=raw) if packed else raw
        self.format = format_of(name) or _guess(unpacked)
        self.stream: Stream = cast(Stream, unpacked)


def format_of(name: str) -> Format | None:
    """The format by a file's name, without ``.gz``; None for an unknown suffix."""
    return _SUFFIXES.get(Path(name.lower().removesuffix(".gz")).suffix)


def _guess(stream: io.BufferedReader | gzip.GzipFile) -> Format:
    """The format by the first character, for pipes and unknown suffixes."""
    try:
        start = stream.peek(512)
    except (EOFError, OSError):
        start = b""  # reading the file raises the error again
    if start.startswith(_ZIP):
        return "xlsx"  # which is read as ods is
    return "ndjson" if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "csv"


@contextmanager
def source(name: str) -> Iterator[Source]:
    """The file, or standard input for ``-``; unpacked if its content is gzip."""
    if name == PIPE:
        piped: Any = sys.stdin.buffer
        # Test runners replace standard input by unbuffered streams.
        buffered = piped if hasattr(piped, "peek") else io.BufferedReader(piped)
        yield Source(name, buffered, None)
        return
    with open(name, "rb") as raw:
        regular = os.path.isfile(name)  # the shell's <(…) is a named pipe
        yield Source(name, raw, os.fstat(raw.fileno()).st_size if regular else None)


@contextmanager
def target(name: str) -> Iterator[IO[bytes]]:
    """A file to export to, or standard output for ``-``; packed if the name ends in ``.gz``.

    The file replaces an existing one, or what a link points to, only when it is complete, and has
    the same mode; after an error nothing is left.
    """
    if name == PIPE:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if os.path.exists(name) and not os.path.isfile(name):  # a device, or a named pipe
        with open(name, "wb") as device:
            yield device
        return
    final = os.path.realpath(name)
    part = f"{final}.{os.getpid()}.part"
    try:
        raw = open(part, "xb")  # noqa: SIM115  # closed below
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None
    try:
        with raw:
            if name.lower().endswith(".gz"):
                # Without time and name, so that the same books give the same bytes.
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield raw
        if os.path.exists(final):
            shutil.copymode(final, part)
        os.replace(part, final)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


@contextmanager
def text_target(name: str) -> Iterator[IO[str]]:
    """The same for text."""
    with target(name) as opened:
        text = io.TextIOWrapper(opened, encoding="utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()
