"""Waitress with a graceful end, for `pserve`: ``use = egg:pyramid_bookstore#waitress``.

Waitress itself ends at SIGTERM wherever it is: requests in flight are cut, queued ones dropped.
Here SIGTERM makes the process say at ``/ready`` that it is leaving, take no more connections,
answer what it has, and only then end. This is a server, chosen in an INI's ``[server:…]`` section;
it reaches into no application.

Options are waitress's own, and two more, in seconds: ``shutdown_grace`` (20), after which what is
still unanswered is cut; ``shutdown_delay`` (0), for which the process goes on taking connections
after SIGTERM, so that a load balancer can learn from ``/ready`` first. ``pserve FILE
http_port=8081`` goes before ``port`` of the INI, which by itself cannot give a variable a default.
"""

import logging
import signal
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import WSGITask

from pyramid_bookstore.web.responses import DRAINING

log = logging.getLogger(__name__)

#: How long the loop waits for the network before it looks around.
_TICK = 0.05

# For how long a connection may say nothing, once the process is leaving: one that was served
# before, and one that was just made, whose first request is most likely on its way.
_PATIENCE = 0.1
_PATIENCE_AT_FIRST = 1.0


class _Task(WSGITask):  # type: ignore[misc]  # waitress ships no types
    """Says ``Connection: close`` once the process is leaving."""

    def build_response_header(self) -> bytes:
        if self.channel.server.leaving:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress ships no types
    task_class = _Task

    @property
    def idle(self) -> bool:
        """Whether nothing is being received, served or sent on this connection."""
        begun = self.request is not None and not self.request.empty
        return not (self.requests or begun or self.total_outbufs_len or self._has_mail())

    @property
    def patience(self) -> float:
        """For how many seconds it may be idle while the process is leaving."""
        untouched = self.last_activity == self.creation_time
        return _PATIENCE_AT_FIRST if untouched else _PATIENCE

    def _has_mail(self) -> bool:
        """Whether the kernel has bytes for us that were not read yet."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


class GracefulServer:
    """Waitress's sockets and threads, with a loop that ends in order."""

    def __init__(
        self, app: Callable[..., Iterable[bytes]], *, grace: float, delay: float, **options: Any
    ):
        self._map: dict[int, Any] = {}
        self._leaving = False
        self._grace = grace
        self._delay = delay
        self._server = create_server(self._telling(app), map=self._map, **options)
        for listener in self._listeners():
            listener.leaving = False
            listener.channel_class = _Channel

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns how many connections had to be cut at the end."""
        signal.signal(signal.SIGTERM, self._leave)
        signal.signal(signal.SIGINT, self._leave)
        self._server.print_listen("Serving on http://{}:{}")
        while not self._leaving:
            self._turn(timeout=1.0)
        # A second signal ends the process at once.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return self._drain()

    def _leave(self, _signal: int, _frame: Any) -> None:
        self._leaving = True
        for listener in self._listeners():
            listener.pull_trigger()

    def _drain(self) -> int:
        began = time.monotonic()
        log.info("Leaving: %d connections are open.", len(self._channels()))
        while time.monotonic() < began + self._delay:
            self._turn()
        for listener in self._listeners():
            listener.leaving = True
            # Whoever is connected already, if only for the kernel, is served still.
            before = -1
            while len(self._map) != before:
                before = len(self._map)
                listener.handle_accept()
            wasyncore.dispatcher.close(listener)
        deadline = time.monotonic() + self._grace
        while self._channels() and time.monotonic() < deadline:
            for channel in self._channels():
                if channel.idle and channel.last_activity < time.time() - channel.patience:
                    channel.handle_close()
            self._turn()
        cut = len(self._channels())
        if cut:
            log.warning("Cut %d connections that were not done in time.", cut)
        self._server.task_dispatcher.shutdown(timeout=1)
        log.info("Left after %.1f s.", time.monotonic() - began)
        return cut

    def _turn(self, timeout: float = _TICK) -> None:
        wasyncore.loop(timeout=timeout, map=self._map, count=1, use_poll=True)

    def _listeners(self) -> list[Any]:
        return [found for found in self._map.values() if isinstance(found, BaseWSGIServer)]

    def _channels(self) -> list[_Channel]:
        return [found for found in self._map.values() if isinstance(found, _Channel)]

    def _telling(self, app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
        def telling(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ[DRAINING] = self._leaving
            return app(environ, start_response)

        return telling


def serve(
    app: Callable[..., Iterable[bytes]],
    global_conf: dict[str, str],
    *,
    shutdown_grace: str | float = 20,
    shutdown_delay: str | float = 0,
    **options: Any,
) -> int:
    """Entry point ``paste.server_runner``: what ``pserve`` calls with the options of the INI."""
    if "http_port" in global_conf and "listen" not in options:
        options["port"] = global_conf["http_port"]
    server = GracefulServer(
        app, grace=float(shutdown_grace), delay=float(shutdown_delay), **options
    )
    server.run()
    return 0
