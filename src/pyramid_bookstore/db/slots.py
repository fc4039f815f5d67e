"""Bounds how much costly work a process does at once, so that short requests find a thread."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Condition
from typing import Any

from pyramid_bookstore.errors import Unavailable


class Slots:
    """``total`` slots, and room for ``waiting`` threads that wait at most ``patience`` seconds for
    one. Who gets none is refused with `Unavailable`, and holds no thread.
    """

    def __init__(self, total: int, *, waiting: int = 0, patience: float = 1.0) -> None:
        self._free = total
        self._room = waiting
        self._patience = patience
        self._changed = Condition()

    def take(self) -> Callable[[], None]:
        """Take a slot; call what is returned to give it back, once.

        Raises `Unavailable`.
        """
        with self._changed:
            if not self._free:
                self._wait()
            self._free -= 1
        return self._give_back

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a slot; raises `Unavailable`."""
        give_back = self.take()
        try:
            yield
        finally:
            give_back()

    def _wait(self) -> None:
        if self._room:
            self._room -= 1
            try:
                self._changed.wait_for(lambda: self._free, self._patience)
            finally:
                self._room += 1
        if not self._free:
            raise Unavailable("Too many requests of this kind are being served.", retry_after=2)

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()


class Held(Iterator[bytes]):
    """The chunks of an answer, for which a slot is held until they are sent or given up."""

    def __init__(self, slots: Slots, chunks: Callable[[], Any]) -> None:
        """Raises `Unavailable` before ``chunks`` is called, and what that raises."""
        self._with = ExitStack()
        self._with.callback(slots.take())
        with self._with.pop_all() as held:
            self._chunks = chunks()
            if hasattr(self._chunks, "close"):
                held.callback(self._chunks.close)
            self._with = held.pop_all()

    def __next__(self) -> bytes:
        chunk: bytes = next(self._chunks)
        return chunk

    def close(self) -> None:
        """Give the slot back; the WSGI server calls this at the end of the answer (PEP 3333)."""
        self._with.close()

    #: For an answer that a host has replaced.
    __del__ = close
