"""The server: waitress's sockets and threads, with a loop of its own."""

import gc
import logging
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable
from threading import Lock
from typing import Any

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ThreadedTaskDispatcher

from pyramid_bookstore.server.channel import Channel
from pyramid_bookstore.server.parser import Parser
from pyramid_bookstore.web.responses import DRAINING
from pyramid_bookstore.web.server_hooks import BODY_LIMIT, PROBES

log = logging.getLogger(__name__)

#: Seconds that one turn of the loop waits for the network.
_POLL_TIMEOUT = 0.05


class _Uploads:
    """The bodies that are being received, of which ``most`` may be large."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entered: list[Parser] = []
        self._lock = Lock()

    def enter(self, request: Parser) -> bool:
        """Whether there is room for the body of this request, which then counts."""
        with self._lock:
            self._entered = [each for each in self._entered if not each.completed]
            if len(self._entered) >= self._most:
                return False
            self._entered.append(request)
            return True


class _Lanes:
    """A thread of its own for the path of each probe, as one may wait for a database and another
    must not; waitress's threads for all else."""

    def __init__(self, others: ThreadedTaskDispatcher, probes: Collection[str]) -> None:
        self._others = others
        self._probes = {path: ThreadedTaskDispatcher() for path in probes}
        for dispatcher in self._probes.values():
            dispatcher.set_thread_count(1)

    def add_task(self, task: Any) -> None:
        requests = getattr(task, "requests", None)
        path = getattr(requests[0], "path", "") if requests else ""
        self._probes.get(path, self._others).add_task(task)

    def shutdown(self, timeout: float) -> None:
        self._others.shutdown(timeout=timeout)


class GracefulServer:
    """Waitress's sockets and threads, with a loop that drains before it ends.

    Times are in seconds; the package's docstring has all options.
    """

    def __init__(
        self,
        app: Callable[..., Iterable[bytes]],
        *,
        grace: float,
        delay: float,
        receive_timeout: float,
        send_timeout: float,
        max_uploads: int,
        **options: Any,
    ):
        self._map: dict[int, Any] = {}
        self._draining = False
        self._grace = grace
        self._delay = delay
        self._timeouts = receive_timeout, send_timeout
        self._looked = 0.0

        def with_draining(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            environ[DRAINING] = self._draining
            return app(environ, start_response)

        options.setdefault("max_request_header_size", 32 * 1024)
        options.setdefault("outbuf_high_watermark", 1024 * 1024)
        self._server = create_server(with_draining, map=self._map, **options)
        hooks = getattr(app, "registry", {})
        uploads = _Uploads(max_uploads)
        lanes = _Lanes(self._server.task_dispatcher, hooks.get(PROBES, ()))
        for listener in self._listeners():
            listener.draining = False
            listener.channel_class = Channel
            listener.uploads = uploads
            listener.task_dispatcher = lanes
            most = listener.adj.max_request_body_size
            listener.body_limit = hooks.get(BODY_LIMIT, lambda _environ, most=most: most)
        self._dispatcher = lanes

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
        self._dispatcher.shutdown(timeout=1)
        log.info("Drained after %.1f s.", time.monotonic() - began)
        return cut

    def _poll(self, timeout: float = _POLL_TIMEOUT) -> None:
        wasyncore.loop(timeout=timeout, map=self._map, count=1, use_poll=True)
        now = time.monotonic()
        if now > self._looked + 1:
            self._looked = now
            for channel in self._channels():
                channel.cut_if_slow(now, *self._timeouts)

    def _listeners(self) -> list[Any]:
        return [found for found in self._map.values() if isinstance(found, BaseWSGIServer)]

    def _channels(self) -> list[Channel]:
        return [found for found in self._map.values() if isinstance(found, Channel)]


def serve(
    app: Callable[..., Iterable[bytes]],
    global_conf: dict[str, str],
    *,
    shutdown_grace: str | float = 20,
    shutdown_delay: str | float = 0,
    receive_timeout: str | float = 120,
    send_timeout: str | float = 30,
    max_uploads: str | int = 4,
    **options: Any,
) -> int:
    """Entry point ``paste.server_runner``: ``pserve`` calls it with the options of the INI.

    Raises `OSError` with one sentence if the address cannot be had.
    """
    for name in ("port", "http_port"):
        if name in global_conf and "listen" not in options:
            options["port"] = global_conf[name]
    try:
        server = GracefulServer(
            app,
            grace=float(shutdown_grace),
            delay=float(shutdown_delay),
            receive_timeout=float(receive_timeout),
            send_timeout=float(send_timeout),
            max_uploads=int(max_uploads),
            **options,
        )
    except OSError as error:
        address = options.get("listen") or f"{options.get('host', '')}:{options.get('port', 8080)}"
        # Pserve ends with 0 at a SystemExit; any other error ends it with 1, but with a traceback.
        sys.tracebacklimit = 0
        raise OSError(
            f"Cannot listen on {address}: {error.strerror}. http_port=8081 behind the INI takes"
            " another port."
        ) from None
    server.run()
    # What is loaded is not collected piece by piece at the end of the process: 0.6 s.
    gc.freeze()
    return 0
