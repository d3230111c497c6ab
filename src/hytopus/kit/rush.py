"""Times in which many wait for what goes before everything else."""

from __future__ import annotations

from typing import Final

from hytopus.kit.clock import Clock

MANY: Final = 4
LASTS_S: Final = 0.5
"""Those who ask again and again do not all ask in the same moment."""


class Rush:
    """Noted by whoever serves those who wait, looked at by whoever gives way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = float("-inf")

    def note(self, waiting: int) -> None:
        """So many are being served at once."""
        if waiting >= MANY:
            self._until = self._clock.monotonic() + LASTS_S

    @property
    def lasts(self) -> bool:
        return self._clock.monotonic() < self._until

    def pause_after(self, began: float) -> float:
        """Until when he rests who has worked since `began`: three times as long, while there is a rush."""
        now = self._clock.monotonic()
        return now + min(3 * (now - began), LASTS_S) if self.lasts else now

    async def wait_until(self, moment: float) -> None:
        if (left := moment - self._clock.monotonic()) > 0:
            await self._clock.sleep(left)

    def now(self) -> float:
        return self._clock.monotonic()
