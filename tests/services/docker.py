"""A Docker Engine for the tests: the machine's if one answers, otherwise one that ends with the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

from tests.services.machine import install, is_ours, machine_lock, say, unavailable
from tests.services.waiting import eventually_sync

SOCKET: Final = Path("/var/run/docker.sock")


def running_engine(run: Path) -> str:
    """The Engine's address. `run` is the directory of this test run, where a started dockerd leaves its pid."""
    if engine_answers():
        return address()
    with machine_lock("docker"):
        if not engine_answers():
            _start(run)
    return address()


def address() -> str:
    return os.environ.get("DOCKER_HOST", f"unix://{SOCKET}")


def engine_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        return subprocess.run([docker, "version"], check=False, capture_output=True, timeout=20).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def stop_engine(run: Path) -> None:
    """End the dockerd that this test run started, if it did."""
    file = run / "dockerd.pid"
    if not file.exists():
        return
    pid = int(file.read_text())
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        eventually_sync(lambda: not Path(f"/proc/{pid}").exists(), timeout=30, what="dockerd to end")
    say("stopped the dockerd that these tests started")


def _start(run: Path) -> None:
    if shutil.which("dockerd") is None:
        install("docker.io", needed_for="the tests that run containers")
    if engine_answers():  # the package's own service may have come up
        return
    if not is_ours():
        unavailable("no Docker Engine answers, and only root can start one")
    say("no Docker Engine answers; starting dockerd until the end of the tests")
    with (run / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(
            ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (run / "dockerd.pid").write_text(str(process.pid))
    eventually_sync(
        lambda: process.poll() is not None or engine_answers(), timeout=60, every=0.2, what="dockerd to answer"
    )
    if process.poll() is not None:
        unavailable(f"dockerd does not start here:\n{(run / 'dockerd.log').read_text()[-2000:]}")
