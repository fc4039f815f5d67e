"""Waitress's connections and tasks, with bounds for clients that are slow or send in vain."""

import logging
import socket
import time
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import WSGITask
from waitress.utilities import Error

from pyramid_bookstore.server.parser import Parser

log = logging.getLogger(__name__)

# Seconds that a connection may be idle while the process is draining. A new connection gets more
# time, as its first request is most likely on its way.
_IDLE_TIMEOUT = 0.1
_FIRST_REQUEST_TIMEOUT = 1.0

#: Bytes that a client must take of its answer within ``send_timeout``.
_LEAST_READ = 64 * 1024

#: Seconds for which what a client still sends is thrown away after a refusal: closed at once, the
#: connection would be reset, and the answer lost.
_LINGER = 2.0


class _TimedOut(Error):  # type: ignore[misc]  # waitress ships no types
    code = 408
    reason = "Request Timeout"


class _TooManyUploads(Error):  # type: ignore[misc]  # waitress ships no types
    code = 503
    reason = "Service Unavailable"

    def to_response(self, ident: Any = None) -> tuple[str, list[tuple[str, str]], bytes]:
        status, headers, body = super().to_response(ident)
        return status, [*headers, ("Retry-After", "10")], body


class Task(WSGITask):  # type: ignore[misc]  # waitress ships no types
    """Sends ``Connection: close`` while the process is draining, and where a body is not read."""

    def build_response_header(self) -> bytes:
        if self.channel.server.draining or self.request.unread:
            self.set_close_on_finish()
        header: bytes = super().build_response_header()
        return header


class _HeadTask:
    """Asks the application, in a thread, whether a body would be read."""

    def __init__(self, channel: "Channel", request: Parser) -> None:
        self._channel = channel
        self._request = request

    def service(self) -> None:
        self._channel.judge(self._request)

    def cancel(self) -> None:
        self._channel.cancel()


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress ships no types
    """One connection."""

    task_class = Task
    parser_class = Parser
    request: Parser | None

    #: When the unfinished request began to arrive, by the monotonic clock.
    _begun: float | None = None
    #: Bytes sent, and how many they were when the client last took enough, and when that was.
    _sent = 0
    _taken: tuple[int, float] | None = None
    #: When the connection closes that waits for a refused client to stop sending.
    _lingers_until: float | None = None
    _unread = False
    #: Whether bytes that came in while the parser paused are still to be parsed.
    _resuming = False

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

    def readable(self) -> bool:
        if self._lingers_until is not None:
            return True
        paused = self._resuming or (self.request is not None and self.request.paused)
        return bool(not paused and super().readable())

    def received(self, data: bytes) -> bool:
        if self._lingers_until is not None:
            return False
        taken = bool(super().received(data))
        self._unread |= any(each.unread or each.error for each in self.requests)
        request = self.request
        if request is None:
            self._begun = None
            return taken
        if self._begun is None:
            self._begun = time.monotonic()
        self._ask()
        return taken

    def service(self) -> None:
        super().service()
        self._ask()

    def _ask(self) -> None:
        """Have the head judged that waits for it, once no earlier request is unanswered."""
        with self.requests_lock:
            request = self.request
            if request is None or not request.paused or request.asked or self.requests:
                return
            request.asked = True
        self.server.add_task(_HeadTask(self, request))

    def judge(self, request: Parser) -> None:
        """Go on with the body of a request, or have the refusal answered."""
        limit = self.server.adj.max_request_body_size
        try:
            limit = self.server.body_limit(Task(self, request).get_environment())
        except Exception:  # of a host's code; its views will raise it again
            log.exception("Cannot judge a request by its head")
        if limit is None:
            self._finish(request)
        elif self.server.uploads.enter(request):
            self._resume(request, limit)
        else:
            self._finish(request, _TooManyUploads("Too many bodies are being received"))
        self.server.pull_trigger()

    def _resume(self, request: Parser, limit: int) -> None:
        self._resuming = True
        kept = request.resume(limit)
        if request.expect_continue:
            with self.requests_lock:
                self.send_continue()
            # Waitress takes it for unfinished, also if the client has gone meanwhile: it would
            # count among the uploads for good.
            request.completed = not self.connected
        self.received(kept)
        self._resuming = False

    def _finish(self, request: Parser, error: Error | None = None) -> None:
        """Have a request answered of which no more is read."""
        with self.requests_lock:
            self.requests.append(request)  # first, so that nothing is read from here on
            self._unread = True
            request.refuse(error)
            self.request = self._begun = None
        self.server.add_task(self)

    def _flush_some(self, do_close: bool = True) -> bool:
        # Waitress's loop takes no lock where no request is being answered, as all writing is its
        # own then. Here the thread that judges a head sends "100 Continue" at that time.
        with self.outbuf_lock:
            return bool(super()._flush_some(do_close))

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close=do_close)
        self._sent += sent
        return sent

    def cut_if_slow(self, now: float, receive_timeout: float, send_timeout: float) -> None:
        """Close the connection of a client that sends or reads too slowly; called by the loop."""
        if self._lingers_until is not None:
            if now > self._lingers_until:
                self.handle_close()
        elif self.total_outbufs_len:
            if self._taken is None or self._sent - self._taken[0] >= _LEAST_READ:
                self._taken = (self._sent, now)
            elif now > self._taken[1] + send_timeout:
                log.warning("Cut off a client that did not read its answer.")
                self._unread = False
                self.handle_close()
        else:
            self._taken = None
            request = self.request
            slow = self._begun is not None and now > self._begun + receive_timeout
            if slow and request is not None and not (request.paused or self.requests):
                self._finish(request, _TimedOut("The request did not arrive in time"))

    def handle_close(self) -> None:
        if self._unread and self.connected and self._lingers_until is None:
            self._lingers_until = time.monotonic() + _LINGER
            self.will_close = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:  # the client is gone
                super().handle_close()
            return
        super().handle_close()
        if self.request is not None:  # behind the end of the connection, for `_resume`
            self.request.completed = True  # nothing more will come of it

    def _has_unread_bytes(self) -> bool:
        """Whether the kernel has received bytes that were not read yet."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False
