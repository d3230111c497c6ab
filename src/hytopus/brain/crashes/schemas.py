"""Shapes of crashes in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hytopus.brain.crashes.models import Crash
from hytopus.brain.crashes.queries import Group
from hytopus.brain.http.schemas import Output


class CrashSummary(Output):
    """What a list shows."""

    id: str
    at: datetime
    instance_id: str
    instance_name: str
    node_id: str
    node_name: str
    game: str
    generation: int
    attempt: int
    kind: str
    """`crash`, `oom`, `configuration`, `start_timeout`, `hang` or `vanished`."""
    exit_code: int | None
    fingerprint: str
    """Crashes with the same one have the same cause."""
    cause: str
    layers: list[str]
    stored: bool
    """Whether its bundle can be had."""
    size: int
    """Bytes of the bundle."""

    @classmethod
    def of(cls, crash: Crash) -> CrashSummary:
        return cls(**_summary(crash))


class CrashOut(CrashSummary):
    facts: dict[str, Any]
    """The rest of the bundle's `crash.json`: signal, timings, variables (secrets masked), load of the node …"""
    excerpt: list[str]
    """The last lines of its log."""

    @classmethod
    def detailed(cls, crash: Crash) -> CrashOut:
        return cls(**_summary(crash), facts=crash.facts, excerpt=crash.excerpt)


class CrashGroup(Output):
    """Crashes with one cause."""

    fingerprint: str
    cause: str
    kind: str
    game: str
    count: int
    instances: int
    first_at: datetime
    last_at: datetime
    last_id: str
    nodes: dict[str, int]
    """Crashes by node."""
    layers: dict[str, int]
    """Crashes by the layers and versions the servers were made of."""

    @classmethod
    def of(cls, group: Group) -> CrashGroup:
        return cls.model_validate(group)


class CrashGroups(Output):
    items: list[CrashGroup]


class CrashLog(Output):
    lines: list[str]


def _summary(crash: Crash) -> dict[str, Any]:
    values = {name: getattr(crash, name) for name in CrashSummary.model_fields if name not in ("layers", "stored")}
    return {**values, "layers": crash.layers.split(), "stored": crash.stored_at is not None}
