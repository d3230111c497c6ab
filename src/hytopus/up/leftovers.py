"""Programs that an earlier `hytopus up` left behind when it was killed.

They are told to end by the kernel when their parent dies; here is what happens to those that are still busy ending.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "HYTOPUS_UP"
"""Environment variable of every program `up` starts; its value is the data directory."""

_PATIENCE: Final = 20.0


async def end_leftovers(data_dir: Path, run: Path, say: Callable[[str], None]) -> None:
    """End what still runs from an earlier `up` of this data directory, gently first."""
    for name, pid in leftovers(data_dir, run).items():
        say(f"Ending {name} (process {pid}), which an earlier run left behind.")
        await _end(pid)


def leftovers(data_dir: Path, run: Path) -> dict[str, int]:
    """Process ids by program name; forgets the files of those that are gone."""
    found = {}
    for file in sorted(run.glob("*.pid")):
        pid = read_pid(file)
        if pid is not None and is_ours(pid, data_dir):
            found[file.stem] = pid
        else:
            file.unlink(missing_ok=True)
    return found


def read_pid(file: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(file.read_text())
    return None


def is_ours(pid: int, data_dir: Path) -> bool:
    """Whether the process was started by an `up` of this directory: numbers are used again, environments are not."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{MARK}={data_dir}".encode() in environment


async def _end(pid: int) -> None:
    for number, patience in ((signal.SIGTERM, _PATIENCE), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience
        while _alive(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - not our child: nothing tells us
            await asyncio.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
