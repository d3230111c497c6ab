"""How long things took, out of the histograms that Prometheus reads: what was added since the last look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import Counter, Histogram

from hytopus.brain.db.signals import Signals

LONGER: Final = -1
"""The bound of what took longer than every bound."""


class Durations:
    """Histograms in seconds, by the kind they are kept as."""

    def __init__(self, histograms: Mapping[str, Histogram]) -> None:
        self._histograms = histograms
        self._seen: dict[tuple[str, int], int] = {}

    def take(self) -> Iterator[tuple[tuple[str, int], int]]:
        """(kind, bound in milliseconds) and how many have been added in that bucket."""
        for kind, histogram in self._histograms.items():
            for bound, count in buckets(histogram).items():
                key = (kind, bound)
                added = count - self._seen.get(key, 0)
                self._seen[key] = count
                if added:
                    yield key, added


async def watch_events(signals: Signals, histogram: Histogram, counter: Counter) -> None:
    """Count every event that this Brain writes down and observe starts that are finished, until cancelled.

    What another Brain writes down is counted there.
    """
    with signals.subscribe("event") as events:
        while True:
            event = await events.get()
            if event is None:
                continue
            counter.labels(event.kind).inc()
            if "took_ms" in event.data:
                histogram.observe(event.data["took_ms"] / 1000)


def buckets(histogram: Histogram) -> dict[int, int]:
    """How many in each bucket alone, over all labels; Prometheus itself counts upwards."""
    cumulative: dict[float, int] = {}
    for metric in histogram.collect():
        for sample in metric.samples:
            if sample.name.endswith("_bucket"):
                bound = float(sample.labels["le"])
                cumulative[bound] = cumulative.get(bound, 0) + int(sample.value)
    alone: dict[int, int] = {}
    below = 0
    for bound in sorted(cumulative):
        alone[LONGER if bound == float("inf") else round(bound * 1000)] = cumulative[bound] - below
        below = cumulative[bound]
    return alone


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """The milliseconds that a share of all did not exceed, between two bounds on a straight line.

    What exceeds every bound counts as the highest.
    """
    bounds: Sequence[int] = sorted(bound for bound in counts if bound != LONGER)
    wanted = share * sum(counts.values())
    if not wanted or not bounds:
        return None
    seen, lower = 0, 0
    for bound in bounds:
        count = counts[bound]
        if count and seen + count >= wanted:
            return lower + (bound - lower) * (wanted - seen) / count
        seen, lower = seen + count, bound
    return float(bounds[-1])
