"""Shapes of the event log and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hytopus.brain.activity.actor import ActorKind
from hytopus.brain.http.schemas import Output


class EventOut(Output):
    id: int
    at: datetime
    kind: str
    """`noun.past_tense`, e.g. `instance.started`."""
    subject_kind: str
    subject_id: str
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    message: str
    data: dict[str, Any]


class AuditOut(Output):
    id: int
    at: datetime
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    address: str
    request_id: str
    action: str
    target: str
    outcome: str
    """`done`, or the code of the error that refused it."""
    before: dict[str, Any]
    after: dict[str, Any]
