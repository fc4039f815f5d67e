"""Engine settings of an INI: texts to what ``create_engine`` takes.

``engine_from_config`` converts seven of them and hands on the others, so that ``false`` would count
as true. Here are those that people set; what else there is, and which names there are at all,
SQLAlchemy knows, and refuses the rest when the engine is made (`pyramid_bookstore.db.probe`).
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import URL, make_url
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
_ECHOES = ("echo", "echo_pool")


def converted(name: str, value: Any) -> Any:
    """The value of an option; raises `ValueError` for a text that is none of it."""
    if name in _LOWEST:
        return _integer(value, _LOWEST[name])
    if name in _BOOLEANS or (name in _ECHOES and value != "debug"):
        return BOOLEAN(value)
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
    """All options; raises `ValueError` for the first that is none."""
    return {name: converted(name, value) for name, value in options.items()}


def url_fault(url: object) -> bool:
    """Whether this is no database URL; whether there is such a database is not looked at."""
    if not isinstance(url, str | URL):
        return True
    try:
        make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        return True
    return False
