"""Whether what metrics are made with is installed."""

from collections.abc import Mapping
from typing import Any

from pyramid_bookstore.settings.reader import Faults


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
