"""`/metrics` for Prometheus and `/healthz`, on a socket of their own that only this machine reaches."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hytopus.node.runner.host import CacheNumbers
from hytopus.wire.messages import NodeLoad, NodeStatus

_REQUEST_SECONDS: Final = 5.0
_STEPS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the agent says of itself when it is asked."""

    statuses: Mapping[NodeStatus, int]
    cache: CacheNumbers
    engine_up: bool
    dev_mode: bool
    connected: bool = False
    load: NodeLoad = field(default_factory=NodeLoad)
    players: int = 0
    unacknowledged: int = 0


class Metrics:
    """Counters that live as long as the agent, and a look at the agent at each scrape."""

    def __init__(self, sample: Callable[[], Sample] | None = None) -> None:
        self.registry = CollectorRegistry()
        self.sample = sample
        self.engine_errors: Counter[str] = Counter()
        self._steps = Histogram(
            "hytopus_node_step_seconds",
            "Time of each step of preparing and starting an instance.",
            ["step"],
            buckets=_STEPS,
            registry=self.registry,
        )
        ProcessCollector(registry=self.registry)
        self.registry.register(_AgentCollector(self))

    def observe_step(self, step: str, seconds: float) -> None:
        self._steps.labels(step).observe(seconds)

    def count_engine_error(self, code: str) -> None:
        self.engine_errors[code] += 1

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _AgentCollector(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        errors = CounterMetricFamily("hytopus_node_docker_errors", "Failed calls to the engine.", labels=["code"])
        for code, count in self._metrics.engine_errors.items():
            errors.add_metric([code], count)
        yield errors
        if self._metrics.sample:
            yield from _families(self._metrics.sample())


def _families(sample: Sample) -> Iterator[Metric]:
    instances = GaugeMetricFamily("hytopus_node_instances", "Instances this node holds.", labels=["status"])
    for status in NodeStatus:
        instances.add_metric([status.value], sample.statuses.get(status, 0))
    yield instances
    gauges = {
        "engine_up": ("Whether the Docker Engine answers.", sample.engine_up),
        "dev_mode": ("Whether the cache is bypassed.", sample.dev_mode),
        "connected": ("Whether a session with the Brain stands.", sample.connected),
        "cache_bytes": ("Size of the template cache.", sample.cache.bytes),
        "cache_versions": ("Template versions in the cache.", sample.cache.versions),
        "cpu_percent": ("How busy the processors are.", sample.load.cpu_percent),
        "memory_used_mb": ("Memory in use.", sample.load.memory_used_mb),
        "memory_total_mb": ("Memory of this machine.", sample.load.memory_total_mb),
        "disk_free_mb": ("Free disk space.", sample.load.disk_free_mb),
        "disk_total_mb": ("Size of the file system that holds the data directory.", sample.load.disk_total_mb),
        "network_in": ("Bytes a second received.", sample.load.network_in),
        "network_out": ("Bytes a second sent.", sample.load.network_out),
        "players": ("Players on all instances.", sample.players),
        "reports_unacknowledged": ("Reports the Brain has not written down yet.", sample.unacknowledged),
    }
    for name, (text, gauge) in gauges.items():
        yield GaugeMetricFamily(f"hytopus_node_{name}", text, value=float(gauge))
    counters = {
        "cache_hits": ("Layers that were in the cache.", sample.cache.hits),
        "cache_misses": ("Layers that had to be fetched.", sample.cache.misses),
        "s3_requests": ("Requests to S3.", sample.cache.s3_requests),
        "s3_bytes": ("Bytes fetched from S3.", sample.cache.s3_bytes),
        "cache_evictions": ("Versions that left the cache for its size or their age.", sample.cache.evictions),
        "s3_errors": ("Requests to S3 that came to nothing.", sample.cache.s3_errors),
    }
    for name, (text, count) in counters.items():
        yield CounterMetricFamily(f"hytopus_node_{name}", text, value=float(count))


async def serve_metrics(
    metrics: Metrics, host: str, port: int, *, started: Callable[[int], None] | None = None
) -> None:
    """Until cancelled; `started` is told the port, which matters where 0 was asked for."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, ValueError):
            async with asyncio.timeout(_REQUEST_SECONDS):
                request = (await reader.readline()).split()
                while (await reader.readline()).strip():
                    continue
                writer.write(_response(metrics, request[1] if len(request) > 1 else b""))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port, limit=8192)
    async with server:
        if started:
            started(server.sockets[0].getsockname()[1])
        await server.serve_forever()


def _response(metrics: Metrics, path: bytes) -> bytes:
    match path.partition(b"?")[0]:
        case b"/metrics":
            status, kind, body = b"200 OK", b"text/plain; version=0.0.4; charset=utf-8", metrics.text()
        case b"/healthz":
            status, kind, body = b"200 OK", b"text/plain", b"ok\n"
        case _:
            status, kind, body = b"404 Not Found", b"text/plain", b"There is /metrics and /healthz.\n"
    head = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    return head % (status, kind, len(body)) + body
