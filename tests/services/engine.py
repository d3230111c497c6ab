"""A Docker Engine of a test's own, which may be killed: own data, own socket, own containerd, own address pool."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.services.machine import install
from tests.services.waiting import eventually_sync


class PrivateEngine:
    """`kill` and `start` again as often as wanted; `close` removes everything it made."""

    def __init__(self, directory: Path, *, pool: str = "10.213.0.0/16") -> None:
        self.directory = directory
        self.url = f"unix://{directory}/docker.sock"
        self._pool = pool
        self._bridge = f"hyt{os.urandom(4).hex()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if shutil.which("dockerd") is None:
            install("docker.io", needed_for="the tests that kill a Docker Engine")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._make_bridge()
        self._launch()
        eventually_sync(self.answers, timeout=60, every=0.1, what=f"dockerd, see {self.directory}/dockerd.log")

    def kill(self) -> None:
        """SIGKILL for dockerd, and its containerd dies with it; what runs in containers goes on, as after a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
        for file in ("dockerd.pid", "run/containerd/containerd.pid"):
            (self.directory / file).unlink(missing_ok=True)  # the next one would wait for these where nobody reaps

    def answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.directory / "dockerd.log").read_text()[-2000:]
        return self.docker("version", check=False) is not None

    def docker(self, *words: str, check: bool = True) -> str | None:
        """The docker client against this engine: its output, or None where it failed and that is allowed."""
        done = subprocess.run(
            ["docker", "--host", self.url, *words], check=False, capture_output=True, text=True, timeout=120
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done.stdout if done.returncode == 0 else None

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            for container in (self.docker("ps", "-aq", check=False) or "").split():
                self.docker("rm", "-f", container, check=False)
            self.docker("network", "prune", "-f", check=False)
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        self._end_containerd()
        _ip("link", "delete", self._bridge)
        for mount in reversed(_mounts_below(self.directory)):
            subprocess.run(["umount", "-l", mount], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _launch(self) -> None:
        with (self.directory / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "dockerd",
                    f"--host={self.url}",
                    f"--data-root={self.directory}/data",
                    f"--exec-root={self.directory}/run",
                    f"--pidfile={self.directory}/dockerd.pid",
                    f"--bridge={self._bridge}",
                    f"--default-address-pool=base={self._pool},size=24",
                    "--iptables=false",  # each that begins takes away the chains of the machine's own engine
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _make_bridge(self) -> None:
        """A default bridge of its own: an engine without one removes that of the machine's engine."""
        if shutil.which("ip") is None:
            install("iproute2", needed_for="the tests that kill a Docker Engine")
        if _ip("link", "show", self._bridge) != 0:
            _ip("link", "add", "name", self._bridge, "type", "bridge")
            _ip("address", "add", f"{self._pool.split('.0.0/')[0]}.255.1/24", "dev", self._bridge)
            _ip("link", "set", self._bridge, "up")

    def _end_containerd(self) -> None:
        file = self.directory / "run" / "containerd" / "containerd.pid"
        if file.exists() and _is_containerd(pid := int(file.read_text())):
            os.kill(pid, signal.SIGKILL)


def _ip(*words: str) -> int:
    return subprocess.run(["ip", *words], check=False, capture_output=True, timeout=20).returncode


def _is_containerd(pid: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline")
    return command.exists() and b"containerd" in command.read_bytes()


def _mounts_below(directory: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [path for line in lines if (path := line.split()[1]).startswith(f"{directory}/")]
