"""Engine settings of an INI, converted from text to what ``create_engine`` takes.

SQLAlchemy's ``engine_from_config`` converts seven of them and passes on the others as text, so that
``false`` would be true. These are the common ones; of all others, and of unknown names, SQLAlchemy
raises when the engine is made (`pyramid_bookstore.db.engines`).
"""

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import ArgumentError

from pyramid_bookstore.settings.converters import BOOLEAN, shown

_LOWEST = {
    **dict.fromkeys(("pool_size", "pool_timeout", "query_cache_size"), 0),
    **dict.fromkeys(("max_overflow", "pool_recycle"), -1),
    **dict.fromkeys(("label_length", "max_identifier_length", "insertmanyvalues_page_size"), 1),
}
_BOOLEANS = ("pool_pre_ping", "pool_use_lifo", "hide_parameters", "skip_autocommit_rollback")
_BOOLEANS_OR_DEBUG = ("echo", "echo_pool")
_WORDS = ("isolation_level", "pool_reset_on_return")
#: What no text can be; the query of the URL has what the driver takes.
_PYTHON_ONLY = (
    *("connect_args", "execution_options", "creator", "module", "plugins", "pool", "poolclass"),
    *("pool_events", "json_serializer", "json_deserializer"),
)
#: Options whose values hold no secret.
PUBLIC = frozenset({*_LOWEST, *_BOOLEANS, *_BOOLEANS_OR_DEBUG, *_WORDS})


def converted(name: str, value: Any) -> Any:
    """The converted value of an option; raises `ValueError`."""
    word = value.strip().lower() if isinstance(value, str) else value
    if name in _LOWEST:
        return _integer(value, _LOWEST[name])
    if name in _BOOLEANS_OR_DEBUG and word == "debug":
        return word
    if name in _BOOLEANS or name in _BOOLEANS_OR_DEBUG:
        return BOOLEAN(value)
    if name == "uri":
        raise ValueError("no such option, did you mean url?")
    if name in _PYTHON_ONLY and isinstance(value, str):
        raise ValueError("can be given in Python only, not as text")
    if name == "isolation_level" and word == "autocommit":
        raise ValueError("AUTOCOMMIT would leave changes without transactions")
    if name == "isolation_level" and isinstance(value, str):
        return value.strip().upper()
    return word if name == "pool_reset_on_return" else value


def _integer(value: Any, low: int) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value.strip()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        raise ValueError(f"{shown(value)} is not a whole number from {low}")
    return value


def all_converted(options: Mapping[str, Any]) -> dict[str, Any]:
    """All options, converted; raises `ValueError` for the first that is invalid."""
    return {name: converted(name, value) for name, value in options.items()}


def is_engine_option(name: str, url: Any) -> bool:
    """Whether ``create_engine`` takes an option of this name; if that cannot be tried, as without
    the driver, it does."""
    if name in ("url", *PUBLIC, *_PYTHON_ONLY):
        return True
    try:
        create_engine(url, **{name: None})
    except TypeError as error:
        return not str(error).startswith("Invalid argument")
    except (ArgumentError, AttributeError, ImportError, ValueError):
        return True
    return True


def is_database_url(url: Any) -> bool:
    """Whether SQLAlchemy can parse it, and takes no part of the password for the host."""
    try:
        return "@" not in (make_url(url).host or "")
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        return False
