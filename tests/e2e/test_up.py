"""`hytopus up` on this machine: Ctrl-C at any moment of its start leaves nothing behind, and the next one goes on."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from hytopus.up.leftovers import MARK
from tests.services.ports import free_row
from tests.services.processes import Process
from tests.services.waiting import eventually_sync

pytestmark = [pytest.mark.docker, pytest.mark.s3, pytest.mark.timeout(240)]

STEPS = ("Docker Engine", "The S3 server", "The Brain answers", "is online")
LAST = "Hytopus is up"
PORTS = 20
START_SECONDS = 120.0


class Up(Process):
    """One run of the command, in a home of its own."""

    def __init__(self, home: Path, port: int, name: str) -> None:
        self.data_dir = home / "data"
        words = ("up", "--no-demo", "--data-dir", str(self.data_dir), "--port", str(port))
        environment = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "PYTHONUNBUFFERED": "1"}
        super().__init__("up", [sys.executable, "-m", "hytopus.cli", *words], home / f"{name}.log", environment)

    def says(self, words: str) -> str:
        """The first line with these words in it, once it is there."""

        def line() -> str:
            return next((line for line in self.log.read_text().splitlines() if words in line), "")

        return eventually_sync(line, START_SECONDS, what=f"it says {words!r}\n{self.tail()}")

    def left(self) -> list[str]:
        """Programs that it started and that still run."""
        everything = psutil.process_iter()
        return [each.name() for each in everything if _environment(each).get(MARK) == str(self.data_dir)]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


@contextmanager
def started(home: Path, port: int, name: str) -> Iterator[Up]:
    up = Up(home, port, name)
    up.start()
    try:
        yield up
    finally:
        up.kill()


@pytest.fixture
def port(docker_engine: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("DOCKER_HOST", docker_engine)
    return free_row(PORTS)


def test_it_can_be_interrupted_at_each_step_of_its_start(tmp_path: Path, port: int) -> None:
    for number, words in enumerate(STEPS):
        with started(tmp_path, port, f"step-{number}") as up:
            up.says(words)
            assert up.interrupt() == 0, up.tail()
            assert up.left() == []
            assert "Traceback" not in up.log.read_text()


def test_after_a_kill_it_comes_up_once_and_goes_in_order(tmp_path: Path, port: int) -> None:
    with started(tmp_path, port, "killed") as up:
        up.says("The Brain answers")
    with started(tmp_path, port, "next") as up:
        address = re.search(r"https?://[\w.:]+\w", up.says(LAST))
        assert address
        assert httpx2.get(f"{address[0]}/readyz", timeout=10).status_code == 200
        with started(tmp_path, port, "second") as second:
            second.says("already")
            assert second.wait() != 0
        assert up.interrupt() == 0
        assert up.left() == []
