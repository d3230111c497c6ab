"""Prometheus metrics of the edge; features add their own to the same registry."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_STARTS = (0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600)


class Metrics:
    """The registry of one Brain, so that two in one process do not share numbers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.events = Counter(
            "hytopus_events",
            "Events this Brain has written down, by kind: `instance.failed`, `instance.start_retried` and so on.",
            ("kind",),
            registry=self.registry,
        )
        self.writes = Histogram(
            "hytopus_database_write_seconds",
            "Time of a transaction that writes, from asking for it until it is durable.",
            registry=self.registry,
            buckets=_BUCKETS,
        )
        self.starts = Histogram(
            "hytopus_instance_start_seconds",
            "Time from the beginning of a start, preparation included, until players can join.",
            registry=self.registry,
            buckets=_STARTS,
        )
        self.requests = Histogram(
            "hytopus_http_request_seconds",
            "Time to answer a request of the API, by route template.",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=_BUCKETS,
        )
