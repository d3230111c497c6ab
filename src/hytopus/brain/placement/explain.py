"""Saying why an instance can or cannot go to each node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hytopus.brain.placement.demand import Demand
from hytopus.brain.placement.feasible import Check, check_all
from hytopus.brain.placement.rank import score
from hytopus.brain.placement.room import Room

_SAYS: Final = {
    "online": "the node is {have}",
    "engine": "its Docker Engine is {have}",
    "cordoned": "cordoned: {have}",
    "draining": "being drained: {have}",
    "dev_mode": "dev mode is {have} there, {need} is asked for",
    "node": "pinned to another node",
    "files": "its files are on another node",
    "region": "its region is {have!r}, {need!r} is asked for",
    "tags": "its tags are [{have}], [{need}] are asked for",
    "slots": "{have} slots free, {need} needed",
    "memory_mb": "{have} MB of memory free, {need} MB needed",
    "cpus": "{have} processors free, {need} needed",
    "disk_mb": "{have} MB of disk free, {need} MB needed",
    "ports": "{have} ports free, {need} needed",
}
_COUNTED: Final = {
    "online": "not online",
    "engine": "without a Docker Engine that answers",
    "cordoned": "cordoned",
    "draining": "being drained",
    "dev_mode": "in the wrong dev mode",
    "node": "not the one it is pinned to",
    "files": "without its files",
    "region": "in another region",
    "tags": "without the tags",
    "slots": "without a free slot",
    "memory_mb": "short of memory",
    "cpus": "short of processors",
    "disk_mb": "short of disk",
    "ports": "without enough free ports",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What every check says of one node. `score` only where all hold."""

    node_id: str
    node: str
    checks: tuple[Check, ...]
    score: float | None

    @property
    def feasible(self) -> bool:
        return self.score is not None

    @property
    def failing(self) -> Check | None:
        return next((check for check in self.checks if not check.ok), None)


def explain(demand: Demand, rooms: Sequence[Room]) -> list[Verdict]:
    """The possible nodes first, best first; then the others by name."""
    verdicts = [_judge(demand, room) for room in rooms]
    return sorted(verdicts, key=lambda verdict: (not verdict.feasible, -(verdict.score or 0.0), verdict.node))


def summary(verdicts: Sequence[Verdict]) -> str:
    """One sentence: how many nodes can take it, or what keeps each of them from it."""
    if not verdicts:
        return "No node has joined yet."
    possible = sum(verdict.feasible for verdict in verdicts)
    if possible:
        return f"{possible} of {len(verdicts)} nodes can take it."
    if len(verdicts) == 1 and (failing := verdicts[0].failing):
        return f"The only node cannot take it: it is {_COUNTED[failing.name]}."
    reasons = Counter(verdict.failing.name for verdict in verdicts if verdict.failing)
    listed = ", ".join(f"{count} {_COUNTED[name]}" for name, count in reasons.most_common())
    return f"None of {len(verdicts)} nodes can take it: {listed}."


def detail(check: Check) -> str:
    """A check as a phrase."""
    if check.name == "ports" and isinstance(check.have, str):  # one port was asked for by its number
        return f"port {check.need} is {check.have}"
    return _SAYS[check.name].format(have=check.have, need=check.need)


def _judge(demand: Demand, room: Room) -> Verdict:
    checks = tuple(check_all(demand, room))
    ok = all(check.ok for check in checks)
    return Verdict(room.node_id, room.name, checks, score(demand, room) if ok else None)
