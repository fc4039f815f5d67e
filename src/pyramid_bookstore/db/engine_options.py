"""Engine settings of an INI: which there are, and what each takes.

``engine_from_config`` itself converts a few texts and hands on the others, so that ``false`` would
count as true and a wrong word be found at the first request. Here each is judged at start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from sqlalchemy import URL, Engine, Pool, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.util import asbool, get_cls_kwargs, get_func_kwargs

from pyramid_bookstore.converters import BOOLEAN, TEXT, Converter, nearest, shown
from pyramid_bookstore.db.dialects import UnknownDialect, dialect_named


def _integer(low: int) -> Converter:
    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise ValueError(f"{shown(value)} is not {allowed}")
        return value

    allowed = f"a whole number from {low}"
    return Converter(allowed, parse)


def _boolean(value: Any) -> bool:
    try:
        return bool(asbool(value))
    except ValueError:
        raise ValueError(f"{shown(value)} is not {BOOLEAN.allowed}") from None


def _echo(value: Any) -> bool | str:
    if isinstance(value, str) and value.strip().lower() == "debug":
        return "debug"
    try:
        return _boolean(value)
    except ValueError as error:
        raise ValueError(f"{error}, nor debug") from None


def _reset(value: Any) -> Any:
    word = value.strip().lower() if isinstance(value, str) else value
    # As an enum, too, from Python.
    if isinstance(word, str) and word not in ("rollback", "commit", "none"):
        raise ValueError(f"{shown(value)} is not one of rollback, commit, none")
    return word


def _from_python(kind: str, fits: Callable[[Any], bool]) -> Converter:
    """What no text of an INI can be."""

    def parse(value: Any) -> Any:
        if not fits(value):
            # Not the value: connect_args may hold a password.
            raise ValueError(
                f"must be {kind}, which can be given in Python alone, not a {type(value).__name__};"
                " what the driver takes goes into the query of the url"
            )
        return value

    return Converter(kind, parse)


_COUNT = _integer(0)
_SIZE = _integer(1)
_OPEN = _integer(-1)
_YES_NO = Converter(BOOLEAN.allowed, _boolean)
_ECHO = Converter(f"{BOOLEAN.allowed}, or debug", _echo)
_MAPPING = _from_python("a mapping", lambda value: isinstance(value, Mapping))
_CALLABLE = _from_python("a callable", callable)

#: The documented arguments of ``create_engine``, beside ``url``.
OPTIONS: Mapping[str, Converter] = {
    **dict.fromkeys(("echo", "echo_pool"), _ECHO),
    **dict.fromkeys(("pool_size", "pool_timeout", "query_cache_size"), _COUNT),
    **dict.fromkeys(("max_overflow", "pool_recycle"), _OPEN),
    **dict.fromkeys(("label_length", "max_identifier_length", "insertmanyvalues_page_size"), _SIZE),
    **dict.fromkeys(("pool_pre_ping", "pool_use_lifo", "hide_parameters", "future"), _YES_NO),
    **dict.fromkeys(("skip_autocommit_rollback", "use_insertmanyvalues"), _YES_NO),
    **dict.fromkeys(("enable_from_linting", "implicit_returning"), _YES_NO),
    **dict.fromkeys(("logging_name", "pool_logging_name", "paramstyle", "isolation_level"), TEXT),
    **dict.fromkeys(("connect_args", "execution_options"), _MAPPING),
    **dict.fromkeys(("creator", "json_serializer", "json_deserializer"), _CALLABLE),
    "pool_reset_on_return": Converter("rollback, commit or none", _reset),
    "pool": _from_python("a pool", lambda value: isinstance(value, Pool)),
    "poolclass": _from_python(
        "a class of pools", lambda value: isinstance(value, type) and issubclass(value, Pool)
    ),
    "module": _from_python("a module", lambda value: isinstance(value, ModuleType)),
    "plugins": _from_python("a list", lambda value: isinstance(value, list | tuple)),
    "pool_events": _from_python("a list", lambda value: isinstance(value, list | tuple)),
}


def converted(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with their texts converted; raises `ValueError` for one that is none."""
    return {
        name: OPTIONS[name](value) if name in OPTIONS else value for name, value in options.items()
    }


def url_fault(url: object) -> bool:
    """Whether this is no database URL; whether there is such a database is not looked at."""
    if not isinstance(url, str | URL):
        return True
    try:
        make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        return True
    return False


def option_faults(options: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Each faulty option, what is wrong with it, and the one that may be meant by it.

    ``url`` is left out, and so are names that only a plugin of SQLAlchemy's could know.
    """
    url = None if url_fault(options.get("url")) else make_url(options["url"])
    known = {*OPTIONS, *_of_dialect(url)}
    plugins = "plugins" in options or (url is not None and "plugin" in url.query)
    for name, value in options.items():
        if name == "url":
            continue
        if name not in known:
            if not plugins:
                meant = nearest(name, {*OPTIONS, "url"})
                yield name, "no such engine setting", meant
            continue
        try:
            converted({name: value})
            if name == "isolation_level" and url is not None:
                _check_level(url, value)
        except ValueError as error:
            yield name, str(error), None


def _of_dialect(url: URL | None) -> set[str]:
    """Arguments that only some databases and drivers have."""
    try:
        dialect = None if url is None else url.get_dialect()
    except ArgumentError:  # there is no such dialect, which is the fault of the url
        dialect = None
    if dialect is None:
        return set()
    names = {*get_cls_kwargs(dialect), *get_cls_kwargs(Engine)}
    return names | {*get_func_kwargs(dialect.import_dbapi)}


def _check_level(url: URL, level: str) -> None:
    try:
        dialect_named(url.get_backend_name())
        allowed = url.get_dialect()().get_isolation_level_values(None)  # type: ignore[arg-type]  # which connection it is makes no difference
    except (UnknownDialect, ArgumentError):  # the fault of the url
        return
    if level.strip().upper() == "AUTOCOMMIT":
        raise ValueError("AUTOCOMMIT would leave changes without transactions")
    if level.strip().replace("_", " ").upper() not in allowed:
        raise ValueError(
            f"{shown(level)} is not one of {', '.join(sorted(allowed))}, which"
            f" {url.get_backend_name()} has"
        )
