"""What a node says of an instance, and which status may follow which.

(new) → PREPARING → PREPARED → STARTING → RUNNING → STOPPING → STOPPED
             ▲          ▲          ▲ ◀─ again ─┘                   │
             └──────────┴──────────┴── by a command ── FAILED ◄────┤ (from everywhere)
                                                          DESTROYED ◄ (from everywhere)
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from hytopus.node.journal import Record
from hytopus.wire.messages import (
    DestroyInstance,
    InstanceCommand,
    NodeStatus,
    PrepareInstance,
    StartInstance,
    StopInstance,
)

_END: Final = frozenset({NodeStatus.FAILED, NodeStatus.DESTROYED})

TRANSITIONS: Final[Mapping[NodeStatus, frozenset[NodeStatus]]] = {
    NodeStatus.PREPARING: _END | {NodeStatus.PREPARED, NodeStatus.STARTING, NodeStatus.STOPPING, NodeStatus.STOPPED},
    NodeStatus.PREPARED: _END | {NodeStatus.PREPARING, NodeStatus.STARTING, NodeStatus.STOPPING, NodeStatus.STOPPED},
    NodeStatus.STARTING: _END | {NodeStatus.PREPARING, NodeStatus.RUNNING, NodeStatus.STOPPING, NodeStatus.STOPPED},
    NodeStatus.RUNNING: _END | {NodeStatus.PREPARING, NodeStatus.STARTING, NodeStatus.STOPPING, NodeStatus.STOPPED},
    NodeStatus.STOPPING: _END | {NodeStatus.PREPARING, NodeStatus.STARTING, NodeStatus.STOPPED},
    NodeStatus.STOPPED: _END | {NodeStatus.PREPARING, NodeStatus.STARTING, NodeStatus.STOPPING},
    NodeStatus.FAILED: _END | {NodeStatus.PREPARING, NodeStatus.STARTING, NodeStatus.STOPPING, NodeStatus.STOPPED},
    NodeStatus.DESTROYED: frozenset(),
}

AT_REST: Final = frozenset({NodeStatus.PREPARED, NodeStatus.STOPPED, NodeStatus.FAILED})
"""Nothing runs and nothing is being done."""


LENT: Final = frozenset({NodeStatus.STARTING, NodeStatus.RUNNING, NodeStatus.STOPPING})
"""A process may run, which is lent where there is a lease."""


class IllegalStep(Exception):
    """A fault of the agent: the table does not allow this."""


def check_step(current: NodeStatus, to: NodeStatus) -> None:
    if to is not current and to not in TRANSITIONS[current]:
        raise IllegalStep(f"{current} cannot become {to}")


class Verdict(StrEnum):
    IGNORE = "ignore"
    """Older than what is held, or overtaken by the destruction."""
    REPEAT = "repeat"
    """Done already, or under way: say how things stand."""
    ACT = "act"
    """Drop what is under way and do this."""


def judge(record: Record, command: InstanceCommand, *, busy: bool) -> Verdict:
    """What a command means for an instance that is held. `busy`: something is being done with it just now."""
    if command.generation < record.generation:
        return Verdict.IGNORE
    if record.destroying:
        return _while_destroying(command, busy=busy)
    if command.generation > record.generation or isinstance(command, DestroyInstance):
        return Verdict.ACT
    return Verdict.ACT if _is_news(record, command, busy=busy) else Verdict.REPEAT


def _while_destroying(command: InstanceCommand, *, busy: bool) -> Verdict:
    if not isinstance(command, DestroyInstance):
        return Verdict.IGNORE
    return Verdict.REPEAT if busy else Verdict.ACT


def _is_news(record: Record, command: PrepareInstance | StartInstance | StopInstance, *, busy: bool) -> bool:
    match command:
        case PrepareInstance():
            return record.status is NodeStatus.PREPARING and not busy
        case StartInstance():
            return record.status is NodeStatus.PREPARED or (record.status is NodeStatus.STARTING and not busy)
        case StopInstance():
            if record.status is NodeStatus.STOPPING:
                return not busy or (command.kill and not record.killing)
            return record.status is not NodeStatus.STOPPED
