"""Waitress with graceful shutdown, for `pserve`: ``use = egg:pyramid_bookstore#waitress``.

Waitress itself stops at once at SIGTERM: it cuts requests in flight and drops queued ones. With
this server the process starts draining: ``/ready`` answers 503, no new connections are accepted,
open requests are answered, and then the process ends. It is chosen in the ``[server:…]`` section of
an INI and changes no application.

Options are those of waitress, and two in seconds: ``shutdown_grace`` (20), after which unanswered
requests are cut; ``shutdown_delay`` (0), for which connections are still accepted after SIGTERM, so
that a load balancer sees ``/ready`` first. ``pserve FILE http_port=8081`` overrides ``port`` of the
INI, as an INI cannot give a variable a default.
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

#: Seconds that one turn of the loop waits for the network.
_POLL_TIMEOUT = 0.05

# Seconds that a connection may be idle while the process is draining. A new connection gets more
# time, as its first request is most likely on its way.
_IDLE_TIMEOUT = 0.1
_FIRST_REQUEST_TIMEOUT = 1.0


class _Task(WSGITask):  # type: ignore[misc]  # waitress ships no types
    """Sends ``Connection: close`` while the process is draining."""

    def build_response_header(self) -> bytes:
        if self.channel.server.draining:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _Channel(HTTPChannel):  # type: ignore[misc]  # waitress ships no types
    task_class = _Task

    @property
    def idle(self) -> bool:
        """Whether nothing is being received, served or sent on this connection."""
        begun = self.request is not None and not self.request.empty
        return not (self.requests or begun or self.total_outbufs_len or self._has_unread_bytes())

    @property
    def idle_timeout(self) -> float:
        """Seconds that it may be idle while the process is draining."""
        unused = self.last_activity == self.creation_time
        return _FIRST_REQUEST_TIMEOUT if unused else _IDLE_TIMEOUT

    def _has_unread_bytes(self) -> bool:
        """Whether the kernel has received bytes that were not read yet."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False


class GracefulServer:
    """Waitress's sockets and threads, with a loop that drains before it ends."""

    def __init__(
        self, app: Callable[..., Iterable[bytes]], *, grace: float, delay: float, **options: Any
    ):
        self._map: dict[int, Any] = {}
        self._draining = False
        self._grace = grace
        self._delay = delay

        def with_draining(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ[DRAINING] = self._draining
            return app(environ, start_response)

        self._server = create_server(with_draining, map=self._map, **options)
        for listener in self._listeners():
            listener.draining = False
            listener.channel_class = _Channel

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; returns how many connections were cut at the end."""
        signal.signal(signal.SIGTERM, self._start_draining)
        signal.signal(signal.SIGINT, self._start_draining)
        self._server.print_listen("Serving on http://{}:{}")
        while not self._draining:
            self._poll(timeout=1.0)
        # A second signal ends the process at once.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return self._drain()

    def _start_draining(self, _signal: int, _frame: Any) -> None:
        self._draining = True
        for listener in self._listeners():
            listener.pull_trigger()

    def _drain(self) -> int:
        began = time.monotonic()
        log.info("Draining: %d connections are open.", len(self._channels()))
        while time.monotonic() < began + self._delay:
            self._poll()
        for listener in self._listeners():
            listener.draining = True
            # Accept the connections that wait in the kernel's queue.
            before = -1
            while len(self._map) != before:
                before = len(self._map)
                listener.handle_accept()
            wasyncore.dispatcher.close(listener)
        deadline = time.monotonic() + self._grace
        while self._channels() and time.monotonic() < deadline:
            for channel in self._channels():
                if channel.idle and channel.last_activity < time.time() - channel.idle_timeout:
                    channel.handle_close()
            self._poll()
        cut = len(self._channels())
        if cut:
            log.warning("Cut %d connections that did not finish in time.", cut)
        self._server.task_dispatcher.shutdown(timeout=1)
        log.info("Drained after %.1f s.", time.monotonic() - began)
        return cut

    def _poll(self, timeout: float = _POLL_TIMEOUT) -> None:
        wasyncore.loop(timeout=timeout, map=self._map, count=1, use_poll=True)

    def _listeners(self) -> list[Any]:
        return [found for found in self._map.values() if isinstance(found, BaseWSGIServer)]

    def _channels(self) -> list[_Channel]:
        return [found for found in self._map.values() if isinstance(found, _Channel)]


def serve(
    app: Callable[..., Iterable[bytes]],
    global_conf: dict[str, str],
    *,
    shutdown_grace: str | float = 20,
    shutdown_delay: str | float = 0,
    **options: Any,
) -> int:
    """Entry point ``paste.server_runner``: ``pserve`` calls it with the options of the INI."""
    if "http_port" in global_conf and "listen" not in options:
        options["port"] = global_conf["http_port"]
    server = GracefulServer(
        app, grace=float(shutdown_grace), delay=float(shutdown_delay), **options
    )
    server.run()
    return 0
