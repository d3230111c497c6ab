"""Which instances a node may speak of in its heartbeats: those that are placed on it.

Heartbeats live in memory and come often, so the database is asked only when one names what was not known before, and
from time to time because instances leave.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import bindparam, select

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State
from hytopus.kit.clock import Clock
from hytopus.wire.messages import InstanceUsage

AGAIN_S: Final = 2.0
"""Not more often, whatever a node says."""
AGED_S: Final = 60.0

_MINE: Final = select(Instance.id).where(Instance.node_id == bindparam("node"), Instance.state != State.DESTROYED)


class Residents:
    """Those of one session's node."""

    def __init__(self, node_id: str, database: Database, clock: Clock) -> None:
        self._node_id, self._database, self._clock = node_id, database, clock
        self._own: frozenset[str] = frozenset()
        self._strange: frozenset[str] = frozenset()
        self._looked = float("-inf")

    async def of(self, usage: Collection[InstanceUsage]) -> tuple[InstanceUsage, ...]:
        """What is said of instances that are here, each once; the rest is not this node's to say."""
        said = {each.instance_id: each for each in usage}
        if self._is_to_look(said.keys()):
            await self._look()
        self._strange = frozenset(said) - self._own
        return tuple(each for key, each in said.items() if key in self._own)

    def _is_to_look(self, named: Collection[str]) -> bool:
        waited = self._clock.monotonic() - self._looked
        if not named or waited < AGAIN_S:
            return False
        return waited >= AGED_S or not (self._own | self._strange).issuperset(named)

    async def _look(self) -> None:
        async with self._database.read() as reading:
            self._own = frozenset(await reading.scalars(_MINE, {"node": self._node_id}))
        self._looked = self._clock.monotonic()
