"""From the runs of one figure to what is reported of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from loadgen import Measurement
from usage import Usage

Entry = dict[str, Any]


def summary(runs: list[tuple[Measurement, Usage]]) -> Entry:
    """The medians, with all rates beside them."""

    def median(value: Callable[[Measurement, Usage], float]) -> float:
        return statistics.median(value(*run) for run in runs)

    strangers = [usage.foreign / run.seconds for run, usage in runs if usage.foreign is not None]
    return {
        "rate": median(lambda run, _: run.rate),
        "p50_ms": median(lambda run, _: run.p50_ms),
        "p99_ms": median(lambda run, _: run.p99_ms),
        "cpu_ms": median(lambda run, used: (used.stack + used.postgresql) / run.requests * 1e3),
        "foreign_cpus": statistics.median(strangers) if strangers else None,
        "errors": sum(run.errors for run, _ in runs),
        "generator": runs[0][0].generator,
        "rates": [round(run.rate, 2) for run, _ in runs],
    }
