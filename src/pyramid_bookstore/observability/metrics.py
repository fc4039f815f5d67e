"""Prometheus metrics of one mount; no client can create new labels.

With several processes, `PROMETHEUS_MULTIPROC_DIR` names a folder that they share (see
prometheus-client); then each answers with the metrics of all.
"""

import os
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from pyramid_bookstore.db.database import Database

#: Upper bounds in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one mount in this process."""

    def __init__(self, database: Database | None) -> None:
        self._registry = CollectorRegistry()
        self._database = database
        self._requests = Counter(
            "bookstore_requests",
            "Requests answered, by method, route pattern and status.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "bookstore_request_duration_seconds",
            "Time to answer, by method and route pattern.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._refusals = Counter(
            "bookstore_stock_refusals",
            "Stock changes refused because of too few copies.",
            registry=self._registry,
        )
        self._pool = Gauge(
            "bookstore_pool_connections_in_use",
            "Database connections in use, by pool.",
            ["pool"],
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def answered(
        self, method: str, route: str, status: int, seconds: float, error: str | None
    ) -> None:
        """Count one response; ``error`` is the code of its problem document, if it is one."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(method, route).observe(seconds)
        if error == "insufficient_stock":
            self._refusals.inc()
        self._set_pool_gauges()

    def text(self) -> bytes:
        """All metrics in Prometheus's text format; of all processes if they share a folder."""
        self._set_pool_gauges()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        merged = CollectorRegistry()
        MultiProcessCollector(merged)  # type: ignore[no-untyped-call]  # it is untyped upstream
        return generate_latest(merged)

    def _set_pool_gauges(self) -> None:
        if self._database is None:
            return
        for name, engine in self._database.engines.items():
            pool: Any = engine.pool
            self._pool.labels(name).set(pool.checkedout())
