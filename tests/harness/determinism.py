"""Taking chance out of a simulation: the same seed gives the same run.

SQLite works on the event loop instead of in a thread, the file lies in memory, and ids come from the seed.
"""

from __future__ import annotations

import atexit
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from hytopus.brain.db import engine
from hytopus.brain.db.sqlite import InlineConnection
from hytopus.kit import ids

_make_engine: Final = engine._engine


class _Seeded:
    """Stands for the modules `secrets` and `time` in `kit.ids`."""

    def __init__(self, seed: int) -> None:
        self.randbits: Callable[[int], int] = random.Random(seed).getrandbits
        self._ticks = 1_767_225_600.0

    def time(self) -> float:
        self._ticks += 0.001
        return self._ticks


@contextmanager
def seeded(seed: int) -> Iterator[Path]:
    """Everything random and threaded is under control inside. Gives a directory in memory."""
    random.seed(seed)
    source = _Seeded(seed)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir=_memory()) as directory:
        patch.setattr(InlineConnection, "_execute", _execute)
        patch.setattr(engine, "_engine", _kept_engine)
        patch.setattr(ids, "secrets", source)
        patch.setattr(ids, "time", source)
        yield Path(directory)


@cache
def database_directory() -> Path:
    """In memory, and the same for every run of this process."""
    directory = tempfile.TemporaryDirectory(dir=_memory())
    atexit.register(directory.cleanup)
    return Path(directory.name)


@cache
def _kept_engine(url: str, *, immediate: bool) -> AsyncEngine:
    """Of each database there is one engine for all runs, whose statements need to be compiled but once."""
    return _make_engine(url, immediate=immediate)


async def _execute(_connection: InlineConnection, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return fn(*args, **kwargs)


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None
