"""Measurements of one span of time, added up in memory until they are written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hytopus.brain.history.models import FINE
from hytopus.wire.messages import InstanceUsage, NodeLoad

TENTHS: Final = 10

Counters = tuple[int, int, int, int]
"""Cache hits and misses, S3 requests and bytes: since the agent started."""


@dataclass(slots=True)
class NodeSums:
    samples: int = 0
    cpu_percent: int = 0
    cpu_percent_max: int = 0
    memory_used_mb: int = 0
    disk_free_mb: int = 0
    running: int = 0
    players: int = 0
    network_in: int = 0
    network_out: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    s3_requests: int = 0
    s3_bytes: int = 0

    def add(self, load: NodeLoad, players: int, counted: Counters) -> None:
        """`counted` is what the counters grew by since the sample before."""
        cpu = round(load.cpu_percent * TENTHS)
        self.samples += 1
        self.cpu_percent += cpu
        self.cpu_percent_max = max(self.cpu_percent_max, cpu)
        self.memory_used_mb += load.memory_used_mb
        self.disk_free_mb += load.disk_free_mb
        self.running += load.running
        self.players += players
        self.network_in += round(load.network_in)
        self.network_out += round(load.network_out)
        self.cache_hits += counted[0]
        self.cache_misses += counted[1]
        self.s3_requests += counted[2]
        self.s3_bytes += counted[3]


@dataclass(slots=True)
class InstanceSums:
    samples: int = 0
    cpu_percent: int = 0
    cpu_percent_max: int = 0
    memory_mb: int = 0
    players: int = 0
    network_in: int = 0
    network_out: int = 0

    def add(self, usage: InstanceUsage) -> None:
        cpu = round(usage.cpu_percent * TENTHS)
        self.samples += 1
        self.cpu_percent += cpu
        self.cpu_percent_max = max(self.cpu_percent_max, cpu)
        self.memory_mb += round(usage.memory_mb)
        self.players += usage.players
        self.network_in += round(usage.network_in)
        self.network_out += round(usage.network_out)


@dataclass(slots=True)
class NumberSums:
    samples: int = 0
    total: int = 0

    def add(self, value: float) -> None:
        self.samples += 1
        self.total += round(value * TENTHS)


@dataclass(slots=True)
class Span:
    """Everything of one span of `FINE` seconds."""

    at: int
    nodes: dict[str, NodeSums] = field(default_factory=lambda: defaultdict(NodeSums))
    instances: dict[str, InstanceSums] = field(default_factory=lambda: defaultdict(InstanceSums))
    numbers: dict[str, NumberSums] = field(default_factory=lambda: defaultdict(NumberSums))
    durations: dict[tuple[str, int], int] = field(default_factory=dict)
    """(kind, bound in ms) -> how many."""


def span_of(seconds: float, step: int = FINE) -> int:
    """The beginning of the span that a moment belongs to."""
    return int(seconds) // step * step


def grown(before: Counters | None, now: Counters) -> Counters:
    """What counters grew by; one that has shrunk began anew with its agent."""
    if before is None:
        return 0, 0, 0, 0
    hits, misses, requests, sent = (b if b < a else b - a for a, b in zip(before, now, strict=True))
    return hits, misses, requests, sent


def counters_of(load: NodeLoad) -> Counters:
    return load.cache_hits, load.cache_misses, load.s3_requests, load.s3_bytes


def as_rows(sums: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """Rows without their time, in the order of their keys: two Brains that write the same rows must not deadlock."""
    for name in sorted(sums):
        each = sums[name]
        yield {key: name, **{slot: getattr(each, slot) for slot in each.__slots__}}
