"""What no table can say of settings: whether the drivers, extras and keys they ask for are there.

Each probe adds its faults to those of the settings themselves, so that a start names all at once.
It passes over what is at fault already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import ArgumentError

from pyramid_bookstore.auth import key_fault
from pyramid_bookstore.db.dialects import UnknownDialect
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.settings_reader import REPLICA, Faults


def engines(values: Mapping[str, Any], faults: Faults) -> None:
    """Whether engines can be made; nothing connects."""
    if values["dbsession"] is not None and not (values["migrate"] or values["sample_data"]):
        return
    for options, prefix in (
        (values["database"], values["database_prefix"]),
        (values["replica"], REPLICA),
    ):
        if options and not faults.about(prefix):
            _engine(options, prefix, faults)


def _engine(options: Mapping[str, Any], prefix: str, faults: Faults) -> None:
    try:
        make_engine(options)
    except ImportError as error:
        faults.add(
            f"{prefix}url",
            f"the driver is not installed ({error}). For PostgreSQL:"
            " pip install 'pyramid_bookstore[postgres]'",
        )
    except UnknownDialect as error:
        faults.add(f"{prefix}url", str(error))
    except (ArgumentError, TypeError, ValueError) as error:
        faults.add(f"{prefix}*", str(error))


def tokens(values: Mapping[str, Any], faults: Faults) -> None:
    """Whether the key that tokens are checked with can be used."""
    if values["auth"] != "jwt" or faults.about("bookstore.jwt.key", "bookstore.jwt.algorithms"):
        return
    found = key_fault(values["jwt_key"], values["jwt_key_file"], values["jwt_algorithms"])
    if found is not None:
        faults.add(*found)


def extras(values: Mapping[str, Any], faults: Faults) -> None:
    """Whether what metrics are made with is installed."""
    if values["metrics"]:
        try:
            import pyramid_bookstore.observability.metrics  # noqa: F401  # whether it can be
        except ImportError:
            faults.add(
                "bookstore.metrics",
                "true needs the metrics extra: pip install 'pyramid_bookstore[metrics]'",
            )


#: What a start asks.
START = (engines, tokens, extras)
