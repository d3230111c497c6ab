"""How fast the machine itself is, from moment to moment.

Hosts take processor time from their guests: a guest sees no pause, only that it computes at a fraction of its speed
for a tenth of a second. What is measured meanwhile says more about the host than about Hytopus, so whoever measures
latencies measures this beside them, and shows both: everything, and what was measured at full speed.
"""

from __future__ import annotations

import statistics
import time
from typing import Final

_ROUNDS: Final = 8_000
_SAMPLES: Final = 200
_SLOW: Final = 1.5


class Pace:
    """Computes the same again and again, some tenths of a millisecond each time."""

    def __init__(self) -> None:
        self._usual = statistics.median(_compute() for _ in range(_SAMPLES))

    def is_full(self) -> bool:
        """Whether the machine is as fast as usual just now."""
        return _compute() < _SLOW * self._usual


def _compute() -> float:
    """Seconds that a fixed computation takes, without a call or an allocation that something else could delay."""
    began = time.perf_counter()
    for _ in range(_ROUNDS):
        pass
    return time.perf_counter() - began
