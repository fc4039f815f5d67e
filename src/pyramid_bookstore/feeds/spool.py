"""Rows in a temporary file, so that an import of any size needs little memory."""

from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from typing import Any, Generic, Self, TypeVar

import msgspec

Item = TypeVar("Item")

_LENGTH = 4  # bytes before each batch


class Spool(Generic[Item]):
    """Rows of the type ``kind`` in the order they were added; can be read several times.

    The file has no name, and is removed when this object is closed or collected.
    """

    def __init__(self, kind: Any, batch: int = 2000) -> None:
        self._file = TemporaryFile(prefix="bookstore-")  # noqa: SIM115  # closed by `close`
        self._decode = msgspec.msgpack.Decoder(list[kind]).decode
        self._batch = batch
        self._buffer: list[Item] = []
        self._written = 0

    def __len__(self) -> int:
        return self._written + len(self._buffer)

    def append(self, item: Item) -> None:
        self._buffer.append(item)
        if len(self._buffer) >= self._batch:
            self._write()

    def batches(self) -> Iterator[Sequence[Item]]:
        """All rows, as lists of up to ``batch`` rows."""
        self._write()
        position = 0
        while True:
            self._file.seek(position)
            length = int.from_bytes(self._file.read(_LENGTH), "big")
            if not length:
                return
            body = self._file.read(length)
            position += _LENGTH + length
            yield self._decode(body)

    def __iter__(self) -> Iterator[Item]:
        for batch in self.batches():
            yield from batch

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _write(self) -> None:
        if self._buffer:
            body = msgspec.msgpack.encode(self._buffer)
            self._file.seek(0, 2)
            self._file.write(len(body).to_bytes(_LENGTH, "big"))
            self._file.write(body)
            self._written += len(self._buffer)
            self._buffer = []
