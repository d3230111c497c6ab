"""Keeping programs running, with real ones."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hytopus.up.errors import ServiceFailed
from hytopus.up.leftovers import end_leftovers, is_ours, leftovers, read_pid
from hytopus.up.service import Place, Program, keep_running
from tests.services.waiting import eventually, eventually_sync

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "logs").mkdir()
    (tmp_path / "run").mkdir()
    said: list[str] = []
    return Place(tmp_path, tmp_path / "logs", tmp_path / "run", said.append)


def program(place: Place, code: str, *, grace: float = 5) -> Program:
    """A Python program that is ready once it has printed `up`."""

    async def ready() -> bool:
        log = place.logs / "thing.log"
        return log.exists() and "up" in log.read_text()

    return Program("thing", [sys.executable, "-c", code], ready, ready_seconds=10, grace_seconds=grace)


def pid_of(place: Place) -> int | None:
    return read_pid(place.run / "thing.pid")


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_it_runs_while_the_block_does(place: Place) -> None:
    async with keep_running(program(place, SLEEPER), place):
        pid = pid_of(place)
        assert pid is not None
        assert is_ours(pid, place.data_dir)
    assert gone(pid)
    assert pid_of(place) is None


async def test_it_comes_back_when_it_dies(place: Place) -> None:
    async with keep_running(program(place, SLEEPER), place):
        first = pid_of(place)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        second = await eventually(lambda: (pid := pid_of(place)) != first and pid, timeout=10)
    assert second != first


async def test_an_end_before_it_was_ready_is_final(place: Place) -> None:
    with pytest.raises(ServiceFailed, match=r"ended at once \(exit code 3\)") as caught:
        async with keep_running(program(place, "print('no such key'); raise SystemExit(3)"), place):
            pass
    assert "no such key" in caught.value.advice


async def test_who_ignores_the_asking_is_killed(place: Place) -> None:
    async with keep_running(program(place, STUBBORN, grace=0.2), place):
        pid = pid_of(place)
        assert pid is not None
    assert gone(pid)


def test_nothing_outlives_an_up_that_is_killed(place: Place) -> None:
    """kill -9 of the parent: the kernel tells the child to end."""
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(place.data_dir), SLEEPER])
    child = eventually_sync(lambda: pid_of(place) is not None and pid_of(place), timeout=10)
    parent.kill()
    parent.wait()
    assert child
    eventually_sync(lambda: gone(child), timeout=10)


async def test_a_leftover_that_is_still_there_is_ended(place: Place) -> None:
    left = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SLEEPER,
        env={**os.environ, "HYTOPUS_UP": str(place.data_dir)},
        stdout=asyncio.subprocess.DEVNULL,
    )
    (place.run / "thing.pid").write_text(str(left.pid))
    waiting = asyncio.create_task(left.wait())
    said: list[str] = []
    await eventually(lambda: is_ours(left.pid, place.data_dir))  # until exec, it has our own environment
    await end_leftovers(place.data_dir, place.run, said.append)
    assert await waiting == -signal.SIGTERM
    assert said == [f"Ending thing (process {left.pid}), which an earlier run left behind."]


async def test_a_number_that_was_used_again_is_left_alone(place: Place) -> None:
    (place.run / "thing.pid").write_text(str(os.getpid()))
    await end_leftovers(place.data_dir, place.run, lambda _line: None)
    assert not leftovers(place.data_dir, place.run)
    assert pid_of(place) is None


_PARENT = """
import asyncio, sys
from pathlib import Path
from hytopus.up.service import Place, Program, keep_running

folder = Path(sys.argv[1])
place = Place(folder, folder / "logs", folder / "run", print)

async def ready():
    return (folder / "logs/thing.log").exists()

async def main():
    async with keep_running(Program("thing", [sys.executable, "-c", sys.argv[2]], ready), place):
        await asyncio.Event().wait()

asyncio.run(main())
"""
