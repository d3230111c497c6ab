"""Who is there and how busy: heartbeats, kept in memory.

Lost with the Brain, and nothing depends on it: after a restart every node counts as heard just now, and the next
heartbeat brings its load again. Of nodes that are connected to other Brains it knows what those have written down
(see `sessions.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from hytopus.brain.db.signals import Signals
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.kit.clock import Clock
from hytopus.wire.messages import Heartbeat, InstanceUsage, NodeLoad

LOAD: Final = "load"
"""Signal: the node of this id has sent a heartbeat. It says nothing that lasts, so listeners may skip any of them."""


@dataclass(slots=True)
class _Seen:
    at: datetime
    heard: float
    """The same moment by the clock that nobody sets."""
    since: float
    """When its session began, by that clock."""
    interval: float
    connected: bool = True
    load: NodeLoad | None = None
    skew_s: float = 0.0
    usage: Mapping[str, InstanceUsage] = field(default_factory=dict)
    beat: Heartbeat | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A node whose last session was another Brain's."""

    at: datetime
    """When it was last heard there, or when that Brain ended, by this machine's clock."""
    stamp: datetime
    """The same moment by the database's clock, which is the same however often it is read."""
    interval: float
    connected: bool
    """That Brain lives: it judges the node's silence, and nobody else does."""
    beat: Heartbeat | None = None


