"""Shapes of measurements in the API."""

from __future__ import annotations

from enum import StrEnum

from hytopus.brain.http.schemas import Output


class Range(StrEnum):
    """How far back to look."""

    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


class HistoryOut(Output):
    """Several series over the same moments. A moment of which nothing is known is left out."""

    since: int
    """Seconds since 1970, like all moments here."""
    until: int
    resolution_s: int
    """Seconds between two moments; within the last hour there may be some that are further apart."""
    at: list[int]
    """The beginning of each span of time."""
    series: dict[str, list[float | None]]
    """By name; as many values as moments."""
