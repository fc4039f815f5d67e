"""A server that is there again a moment after it was killed: ``python -m torture.victim INI PORT
PIDFILE``.

Everything is imported once; a child makes the application and serves. When it is killed, the next
one begins.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pyramid.paster import get_app, setup_logging

import pyramid_bookstore.standalone  # noqa: F401  # loaded here, so that no child has to
from pyramid_bookstore.server import serve


def main(ini: str, port: str, pid_file: str) -> None:
    """Serve, and serve again, until this process itself is killed."""
    setup_logging(ini)
    while True:
        child = os.fork()
        if child == 0:
            serve(get_app(ini), {}, host="127.0.0.1", port=port, threads=8)
            os._exit(0)
        fresh = Path(f"{pid_file}.new")
        fresh.write_text(str(child))
        fresh.replace(pid_file)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):  # it was not killed: its port is taken, say
            sys.exit("The server ended by itself.")


if __name__ == "__main__":
    main(*sys.argv[1:])