class Presence:
    """What the nodes last said. All calls are cheap and never block."""

    def __init__(self, settings: NodeSettings, clock: Clock, signals: Signals) -> None:
        self._settings = settings
        self._clock = clock
        self._signals = signals
        self._started, self._began = clock.now(), clock.monotonic()
        self._nodes: dict[str, _Seen] = {}
        self._elsewhere: dict[str, Elsewhere] = {}
        self._heard: dict[str, tuple[datetime, float]] = {}
        """By node that is connected elsewhere: stamp and moment by the clock that nobody sets."""
        self.ignored: Counter[str] = Counter()
        """By node: how often its heartbeats spoke of an instance that is not on it."""

    def interval(self, node_id: str) -> float:
        """How often a node is to send heartbeats, in seconds; more nodes, less often."""
        fleet = 1 + sum(seen.connected for key, seen in self._nodes.items() if key != node_id)
        return max(self._settings.heartbeat_seconds, fleet / self._settings.heartbeats_per_second)

    def connected(self, node_id: str, interval: float | None = None) -> float:
        """A session stands. Returns how often the node sends heartbeats."""
        interval = interval or self.interval(node_id)
        self._nodes[node_id] = self._new(interval)
        self.elsewhere(node_id, None)
        self._signals.publish("placement")
        return interval

    def _new(self, interval: float) -> _Seen:
        now = self._clock.monotonic()
        return _Seen(self._clock.now(), now, now, interval)

    def disconnected(self, node_id: str) -> None:
        """Its session has ended. What it last said stays until it is heard again."""
        if (seen := self._nodes.get(node_id)) is not None:
            seen.connected = False

    def ignore(self, node_id: str, times: int) -> None:
        """It spoke so many times of what is not its own."""
        self.ignored[node_id] += times

    def forget(self, node_id: str) -> None:
        self.ignored.pop(node_id, None)
        self._nodes.pop(node_id, None)
        self.elsewhere(node_id, None)

    def found_elsewhere(self, nodes: Mapping[str, Elsewhere]) -> None:
        """All nodes whose last session was another Brain's; wakes the scheduler when one is able to take more."""
        before, self._elsewhere = self._elsewhere, dict(nodes)
        self._heard = {node_id: self._hear(node_id, found) for node_id, found in nodes.items()}
        for node_id, found in nodes.items():
            if found.beat is not None and (node_id not in before or before[node_id].stamp != found.stamp):
                self._signals.publish(LOAD, node_id)
        if any(_differs(before.get(node_id), found) for node_id, found in nodes.items()):
            self._signals.publish("placement")

    def elsewhere(self, node_id: str, found: Elsewhere | None) -> None:
        """What has just been read about one node."""
        if found is None:
            self._elsewhere.pop(node_id, None)
            self._heard.pop(node_id, None)
            return
        former = self._elsewhere.get(node_id)
        self._elsewhere[node_id] = found if found.beat or former is None else replace(found, beat=former.beat)
        self._heard[node_id] = self._hear(node_id, found)

    def _hear(self, node_id: str, found: Elsewhere) -> tuple[datetime, float]:
        """What was heard once does not become older or younger because somebody sets a clock."""
        former = self._heard.get(node_id)
        if former is not None and former[0] == found.stamp:
            return former
        silent_s = max(0.0, (self._clock.now() - found.at).total_seconds())
        return found.stamp, self._clock.monotonic() - silent_s

    def is_elsewhere(self, node_id: str) -> bool:
        """It is connected to another Brain that lives."""
        found = self._elsewhere.get(node_id)
        return found is not None and found.connected

    def heartbeat(self, node_id: str, beat: Heartbeat) -> None:
        """Take a heartbeat in; wakes the scheduler when the node has become able to take more."""
        seen = self._nodes.setdefault(node_id, self._new(self._settings.heartbeat_seconds))
        before, seen.load = seen.load, beat.load
        seen.beat, seen.shared = beat, False
        seen.at, seen.heard, seen.connected = self._clock.now(), self._clock.monotonic(), True
        seen.usage = {usage.instance_id: usage for usage in beat.usage}
        seen.skew_s = _skew(beat.at, seen.at)
        self._signals.publish(LOAD, node_id)
        if before is None or _placement_view(before) != _placement_view(beat.load):
            self._signals.publish("placement")

    def last_seen(self, node_id: str) -> datetime:
        """When it was last heard; the start of this Brain for a node not heard since."""
        seen, found = self._nodes.get(node_id), self._elsewhere.get(node_id)
        return max([self._started, *(known.at for known in (seen, found) if known is not None)])

    def is_connected(self, node_id: str) -> bool:
        """To whichever Brain."""
        seen = self._nodes.get(node_id)
        return self.is_elsewhere(node_id) or (seen is not None and seen.connected)

    def session_since(self, node_id: str) -> float | None:
        """When the session began that it has with this Brain, by the monotonic clock; None where it has none."""
        seen = self._nodes.get(node_id)
        return seen.since if seen is not None and seen.connected else None

    def silent_s(self, node_id: str) -> float:
        """For how long it has been silent, whoever may set a clock meanwhile."""
        seen, found = self._nodes.get(node_id), self._heard.get(node_id)
        heard = [self._began, *([seen.heard] if seen else []), *([found[1]] if found else [])]
        return self._clock.monotonic() - max(heard)

    def suspect_after_s(self, node_id: str) -> float:
        """When silence becomes suspicious: never before three heartbeats are missing."""
        known = self._elsewhere.get(node_id) or self._nodes.get(node_id)
        interval = self._settings.heartbeat_seconds if known is None else known.interval
        return max(self._settings.suspect_after, 3 * interval)

    def offline_after_s(self, node_id: str) -> float:
        """When silence means that the node is gone."""
        after_suspicion = max(0.0, self._settings.offline_after - self._settings.suspect_after)
        return self.suspect_after_s(node_id) + after_suspicion

    def load(self, node_id: str) -> NodeLoad | None:
        found = self._elsewhere.get(node_id)
        if found is not None and found.beat is not None:
            return found.beat.load
        seen = self._nodes.get(node_id)
        return None if seen is None else seen.load

    def loads(self) -> dict[str, NodeLoad]:
        """The last load of every node that has sent one."""
        loads = {node_id: self.load(node_id) for node_id in (*self._nodes, *self._elsewhere)}
        return {node_id: load for node_id, load in loads.items() if load is not None}

    def clock_skew(self, node_id: str) -> float:
        """Seconds by which its clock was ahead of this one, the way of its last heartbeat included."""
        seen = self._nodes.get(node_id)
        return 0.0 if seen is None else seen.skew_s

    def usages(self, node_id: str) -> Mapping[str, InstanceUsage]:
        """What its instances used when it last spoke, by their ids."""
        found = self._elsewhere.get(node_id)
        if found is not None and found.beat is not None:
            return {usage.instance_id: usage for usage in found.beat.usage}
        seen = self._nodes.get(node_id)
        return {} if seen is None else seen.usage

    def disk_mb(self) -> dict[str, int]:
        """What instances take of their nodes' disks, by their ids, as far as it was measured."""
        nodes = {*self._nodes, *self._elsewhere}
        usages = (usage for node_id in nodes for usage in self.usages(node_id).values())
        return {usage.instance_id: usage.disk_mb for usage in usages if usage.disk_mb}

    def players(self, node_id: str) -> int:
        """How many players it had when it last spoke."""
        return sum(usage.players for usage in self.usages(node_id).values())

    def usage(self, node_id: str | None, instance_id: str) -> InstanceUsage | None:
        """What an instance used when its node last spoke."""
        if node_id is None:
            return None
        found = self._elsewhere.get(node_id)
        if found is not None and found.beat is not None:
            return next((usage for usage in found.beat.usage if usage.instance_id == instance_id), None)
        seen = self._nodes.get(node_id)
        return None if seen is None else seen.usage.get(instance_id)

    def to_share(self) -> dict[str, tuple[datetime, Heartbeat]]:
        """What the nodes connected here have said since the last time this was asked, and when."""
        shared: dict[str, tuple[datetime, Heartbeat]] = {}
        for node_id, seen in self._nodes.items():
            if seen.connected and seen.beat is not None and not seen.shared:
                seen.shared = True
                shared[node_id] = seen.at, seen.beat
        return shared


def _differs(before: Elsewhere | None, now: Elsewhere) -> bool:
    if now.beat is None or not now.connected:
        return False
    return before is None or before.beat is None or _placement_view(before.beat.load) != _placement_view(now.beat.load)


def _skew(said: str, heard: datetime) -> float:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return 0.0
    return (moment - heard).total_seconds() if moment.tzinfo else 0.0


def _placement_view(load: NodeLoad) -> tuple[bool, tuple[int, ...]]:
    return load.engine_up, load.foreign_ports
