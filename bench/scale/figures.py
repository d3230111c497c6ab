"""What was measured of one fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from tests.fleet.load import percentile


@dataclass(frozen=True)
class Latency:
    """Milliseconds, of everything and of what was measured while the machine ran at full speed (`bench.pace`)."""

    p50_ms: float
    p99_ms: float
    full_p99_ms: float
    full_share: float

    @classmethod
    def of(cls, seconds: Sequence[tuple[float, bool]]) -> Latency:
        """How long each took, and whether at full speed."""
        every = [1000 * took for took, _ in seconds]
        full = [1000 * took for took, at_full_speed in seconds if at_full_speed] or every
        share = sum(at_full_speed for _, at_full_speed in seconds) / len(seconds)
        return cls(percentile(every, 0.5), percentile(every, 0.99), percentile(full, 0.99), share)


@dataclass(frozen=True)
class Figures:
    """Times in the unit of their names; `storm` is how long answers took, by route."""

    cores: float
    cores_watched: float
    change_p99_ms: float
    pages: Latency
    panel: Latency
    creations: int
    placed_s: float
    running_s: float
    batch_placed_s: float
    batch_running_s: float
    history_worst_ms: float
    memory_mb: float
    connected_s: float
    storm: Mapping[str, Sequence[float]]
    lost: Sequence[str]

    @property
    def placed_each_ms(self) -> float:
        return 1000 * self.placed_s / self.creations

    def routes(self, title: str) -> Table:
        """How the API answered during the storm."""
        table = Table("route", "answers", "p50 ms", "p95 ms", "p99 ms", "max ms", title=title)
        for route, seconds in sorted(self.storm.items()):
            shares = (percentile(seconds, 0.5), percentile(seconds, 0.95), percentile(seconds, 0.99), max(seconds))
            table.add_row(route, str(len(seconds)), *(f"{1000 * value:.1f}" for value in shares))
        return table
