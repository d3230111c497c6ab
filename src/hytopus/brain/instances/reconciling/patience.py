"""How much longer an instance may stay in a state that must not last.

A state lasts too long only where its node could have said so and this Brain would have heard it. Both may have been
away for hours, or the database, while servers came up in peace: so only the Brain that holds the node's session judges,
and counts by its monotonic clock from when that session and the state were both there.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.reconciling.deadlines import allowance, counted_from
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.presence import Presence
from hytopus.kit.clock import Clock

_NOTICED_S: Final = 5.0
"""How late this Brain may look at a state and believe the wall clock about when it began."""


class Patience:
    """What this Brain has seen of instances that are under way."""

    def __init__(self, presence: Presence, settings: InstanceSettings, clock: Clock) -> None:
        self._presence, self._settings, self._clock = presence, settings, clock
        self._seen: dict[str, tuple[tuple[datetime, float], float]] = {}

    def deadline(self, instance: Instance) -> datetime | None:
        """When it will have lasted too long; None where it may last, or where that is not to be judged here and now."""
        seconds = allowance(instance, self._settings)
        session = self._presence.session_since(instance.node_id) if instance.node_id else None
        if seconds is None or session is None:
            self._seen.pop(instance.id, None)
            return None
        counted = self._clock.monotonic() - self._began(instance, session)
        return self._clock.now() + timedelta(seconds=seconds - counted)

    def _began(self, instance: Instance, session: float) -> float:
        what = counted_from(instance), session
        known = self._seen.get(instance.id)
        if known is None or known[0] != what:
            now = self._clock.monotonic()
            ago = (self._clock.now() - what[0]).total_seconds()
            known = self._seen[instance.id] = what, now - min(ago, _NOTICED_S, now - session)
        return known[1]
