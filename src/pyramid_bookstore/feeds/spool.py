"""Batches of rows on their way through a temporary file, so that memory stays flat."""

from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import msgspec

Item = TypeVar("Item")

_LENGTH = 4  # bytes before each batch


class Spool(Generic[Item]):
    """Rows in the order in which they came, to be read as often as needed.

    The file is there for nobody else and goes with this object, or when it is closed. ``kind`` is
    the type of a row.
    """

    def __init__(self, kind: Any, batch: int = 2000) -> None:
        self._file = TemporaryFile(prefix="bookstore-")  # noqa: SIM115  # closed by `close`
        self._decode = msgspec.msgpack.Decoder(list[kind]).decode
        self._batch = batch
        self._waiting: list[Item] = []
        self._written = 0

    def __len__(self) -> int:
        return self._written + len(self._waiting)

    def append(self, item: Item) -> None:
        """Add one at the end."""
        self._waiting.append(item)
        if len(self._waiting) >= self._batch:
            self._write()

    def batches(self) -> Iterator[Sequence[Item]]:
        """All of them, in lists of some."""
        self._write()
        at = 0
        while True:
            self._file.seek(at)
            length = int.from_bytes(self._file.read(_LENGTH), "big")
            if not length:
                return
            body = self._file.read(length)
            at += _LENGTH + length
            yield self._decode(body)

    def __iter__(self) -> Iterator[Item]:
        for batch in self.batches():
            yield from batch

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self) -> None:
        if self._waiting:
            body = msgspec.msgpack.encode(self._waiting)
            self._file.seek(0, 2)
            self._file.write(len(body).to_bytes(_LENGTH, "big"))
            self._file.write(body)
            self._written += len(self._waiting)
            self._waiting = []
