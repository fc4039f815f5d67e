"""A file of keys that is read again when it changes: keys rotate without a restart."""

import logging
import os
import stat
from time import monotonic
from typing import TypeAlias

from pyramid_bookstore.auth.keys import KeyFault, KeySet, NoUsableKey, from_file

log = logging.getLogger(__name__)

#: Seconds between two checks of the file.
INTERVAL = 1.0

_MAX_SIZE = 1024 * 1024  # bytes
# Device, inode, size, mtime, ctime. The ctime changes with a chmod, and with new content that has
# an old mtime.
_Version: TypeAlias = tuple[int, int, int, int, int]


class KeyFile:
    """The keys in a file.

    Needs no lock: the state changes in one assignment, and threads that check at the same time
    only read the file twice.
    """

    def __init__(self, path: str, algorithms: tuple[str, ...]) -> None:
        """Reads the file; raises `KeyFault` if that fails or it has no key for ``algorithms``."""
        self._path = path
        self._algorithms = algorithms
        version = _version(path)
        self._state: tuple[_Version | None, KeySet] = (version, self._read())
        self._next_check = monotonic() + INTERVAL

    def __call__(self) -> KeySet:
        """The current keys, at most `INTERVAL` seconds behind the file.

        A file that is missing or broken is logged once as an error, and the old keys stay in use: a
        failed rotation must not lock everybody out. A JWKS without a usable key is logged in the
        same way, and there are no keys: who took the last key out wants its tokens refused.
        """
        now = monotonic()
        if now >= self._next_check:
            self._next_check = now + INTERVAL
            self._check()
        return self._state[1]

    def _check(self) -> None:
        old_version, keys = self._state
        version: _Version | None = None
        try:
            # Before reading: if the file changes in between, the next check finds it changed.
            version = _version(self._path)
            if version == old_version:
                return
            self._state = (version, self._read())
            log.info("bookstore.jwt.key_file was read again: %d keys", len(self._state[1].keys))
        except NoUsableKey as fault:
            self._state = (version, KeySet(()))
            log.error("bookstore.jwt.key_file: %s; every token is refused", fault)
        except KeyFault as fault:
            self._state = (version, keys)
            if version != old_version:  # else every check of a missing file would log it
                log.error("bookstore.jwt.key_file: %s; the keys read before stay in use", fault)

    def _read(self) -> KeySet:
        keys = read_keys(self._path, self._algorithms)
        for note in keys.ignored:
            log.warning("bookstore.jwt.key_file: ignored: %s", note)
        return keys


def check_file(path: str, algorithms: tuple[str, ...]) -> None:
    """Raises `KeyFault` if the file cannot be used. Logs nothing."""
    _version(path)
    read_keys(path, algorithms)


def _version(path: str) -> _Version:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: NUL in the path
        raise KeyFault(_unreadable(error)) from None
    if not stat.S_ISREG(found.st_mode):
        raise KeyFault("is no file")
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_keys(path: str, algorithms: tuple[str, ...]) -> KeySet:
    """The keys in the file; raises `KeyFault`."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_SIZE + 1)
    except OSError as error:
        raise KeyFault(_unreadable(error)) from None
    if len(data) > _MAX_SIZE:
        raise KeyFault(f"the file is larger than {_MAX_SIZE} bytes")
    return from_file(data, algorithms)


def _unreadable(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"the file cannot be read ({reason})"
