"""Whether engines can be made of the settings: the driver is there, and takes the options."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import ArgumentError

from pyramid_bookstore.db.dialects import UnknownDialect
from pyramid_bookstore.db.engines import make_engine
from pyramid_bookstore.settings.reader import REPLICA, Faults


def engines(values: Mapping[str, Any], faults: Faults) -> None:
    """Whether engines can be made; nothing connects."""
    if values["dbsession"] is not None and not (values["migrate"] or values["sample_data"]):
        return
    for options, prefix in (
        (values["database"], values["database_prefix"]),
        (values["replica"], REPLICA),
    ):
        # What is at fault already is left out, to find what else is.
        sound = {
            name: each for name, each in (options or {}).items() if not faults.about(prefix + name)
        }
        if "url" in sound and not faults.about(f"{prefix}url"):
            _engine(sound, prefix, faults)


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
    except (ArgumentError, AttributeError, TypeError, ValueError) as error:
        faults.add(f"{prefix}*", str(error))
