"""Prometheus metrics of the edge; features add their own to the same registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The registry of one Brain, so that two in one process do not share numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "hytopus_http_request_seconds",
            "Time to answer a request of the API, by route template.",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=_BUCKETS,
        )
