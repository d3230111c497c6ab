"""Which template versions leave the cache because it has grown too large or they are too old."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bounds:
    """`bytes` 0: as much as there is; `age_s` 0: for ever."""

    bytes: int = 0
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A version in the cache. `busy`: an instance uses it, or is about to."""

    template_id: str
    version: str
    bytes: int
    used_at: float
    busy: bool = False


def evicted(kept: Iterable[Kept], bounds: Bounds, now: float) -> Iterator[Kept]:
    """Those not used for longest first, until the rest fits; never one that is busy."""
    oldest_first = sorted(kept, key=lambda each: each.used_at)
    total = sum(each.bytes for each in oldest_first)
    for each in oldest_first:
        too_old = bounds.age_s > 0 and now - each.used_at > bounds.age_s
        too_much = bounds.bytes > 0 and total > bounds.bytes
        if each.busy or not (too_old or too_much):
            continue
        total -= each.bytes
        yield each


def bounds_of(directory: Path, max_mb: int | None, max_days: float) -> Bounds:
    """What the settings say; without a size, half of the file system."""
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    size = shutil.disk_usage(existing).total // 2 if max_mb is None else max_mb * 2**20
    return Bounds(size, max_days * 86_400)
