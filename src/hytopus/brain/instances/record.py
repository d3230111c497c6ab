"""What an instance is, apart from how it stands: kept by its node for a Brain that has lost it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final

from hytopus.brain.db.types import EnumText, UtcDateTime
from hytopus.brain.instances.models import Instance
from hytopus.kit.untrusted import read_json

PASSING: Final = frozenset(
    {
        "id",
        "wanted",
        "origin",
        "state",
        "state_since",
        "generation",
        "node_id",
        "needs_prepare",
        "discard_changes",
        "ran",
        "kill_at",
        "progress_at",
        "progress",
        "restarts",
        "restarts_since",
        "attempt",
        "retry_at",
        "setback",
        "report_sequence",
        "leased_s",
        "move",
        "placement",
        "waiting",
        "problem",
        "exit",
        "log_tail",
        "timings_ms",
        "players",
        "disk_over_since",
        "start_began_at",
        "started_at",
    }
)
"""Columns that say how it stands. Everything else says what it is, and travels."""


def describe(instance: Instance) -> str:
    """JSON, with its secrets; for its node alone."""
    names = [column.key for column in Instance.__table__.columns if column.key not in PASSING]
    values = {name: getattr(instance, name) for name in names}
    return json.dumps(values, default=_plain, separators=(",", ":"))


def remembered(record: str) -> dict[str, Any]:
    """The columns of a record that this release knows. Raises ValueError for what is none."""
    values = read_json(record)
    if not isinstance(values, dict):
        raise ValueError("a record is an object")
    columns = Instance.__table__.columns
    return {name: _value(columns[name].type, value) for name, value in values.items() if _travels(name)}


def _travels(name: str) -> bool:
    return name in Instance.__table__.columns and name not in PASSING


def _value(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, EnumText):
        return kind.enum(value)
    return datetime.fromisoformat(str(value)) if isinstance(kind, UtcDateTime) else value


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} cannot travel")
