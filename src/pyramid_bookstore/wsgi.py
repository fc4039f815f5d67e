"""The standalone application for process servers: ``granian … pyramid_bookstore.wsgi:make_app``.

The import makes nothing, so a server may load this module before it forks.
"""

import os
from typing import Any

from pyramid.paster import get_app, setup_logging

#: The INI if the environment names none, in the working directory.
DEFAULT_INI = "production.ini"


def make_app() -> Any:
    """The WSGI application of the INI that ``BOOKSTORE_INI`` names, as ``pserve`` would make it.

    ``FILE#NAME`` is the section ``[app:NAME]``. The same file configures logging. Raises `OSError`
    if it cannot be read.
    """
    ini = os.environ.get("BOOKSTORE_INI") or DEFAULT_INI
    setup_logging(ini)
    return get_app(ini)
