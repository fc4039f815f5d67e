"""Checks of settings beyond the table: that the drivers, extras and keys they need are there.

Each probe adds its faults to those of the settings, so that a start names all of them. It ignores
settings that have a fault already.
"""

from collections.abc import Mapping
from typing import Any

from pyramid.path import DottedNameResolver

from pyramid_bookstore.auth import check_token_key
from pyramid_bookstore.catalogue.declaration import from_settings, together
from pyramid_bookstore.db.engines import check_engines
from pyramid_bookstore.settings.converters import FACTORY
from pyramid_bookstore.settings.reader import Faults


def check_metrics_extra(values: Mapping[str, Any], faults: Faults) -> None:
    """The metrics extra is installed if the settings ask for metrics."""
    if values["metrics"]:
        try:
            import pyramid_bookstore.observability.metrics  # noqa: F401  # only to try
        except ImportError:
            faults.add(
                "bookstore.metrics",
                "true needs the metrics extra: pip install 'pyramid_bookstore[metrics]'",
            )


def check_declared_fields(values: Mapping[str, Any], faults: Faults) -> None:
    """The declarations are valid by themselves and together."""
    found: list[tuple[str, str]] = []
    together(from_settings(values["trade"], values["declared"], found), found)
    for name, problem in found:
        faults.add(f"bookstore.field.{name}", problem)


def check_root_factory(values: Mapping[str, Any], faults: Faults) -> None:
    """The factory of our routes' context can be imported and called."""
    name = values["root_factory"]
    try:
        found = name and DottedNameResolver().maybe_resolve(name)
    except (ImportError, ValueError) as error:
        faults.add("bookstore.root_factory", f"{name!r} cannot be imported: {error}")
    else:
        if not (found is None or callable(found)):
            faults.add("bookstore.root_factory", f"{name!r} is not {FACTORY.allowed}")


#: The probes that run at start.
PROBES = (
    check_engines,
    check_token_key,
    check_metrics_extra,
    check_declared_fields,
    check_root_factory,
)
