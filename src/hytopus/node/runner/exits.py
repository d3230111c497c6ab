"""What the end of a server means: stopped or failed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from hytopus.errors import HytopusError
from hytopus.games.definition import ExitKind, Game
from hytopus.node.runner.errors import ContainerVanished, Exited, ExitedAtOnce, StopIgnored
from hytopus.node.runtime.base import ContainerState
from hytopus.wire.messages import NodeStatus

_SIGNALLED: Final = frozenset({130, 131, 137, 143})
"""Exit codes of a process that let SIGINT, SIGQUIT, SIGKILL or SIGTERM end it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    status: NodeStatus
    exit_code: int | None = None
    exit_kind: str = ""
    oom_killed: bool = False
    error: HytopusError | None = None
    at: datetime | None = None
    """When the process ended, if the engine knows."""


def unrequested(instance: str, game: Game, state: ContainerState | None, *, ready: bool) -> Outcome:
    """A server that ended without being asked to."""
    if state is None:
        return Outcome(NodeStatus.FAILED, error=ContainerVanished(instance=instance))
    code = state.exit_code or 0
    kind = game.classify(code, oom=state.oom_killed)
    if kind is ExitKind.RESTART or (ready and kind is ExitKind.CLEAN):
        return Outcome(NodeStatus.STOPPED, code, kind, at=state.finished_at)
    why = _why(code, kind, oom=state.oom_killed)
    error = Exited(instance=instance, **why) if ready else ExitedAtOnce(instance=instance, **why)
    return Outcome(NodeStatus.FAILED, code, kind, state.oom_killed, error, state.finished_at)


def requested(instance: str, game: Game, state: ContainerState | None, *, waited: float | None) -> Outcome:
    """A server that was asked to end. `waited`: it did not, for so many seconds, and was killed."""
    ignored = StopIgnored(instance=instance, seconds=waited) if waited is not None else None
    if state is None:
        return Outcome(NodeStatus.STOPPED, error=ignored)
    code = state.exit_code or 0
    kind = game.classify(code, oom=state.oom_killed)
    if kind is not ExitKind.CRASH or ignored:
        return Outcome(NodeStatus.STOPPED, code, kind, state.oom_killed, ignored)
    if code in _SIGNALLED and not state.oom_killed:
        return Outcome(NodeStatus.STOPPED, code, ExitKind.CLEAN)
    error = Exited(instance=instance, **_why(code, kind, oom=state.oom_killed))
    return Outcome(NodeStatus.FAILED, code, kind, state.oom_killed, error)


def _why(code: int, kind: ExitKind, *, oom: bool) -> dict[str, Any]:
    """`why` in English, and `why_code`, by which others say it."""
    if oom:
        return {"why": f"exit code {code} because it ran out of memory", "why_code": "oom", "exit_code": code}
    if kind is ExitKind.CONFIGURATION:
        return {"why": f"exit code {code} (its configuration is wrong)", "why_code": "fault", "exit_code": code}
    return {"why": f"exit code {code}", "why_code": "exit", "exit_code": code}
