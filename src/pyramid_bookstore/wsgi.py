"""The standalone application for process servers: ``granian … pyramid_bookstore.wsgi:make_app``.

Nothing is made at import, so that a server may load this before it forks.
"""

import os
from typing import Any

from pyramid.paster import get_app, setup_logging

#: The INI where the environment names none, in the working directory.
DEFAULT_INI = "production.ini"


def make_app() -> Any:
    """The WSGI application of the INI that ``BOOKSTORE_INI`` names, as ``pserve`` would make it.

    ``FILE#NAME`` takes the section ``[app:NAME]``. Logging is set up by the same file. Raises
    `OSError` where it cannot be read.
    """
    ini = os.environ.get("BOOKSTORE_INI") or DEFAULT_INI
    setup_logging(ini)
    return get_app(ini)
