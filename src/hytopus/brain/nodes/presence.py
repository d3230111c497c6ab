"""Who is there and how busy: heartbeats, kept in memory only.

Lost with the Brain, and nothing depends on it: after a restart every node counts as heard just now, and the next
heartbeat brings its load again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hytopus.brain.db.signals import Signals
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.kit.clock import Clock
from hytopus.wire.messages import Heartbeat, InstanceUsage, NodeLoad


@dataclass(slots=True)
class _Seen:
    at: datetime
    interval: float
    connected: bool = True
    load: NodeLoad | None = None
    usage: Mapping[str, InstanceUsage] = field(default_factory=dict)


class Presence:
    """What the nodes of this Brain last said. All calls are cheap and never block."""

    def __init__(self, settings: NodeSettings, clock: Clock, signals: Signals) -> None:
        self._settings = settings
        self._clock = clock
        self._signals = signals
        self._started = clock.now()
        self._nodes: dict[str, _Seen] = {}

    def connected(self, node_id: str) -> float:
        """A session stands. Returns how often the node is to send heartbeats, in seconds; more nodes, less often."""
        fleet = 1 + sum(seen.connected for key, seen in self._nodes.items() if key != node_id)
        interval = max(self._settings.heartbeat_seconds, fleet / self._settings.heartbeats_per_second)
        self._nodes[node_id] = _Seen(self._clock.now(), interval)
        self._signals.publish("placement")
        return interval

    def disconnected(self, node_id: str) -> None:
        """Its session has ended. What it last said stays until it is heard again."""
        if (seen := self._nodes.get(node_id)) is not None:
            seen.connected = False

    def forget(self, node_id: str) -> None:
        self._nodes.pop(node_id, None)

    def heartbeat(self, node_id: str, beat: Heartbeat) -> None:
        """Take a heartbeat in; wakes the scheduler when the node has become able to take more."""
        seen = self._nodes.setdefault(node_id, _Seen(self._clock.now(), self._settings.heartbeat_seconds))
        before, seen.load = seen.load, beat.load
        seen.at, seen.connected = self._clock.now(), True
        seen.usage = {usage.instance_id: usage for usage in beat.usage}
        if before is None or _placement_view(before) != _placement_view(beat.load):
            self._signals.publish("placement")

    def last_seen(self, node_id: str) -> datetime:
        """When it was last heard; the start of this Brain for a node not heard since."""
        seen = self._nodes.get(node_id)
        return self._started if seen is None else seen.at

    def is_connected(self, node_id: str) -> bool:
        seen = self._nodes.get(node_id)
        return seen is not None and seen.connected

    def suspect_at(self, node_id: str) -> datetime:
        """When silence becomes suspicious: never before three heartbeats are missing."""
        seen = self._nodes.get(node_id)
        interval = self._settings.heartbeat_seconds if seen is None else seen.interval
        return self.last_seen(node_id) + timedelta(seconds=max(self._settings.suspect_after, 3 * interval))

    def offline_at(self, node_id: str) -> datetime:
        """When silence means that the node is gone."""
        after_suspicion = max(0.0, self._settings.offline_after - self._settings.suspect_after)
        return self.suspect_at(node_id) + timedelta(seconds=after_suspicion)

    def load(self, node_id: str) -> NodeLoad | None:
        seen = self._nodes.get(node_id)
        return None if seen is None else seen.load

    def loads(self) -> dict[str, NodeLoad]:
        """The last load of every node that has sent one."""
        return {node_id: seen.load for node_id, seen in self._nodes.items() if seen.load is not None}

    def usage(self, node_id: str | None, instance_id: str) -> InstanceUsage | None:
        """What an instance used when its node last spoke."""
        seen = self._nodes.get(node_id) if node_id else None
        return None if seen is None else seen.usage.get(instance_id)


def _placement_view(load: NodeLoad) -> tuple[bool, tuple[int, ...]]:
    return load.engine_up, load.foreign_ports
