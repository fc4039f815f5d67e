"""Engine settings of an INI, converted from text to what ``create_engine`` takes.

SQLAlchemy's ``engine_from_config`` converts seven of them and passes on the others as text, so that
``false`` would be true. These are the common ones; of all others, and of unknown names, SQLAlchemy
raises when the engine is made (`pyramid_bookstore.db.engines`).
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from pyramid_bookstore.settings.converters import BOOLEAN, shown

_LOWEST = {
    "pool_size": 0,
    "pool_timeout": 0,
    "max_overflow": -1,
    "pool_recycle": -1,
    "query_cache_size": 0,
}
_BOOLEANS = ("pool_pre_ping", "pool_use_lifo", "hide_parameters", "skip_autocommit_rollback")
_BOOLEANS_OR_DEBUG = ("echo", "echo_pool")


#: What no text can be; the query of the URL has what the driver takes.
_PYTHON_ONLY = (
    *("connect_args", "execution_options", "creator", "module", "plugins", "pool", "poolclass"),
    *("pool_events", "json_serializer", "json_deserializer"),
)


def converted(name: str, value: Any) -> Any:
    """The converted value of an option; raises `ValueError`."""
    if name in _LOWEST:
        return _integer(value, _LOWEST[name])
    if name in _BOOLEANS or (name in _BOOLEANS_OR_DEBUG and value != "debug"):
        return BOOLEAN(value)
    if name in _PYTHON_ONLY and isinstance(value, str):
        raise ValueError("can be given in Python only, not as text")
    if name == "isolation_level" and str(value).strip().upper() == "AUTOCOMMIT":
        raise ValueError("AUTOCOMMIT would leave changes without transactions")
    return value


def _integer(value: Any, low: int) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{shown(value)} is not a whole number from {low}")
    return value


def all_converted(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options, converted; raises `ValueError` for the first that is invalid."""
    return {name: converted(name, value) for name, value in options.items()}


def is_database_url(url: Any) -> bool:
    """Whether SQLAlchemy can parse it."""
    try:
        make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        return False
    return True
