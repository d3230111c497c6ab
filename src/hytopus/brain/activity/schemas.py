"""Shapes of the event log and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

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
    request_id: str
    """The API request it goes back to, as in the logs; empty for what happened by itself."""
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
    previous_hash: str
    hash: str
    """Of this record and the hash before it."""


class BrokenOut(Output):
    id: int
    code: Literal["link", "content"]
    """The record before it is another one, or what it says was changed."""
    cause: str
    """The same for people."""


class AuditVerdictOut(Output):
    records: int
    """Good ones from the first on."""
    head: str
    """Hash of the last good one; note it somewhere else, and an end that was cut off shows."""
    broken: BrokenOut | None
    """The first record that is not as it was written."""
    knows: bool
    """Whether the hash that was asked about is in the chain."""
