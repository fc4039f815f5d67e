"""Child processes that end with the process that started them, even when it is killed.

A small shell reads from a pipe. When the pipe closes before a line was written, the shell ends the
child and removes its folder. (``PR_SET_PDEATHSIG`` is Linux only and already acts when the starting
*thread* ends.)
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# $1 target of the signal, $2 signal name, $3 folder to remove or empty. A line on stdin means that
# the parent has cleaned up; end of file without a line means that the parent has ended.
_GUARD = """
trap '' HUP INT TERM
read -r line && exit 0
kill -s "$2" -- "$1" 2>/dev/null
tries=0
while kill -0 -- "$1" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
if [ -n "$3" ]; then rm -rf -- "$3"; fi
"""


class DidNotStart(Exception):
    """A server did not start; the message has its output."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], *, timeout: float, what: str) -> None:
    """Return as soon as ``holds()``; raise :class:`TimeoutError` after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            if holds():  # the machine may have stood still since the last look
                return
            raise TimeoutError(f"{what}: not within {timeout:g} s")
        time.sleep(0.02)


class GuardedProcess:
    """A running child process in its own session, with its output in the file ``log``.

    ``user`` is the ``(uid, gid)`` to run as, which only root can set. ``orphan_signal`` is sent if
    this process ends without cleaning up: by default SIGKILL to the whole process group of the
    child; with ``orphan_group=False`` to the child only (PostgreSQL's postmaster ends its own
    children, which are in groups of their own). ``folder`` is then removed, too.
    """

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        user: tuple[int, int] | None = None,
        orphan_signal: str = "KILL",
        orphan_group: bool = True,
        folder: Path | None = None,
    ) -> None:
        self.log = log
        uid, gid = user or (None, None)
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=uid,
                group=gid,
                extra_groups=None if user is None else [],
            )
        self._ended = False
        self.pid = self._child.pid
        target = f"-{self.pid}" if orphan_group else str(self.pid)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", target, orphan_signal, str(folder or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.end)

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._child.poll()

    def output(self) -> str:
        """Everything the child has written so far, standard output and error together."""
        return self.log.read_text(errors="replace")

    def send(self, number: int) -> None:
        """Send a signal to the child only; nothing happens if it has ended."""
        self._child.send_signal(number)

    def wait(self, timeout: float = 30) -> int:
        """Wait, without a signal, until the child ends, and return its exit status."""
        status = self._child.wait(timeout)
        self.end()
        return status

    def stop(self, number: int = signal.SIGTERM, timeout: float = 30) -> int:
        """Signal the child, wait for it (killing it after ``timeout``), return its exit status."""
        self.send(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout)
        self.end()
        return self._child.wait()

    def end(self) -> None:
        """Kill the child and what remains of its process group. Can be called again."""
        if self._ended:
            return
        self._ended = True
        # The group may run longer than its leader, as workers do after their master was killed.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()
        with contextlib.suppress(BrokenPipeError):
            self._guard.communicate(b"done\n")
        atexit.unregister(self.end)
