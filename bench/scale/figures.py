"""What was measured of one fleet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from tests.fleet.load import percentile


@dataclass(frozen=True)
class Figures:
    """Times in the unit of their names; `storm` is how long answers took, by route."""

    cores: float
    cores_watched: float
    change_p99_ms: float
    list_p99_ms: float
    panel_p99_ms: float
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
