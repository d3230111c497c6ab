"""Which instances a node may speak of in its heartbeats: those that are placed on it.

Heartbeats live in memory and come often, so the database is asked only when one names what was not known before, and
from time to time because instances leave.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import in_company, within
from hytopus.wire.messages import InstanceUsage

AGAIN_S: Final = 2.0
"""Not more often, whatever a node says."""
AGED_S: Final = 60.0
PATIENCE_S: Final = 2.0

log = get_logger(__name__)

PlacedOn = Callable[[str], Coroutine[Any, Any, frozenset[str]]]
"""The ids of the instances that are placed on a node."""


class Residents:
    """Those of one session's node."""

    def __init__(self, node_id: str, placed_on: PlacedOn, clock: Clock) -> None:
        self._node_id, self._placed_on, self._clock = node_id, placed_on, clock
        self._own: frozenset[str] = frozenset()
        self._strange: frozenset[str] = frozenset()
        self._looked = float("-inf")

    async def run(self) -> None:
        """Look from time to time, until cancelled: nobody says what has left."""
        while True:
            await self._clock.sleep(in_company(self._clock, AGED_S))
            if self._own or self._strange:
                await self._look()

    async def of(self, usage: Collection[InstanceUsage]) -> tuple[InstanceUsage, ...]:
        """What is said of instances that are here, each once; the rest is not this node's to say."""
        said = {each.instance_id: each for each in usage}
        if self._is_to_look(said.keys()):
            await self._look()
        self._strange = frozenset(said) - self._own
        return tuple(each for key, each in said.items() if key in self._own)

    def _is_to_look(self, named: Collection[str]) -> bool:
        waited = self._clock.monotonic() - self._looked
        return waited >= AGAIN_S and not (self._own | self._strange).issuperset(named)

    async def _look(self) -> None:
        """A database that is away must not end a session whose node is well: then all stays as it was known."""
        self._looked = self._clock.monotonic()
        try:
            self._own = await within(self._clock, PATIENCE_S, self._placed_on(self._node_id))
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            log.info("the instances of a node could not be looked up", node=self._node_id, why=type(error).__name__)
