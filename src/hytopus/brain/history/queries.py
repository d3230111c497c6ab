"""Reading measurements back, as series over the same moments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.history.durations import percentile
from hytopus.brain.history.models import COARSE, FINE, DurationHistory, FleetHistory, InstanceHistory, NodeHistory
from hytopus.brain.history.recent import EVERY_S, Recent
from hytopus.brain.history.recorder import INSTANCE_RECENT, NODE_RECENT
from hytopus.brain.history.schemas import HistoryOut, Range
from hytopus.brain.history.sums import TENTHS, span_of

_SECONDS: Final[Mapping[Range, int]] = {
    Range.HOUR: 3600,
    Range.DAY: 86_400,
    Range.WEEK: 7 * 86_400,
    Range.MONTH: 30 * 86_400,
}
_NODE: Final = ("cpu_percent", "memory_used_mb", "disk_free_mb", "running", "players", "network_in", "network_out")
_NODE_COUNTED: Final = ("cache_hits", "cache_misses", "s3_requests", "s3_bytes")
_INSTANCE: Final = ("cpu_percent", "memory_mb", "players", "network_in", "network_out")
_SHARES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

Point = tuple[int, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time and the resolution it is shown in."""

    since: int
    until: int
    step: int

    @classmethod
    def of(cls, past: Range, now: datetime, resolution_s: int | None = None) -> Window:
        """The finer resolution up to a day, the coarser beyond, unless one of them is asked for."""
        until = int(now.timestamp())
        default = FINE if past in (Range.HOUR, Range.DAY) else COARSE
        return cls(until - _SECONDS[past], until, resolution_s or default)

    @property
    def moments(self) -> list[int]:
        """Where spans begin."""
        return list(range(span_of(self.since, self.step) + self.step, self.until + 1, self.step))


async def node_history(session: AsyncSession, node_id: str, window: Window, recent: Recent | None = None) -> HistoryOut:
    rows = await _rows(session, NodeHistory, window, NodeHistory.node_id == node_id)
    names = (*_NODE, "cpu_percent_max", *_NODE_COUNTED)
    points = [(row.at, _averages(row, _NODE) | {name: getattr(row, name) for name in _NODE_COUNTED}) for row in rows]
    return shown(window, names, _with_recent(points, recent, NODE_RECENT, window))


async def instance_history(
    session: AsyncSession, instance_id: str, window: Window, recent: Recent | None = None
) -> HistoryOut:
    rows = await _rows(session, InstanceHistory, window, InstanceHistory.instance_id == instance_id)
    points = [(row.at, _averages(row, _INSTANCE)) for row in rows]
    names = (*_INSTANCE, "cpu_percent_max")
    return shown(window, names, _with_recent(points, recent, INSTANCE_RECENT, window))


async def fleet_history(session: AsyncSession, window: Window) -> HistoryOut:
    """Counts by state, players, slots, load over all nodes, and percentiles of start times and API latency."""
    found: dict[int, dict[str, float]] = {}
    for row in await _rows(session, FleetHistory, window):
        found.setdefault(row.at, {})[row.name] = round(row.total / TENTHS / row.samples, 2)
    for at, kinds in (await _durations(session, window)).items():
        for kind, counts in kinds.items():
            found.setdefault(at, {}).update(_percentiles(kind, counts))
    points = sorted(found.items())
    return shown(window, sorted({name for _, values in points for name in values}), points)


def _percentiles(kind: str, counts: Mapping[int, int]) -> dict[str, float]:
    values = {f"{kind}_count": float(sum(counts.values()))}
    for name, share in _SHARES.items():
        if (value := percentile(counts, share)) is not None:
            values[f"{kind}_ms_{name}"] = round(value, 1)
    return values


async def _durations(session: AsyncSession, window: Window) -> dict[int, dict[str, dict[int, int]]]:
    found: dict[int, dict[str, dict[int, int]]] = {}
    for row in await _rows(session, DurationHistory, window):
        found.setdefault(row.at, {}).setdefault(row.kind, {})[row.bound_ms] = row.count
    return found


async def _rows(session: AsyncSession, model: Any, window: Window, *conditions: Any) -> Sequence[Any]:
    """The rows' moments are named one by one: each is then found by its key."""
    wanted = select(model).where(model.step == window.step, model.at.in_(window.moments), *conditions)
    return (await session.scalars(wanted.order_by(model.at))).all()


def _averages(row: Any, names: Iterable[str]) -> dict[str, float]:
    values = {name: round(getattr(row, name) / row.samples, 1) for name in names}
    values["cpu_percent"] = round(row.cpu_percent / TENTHS / row.samples, 1)
    values["cpu_percent_max"] = row.cpu_percent_max / TENTHS
    return values


def _with_recent(points: list[Point], recent: Recent | None, names: Sequence[str], window: Window) -> list[Point]:
    """What is in memory takes the place of the rows from where it begins."""
    if recent is None or window.until - window.since > _SECONDS[Range.HOUR] or window.step != FINE:
        return points
    lately = [(at, dict(zip(names, values, strict=True))) for at, values in recent.since(window.since)]
    if not lately:
        return points
    return [point for point in points if point[0] + window.step <= lately[0][0]] + lately


def shown(window: Window, names: Iterable[str], points: Sequence[Point]) -> HistoryOut:
    fine = any(after[0] - before[0] < window.step for before, after in pairwise(points))
    return HistoryOut(
        since=window.since,
        until=window.until,
        resolution_s=EVERY_S if fine else window.step,
        at=[at for at, _ in points],
        series={name: [values.get(name) for _, values in points] for name in names},
    )
