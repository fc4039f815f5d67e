"""Makes engines from settings, and checks that they can be made."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, NullPool, engine_from_config, make_url
from sqlalchemy.exc import ArgumentError

from pyramid_bookstore.db.dialects import UnknownDialect, UnknownDriver, dialect_named
from pyramid_bookstore.settings.engine_options import all_converted
from pyramid_bookstore.settings.reader import REPLICA, Faults


def make_engine(options: Mapping[str, Any], *, statement_timeout: int = 0, **fixed: Any) -> Engine:
    """An engine from settings as ``engine_from_config`` takes them, which override our defaults.

    ``statement_timeout`` in milliseconds, 0 for none; ``fixed`` are arguments of ``create_engine``
    that no setting can change. Nothing connects yet, so a server may still fork. Raises
    `UnknownDialect`, `UnknownDriver`, and what SQLAlchemy raises for bad settings.
    """
    options = all_converted(options)
    dialect = dialect_named(make_url(options["url"]).get_backend_name())
    url = dialect.own_url(make_url(options["url"]))
    # Keeps what clients send out of logs and tracebacks, unless an operator sets it otherwise.
    defaults = {"hide_parameters": True, **dialect.engine_options(url)}
    chosen = {**defaults, **options, "url": url}
    if "poolclass" in fixed:
        # Another pool takes other options.
        of_pools = ("pool", "max_overflow")
        chosen = {name: value for name, value in chosen.items() if not name.startswith(of_pools)}
    engine = engine_from_config(chosen, prefix="", **fixed)
    _check_isolation_level(engine, options.get("isolation_level"))
    autocommit = fixed.get("isolation_level") == "AUTOCOMMIT"
    dialect.add_listeners(engine, statement_timeout=statement_timeout, autocommit=autocommit)
    return engine


def _check_isolation_level(engine: Engine, level: str | None) -> None:
    """SQLAlchemy itself checks it only with the first connection."""
    known = engine.dialect.get_isolation_level_values(None)  # type: ignore[arg-type]  # of any
    if level is not None and level.replace("_", " ").upper() not in known:
        allowed = ", ".join(sorted({*known} - {"AUTOCOMMIT"}))
        raise ArgumentError(f"isolation_level {level!r} is not one of {allowed}")


def make_reading_engine(options: Mapping[str, Any], *, statement_timeout: int = 0) -> Engine:
    """An engine in autocommit mode: a read is one round trip, without BEGIN and ROLLBACK."""
    return make_engine(
        options,
        statement_timeout=statement_timeout,
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
    )


def make_one_time_engine(options: Mapping[str, Any]) -> Engine:
    """An engine for start-up and the command line: it keeps no connection that a fork could
    share, so it needs no ``dispose``."""
    return make_engine(options, poolclass=NullPool)


def changing_nothing(engine: Engine) -> Engine:
    """An engine to look with: it makes no file, nor changes one; the same where nothing would."""
    url = dialect_named(engine.dialect.name).unchanging(engine.url)
    return engine if url is engine.url else make_one_time_engine({"url": url})


def check_engines(values: Mapping[str, Any], faults: Faults) -> None:
    """A probe of the settings: the drivers are installed and take the options. Nothing connects."""
    if values["dbsession"] is not None and not (values["migrate"] or values["sample_data"]):
        return
    for options, prefix in (
        (values["database"], values["database_prefix"]),
        (values["replica"], REPLICA),
    ):
        # Without the options that have a fault already, to find the others.
        sound = {
            name: each for name, each in (options or {}).items() if not faults.about(prefix + name)
        }
        if "url" in sound:
            _check_engine(sound, prefix, faults)


def _check_engine(options: Mapping[str, Any], prefix: str, faults: Faults) -> None:
    try:
        make_engine(options)
    except ImportError as error:
        faults.add(
            f"{prefix}url",
            f"the driver is not installed ({error}). For PostgreSQL:"
            " pip install 'pyramid_bookstore[postgres]'",
        )
    except (UnknownDialect, UnknownDriver) as error:
        faults.add(f"{prefix}url", str(error))
    except (ArgumentError, AttributeError, KeyError, TypeError, ValueError) as error:
        faults.add(f"{prefix}*", f"SQLAlchemy says: {error}")
