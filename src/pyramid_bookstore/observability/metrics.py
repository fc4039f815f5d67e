"""Prometheus metrics of one mount, with labels that no client can make up.

With several processes, `PROMETHEUS_MULTIPROC_DIR` names a folder that they share, as
prometheus-client documents it; any of them then answers for all.
"""

import os
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from pyramid_bookstore.db.database import Database

CONTENT_TYPE = CONTENT_TYPE_LATEST

#: Upper bounds in seconds: from a cached read to a statement timeout.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The numbers of one mount in this process."""

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
            "Stock changes refused for want of copies.",
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
        """Count one answer; ``error`` is the code of a refusal."""
        self._requests.labels(method, route, str(status)).inc()
        self._latency.labels(method, route).observe(seconds)
        if error == "insufficient_stock":
            self._refusals.inc()
        self._look_at_pools()

    def text(self) -> bytes:
        """All numbers in Prometheus's text format; of all processes, where they share a folder."""
        self._look_at_pools()
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        merged = CollectorRegistry()
        MultiProcessCollector(merged)  # type: ignore[no-untyped-call]  # it is untyped upstream
        return generate_latest(merged)

    def _look_at_pools(self) -> None:
        if self._database is None:
            return
        for name, engine in self._database.engines.items():
            pool: Any = engine.pool
            self._pool.labels(name).set(pool.checkedout())
