"""A proxy before PostgreSQL that shows clients another process id, as a connection pooler does."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import make_url

#: A message with the process id of the server (BackendKeyData), up to the id.
_KEY = b"K" + struct.pack("!I", 12)


@contextmanager
def pooler(url: str) -> Iterator[str]:
    """The URL of the same database through the proxy, which ends with the block."""
    address = make_url(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = (address.host or "127.0.0.1", address.port or 5432)
        threading.Thread(target=_accept, args=(listener, place), daemon=True).start()
        port = listener.getsockname()[1]
        through = address.set(host="127.0.0.1", port=port)
        yield through.render_as_string(hide_password=False)
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, place: tuple[str, int]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection(place)
        for ends in ((client, server, False), (server, client, True)):
            threading.Thread(target=_forward, args=ends, daemon=True).start()


def _forward(source: socket.socket, target: socket.socket, from_server: bool) -> None:
    with source, target:
        try:
            while data := source.recv(65536):
                at = data.find(_KEY) + len(_KEY) if from_server and _KEY in data else 0
                target.sendall(data[:at] + b"\x7f\xff\xff\xfe" + data[at + 4 :] if at else data)
                from_server = from_server and not at
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return
