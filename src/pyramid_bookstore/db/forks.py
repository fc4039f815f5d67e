"""What a forked child must not share with its parent: connections, and locks as they were.

Servers that load the application before they fork (gunicorn's ``--preload``, uWSGI) need no
hook of their own for it.
"""

import os
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that has to change in a child."""

    def forked(self) -> None:
        """Called in the child, right after the fork."""


_KNOWN: WeakSet[Forked] = WeakSet()


def tell_after_fork(thing: Forked) -> None:
    """Call ``thing.forked()`` in every child of this process, as long as ``thing`` is in use."""
    _KNOWN.add(thing)


def _in_child() -> None:
    for thing in list(_KNOWN):
        thing.forked()


def _no_forks(*, after_in_child: Callable[[], None]) -> None:
    """For systems that do not fork."""


getattr(os, "register_at_fork", _no_forks)(after_in_child=_in_child)
