"""Whether a server that ended by itself is started again, and when. Pure: policy, history and end in, decision out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from hytopus.games.definition import ExitKind
from hytopus.games.restart import RestartOn, RestartPolicy
from hytopus.node.journal import History

WISHES: Final = 5
"""Restarts at once within a policy's interval: a server that asks for one at every boot must not do so for ever."""


@dataclass(frozen=True, slots=True)
class End:
    kind: ExitKind | None
    """None: it was killed for us (a hang, never ready), or its container is gone."""
    failed: bool
    """Not an ordinary end."""
    at: datetime
    ran_s: float = 0.0
    """How long players could join; 0 for one that was never ready."""
    unwatched: bool = False
    """Nobody looked: most likely its machine or its engine went down."""


@dataclass(frozen=True, slots=True)
class Again:
    after_s: float
    history: History


@dataclass(frozen=True, slots=True)
class Leave:
    """It is not to be started again."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It was started again `count` times within `seconds`, and that is enough."""

    count: int
    seconds: float


Decision = Again | Leave | GiveUp


def decide(policy: RestartPolicy, history: History, end: End, *, autostart: bool, chance: float) -> Decision:
    """`chance`, 0 to 1, spreads servers that crashed together. `autostart`: it comes back with its machine."""
    known = _remembered(policy, history, end)
    if end.kind is ExitKind.RESTART or (end.unwatched and autostart and end.kind is not ExitKind.CONFIGURATION):
        return _at_once(policy, known, end)
    if end.unwatched or end.kind is ExitKind.CONFIGURATION or not _is_covered(policy, end):
        return Leave()
    count = len(known.failures)
    if count >= policy.attempts:
        return GiveUp(count, policy.interval)
    return Again(backoff_s(policy, count, chance), replace(known, failures=(*known.failures, end.at)))


def backoff_s(policy: RestartPolicy, count: int, chance: float) -> float:
    """Seconds before the new attempt after `count` others: doubled each time, up to a quarter more or less."""
    delay = min(policy.backoff_min * 2.0 ** min(count, 32), policy.backoff_max)
    return min(max(delay * (0.75 + chance / 2), policy.backoff_min), policy.backoff_max)


def _at_once(policy: RestartPolicy, known: History, end: End) -> Decision:
    if len(known.wishes) >= WISHES:
        return GiveUp(WISHES, policy.interval)
    return Again(0.0, replace(known, wishes=(*known.wishes, end.at)))


def _is_covered(policy: RestartPolicy, end: End) -> bool:
    return policy.on is RestartOn.ALWAYS or (end.failed and policy.on is RestartOn.FAILURE)


def _remembered(policy: RestartPolicy, history: History, end: End) -> History:
    if end.ran_s >= policy.clear_after:
        return History()
    since = end.at - timedelta(seconds=policy.interval)
    return History(
        tuple(at for at in history.failures if at > since),
        tuple(at for at in history.wishes if at > since),
    )
