"""A line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`ratio` is how many times better than the baseline; `target` is what it must reach, None for information."""

    name: str
    baseline: float
    ours: float
    ratio: float
    target: float | None
    ok: bool
    unit: str = "s"

    @classmethod
    def at_least(cls, name: str, baseline: float, ours: float, target: float | None, *, unit: str = "s") -> Row:
        """Good where the baseline's figure is at least `target` times ours."""
        ratio = baseline / ours if ours else float("inf")
        return cls(name, baseline, ours, ratio, target, target is None or ratio >= target, unit)

    @classmethod
    def at_most(cls, name: str, baseline: float, ours: float, target: float, *, unit: str = "s") -> Row:
        """Good where our figure is at most `target` times the baseline's; the ratio is ours by the baseline's."""
        ratio = ours / baseline
        return cls(name, baseline, ours, ratio, target, ratio <= target, unit)
