"""How an engine is made of settings."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, NullPool, engine_from_config, make_url
from sqlalchemy.exc import ArgumentError

from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.settings.engine_options import all_converted


def make_engine(options: Mapping[str, Any], *, statement_timeout: int = 0, **fixed: Any) -> Engine:
    """An engine from settings as ``engine_from_config`` takes them, which win over our defaults.

    ``fixed`` are arguments of ``create_engine`` that no setting may change. Nothing connects yet,
    so a server may still fork. Raises `UnknownDialect`, and what SQLAlchemy says of bad settings.
    """
    options = all_converted(options)
    url = make_url(options["url"])
    dialect = dialect_named(url.get_backend_name())
    # What people send stays out of logs and tracebacks, unless an operator wants it there.
    hidden = {"hide_parameters": True}
    chosen = {**hidden, **dialect.engine_options(url, options), **options}
    if "poolclass" in fixed:
        # Another pool takes other options.
        of_pools = ("pool", "max_overflow")
        chosen = {name: value for name, value in chosen.items() if not name.startswith(of_pools)}
    engine = engine_from_config(chosen, prefix="", **fixed)
    _check_isolation_level(engine, options.get("isolation_level"))
    autocommit = fixed.get("isolation_level") == "AUTOCOMMIT"
    dialect.prepare(engine, statement_timeout=statement_timeout, autocommit=autocommit)
    return engine


def _check_isolation_level(engine: Engine, level: str | None) -> None:
    """SQLAlchemy itself would find out with the first connection."""
    known = engine.dialect.get_isolation_level_values(None)  # type: ignore[arg-type]  # of any
    if level is not None and str(level).replace("_", " ").upper() not in known:
        allowed = ", ".join(sorted({*known} - {"AUTOCOMMIT"}))
        raise ArgumentError(f"isolation_level {level!r} is not one of {allowed}")


def make_reading_engine(options: Mapping[str, Any], *, statement_timeout: int = 0) -> Engine:
    """An engine in autocommit mode: a read costs its one round trip, no BEGIN and no ROLLBACK."""
    return make_engine(
        options,
        statement_timeout=statement_timeout,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
    )


def make_one_time_engine(options: Mapping[str, Any]) -> Engine:
    """An engine for work at start-up or on the command line, which keeps no connection: none is
    left over for a fork to share."""
    return make_engine(options, poolclass=NullPool)
