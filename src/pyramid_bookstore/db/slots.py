"""Bounds how much costly work a process does at once, so that short requests find a thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

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
