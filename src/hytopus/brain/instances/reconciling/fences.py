"""For how long nodes have been declared lost, without trusting any clock that people or NTP can set.

The declaration is a row, and its time that of some Brain's wall clock. What must not come too early is counted by this
process's own monotonic clock, from when it first saw the row. A Brain that was restarted counts anew: later, never
sooner.
"""

from __future__ import annotations

from datetime import datetime

from hytopus.brain.nodes.models import Node
from hytopus.kit.clock import Clock


class Fences:
    """What this Brain has seen of declarations."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[datetime, float]] = {}

    def declared_s(self, node: Node) -> float | None:
        """Seconds since this Brain learned that the node was declared lost; None when it is not."""
        if node.lost_at is None:
            self._seen.pop(node.id, None)
            return None
        declared, first_seen = self._seen.get(node.id, (None, 0.0))
        if declared != node.lost_at:
            first_seen = self._clock.monotonic()
            self._seen[node.id] = (node.lost_at, first_seen)
        return self._clock.monotonic() - first_seen
