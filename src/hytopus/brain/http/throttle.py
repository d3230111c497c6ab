"""How often somebody may try something: token buckets on the clock, in memory, one set per Brain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from hytopus.kit.clock import Clock

_MOST_KEYS: Final = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Throttle:
    """`burst` attempts at once, then one every `every` seconds, for each key."""

    def __init__(self, clock: Clock, *, burst: int, every: float) -> None:
        self._clock = clock
        self._burst = burst
        self._every = every
        self._buckets: dict[str, _Bucket] = {}

    def take(self, key: str) -> int:
        """Take one attempt. Returns 0, or the whole seconds to wait before the next one."""
        bucket = self._refilled(key)
        if bucket.tokens < 1:
            return math.ceil((1 - bucket.tokens) * self._every)
        bucket.tokens -= 1
        return 0

    def give_back(self, key: str) -> None:
        """An attempt turned out to be harmless: forget all of the key's attempts."""
        self._buckets.pop(key, None)

    def _refilled(self, key: str) -> _Bucket:
        now = self._clock.monotonic()
        if key not in self._buckets:
            self._make_room(now)
            self._buckets[key] = _Bucket(self._burst, now)
        bucket = self._buckets[key]
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) / self._every)
        bucket.at = now
        return bucket

    def _make_room(self, now: float) -> None:
        """Drop the keys that are full again; if an attack holds more than that, the oldest half."""
        if len(self._buckets) < _MOST_KEYS:
            return
        whole = self._burst * self._every
        self._buckets = {key: each for key, each in self._buckets.items() if now - each.at < whole}
        for key in list(self._buckets)[: len(self._buckets) - _MOST_KEYS // 2]:
            del self._buckets[key]
