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
        eventually_sync(lambda: not _alive(pid), timeout=30, what="dockerd to end")
    say("stopped the dockerd that these tests started")


def ensure_installed() -> None:
    if shutil.which("dockerd") is None:
        install("docker.io", needed_for="the tests that run containers")


def _start(run: Path) -> None:
    ensure_installed()
    if engine_answers():  # the package's own service may have come up
        return
    if not is_ours():
        unavailable("no Docker Engine answers, and only root can start one")
    _mount_control_groups()
    say("no Docker Engine answers; starting dockerd until the end of the tests")
    pid = _launch(run / "dockerd.log")
    (run / "dockerd.pid").write_text(str(pid))
    eventually_sync(lambda: not _alive(pid) or engine_answers(), timeout=50, every=0.2, what="dockerd to answer")
    if not _alive(pid):
        unavailable(f"dockerd does not start here:\n{(run / 'dockerd.log').read_text()[-2000:]}")


def _launch(log: Path) -> int:
    """Start dockerd as nobody's child, because it has to outlive the worker that needed it first; gives its pid."""
    done = subprocess.run(
        ["setsid", "sh", "-c", 'dockerd >"$0" 2>&1 </dev/null & echo $!', log],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=10,
    )
    return int(done.stdout)


def _alive(pid: int) -> bool:
    """Where nobody collects orphans, an ended one stays as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _mount_control_groups() -> None:
    """Where there is no systemd, nothing may have done so yet."""
    kinds = {line.split()[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    if kinds & {"cgroup", "cgroup2"}:
        return
    if shutil.which("cgroupfs-mount") is None:
        install("cgroupfs-mount", needed_for="dockerd")
    subprocess.run(["cgroupfs-mount"], check=True, timeout=30)
