"""A network namespace of its own, and the cable to it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.services.machine import install
from tests.services.ports import free_ports
from tests.services.processes import Process


class Cable:
    """The only way between what runs in the namespace and the rest. A cut loses packets silently."""

    def __init__(self, directory: Path, ports: Sequence[int]) -> None:
        tag = os.urandom(3).hex()
        self.namespace, self._inner, self._outer = f"hytopus-{tag}", f"hyi{tag}", f"hyo{tag}"
        net = f"10.{214 + os.getpid() % 20}.{os.getpid() // 20 % 250}"
        self._near, self._far = f"{net}.1", f"{net}.2"
        module = [sys.executable, "-m", "tests.services.forward"]
        crossings = dict(zip(ports, free_ports(len(ports)), strict=True))
        outside = [f"{self._near}:{crossing}=127.0.0.1:{port}" for port, crossing in crossings.items()]
        inside = [f"127.0.0.1:{port}={self._near}:{crossing}" for port, crossing in crossings.items()]
        self._ends = (
            Process("far end", [*module, *outside], directory / "forward-outside.log", {}),
            Process("near end", self.within([*module, *inside]), directory / "forward-inside.log", {}),
        )

    def within(self, command: Sequence[str]) -> list[str]:
        """The same command, run in the namespace."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *command]

    def lay(self) -> None:
        if shutil.which("ip") is None:
            install("iproute2", needed_for="cutting the network")
        _ip("netns", "add", self.namespace)
        _ip("link", "add", self._outer, "type", "veth", "peer", "name", self._inner, "netns", self.namespace)
        _ip("address", "add", f"{self._near}/24", "dev", self._outer)
        _ip("link", "set", self._outer, "up")
        for words in (
            ["link", "set", "lo", "up"],
            ["address", "add", f"{self._far}/24", "dev", self._inner],
            ["link", "set", self._inner, "up"],
        ):
            _ip("-n", self.namespace, *words)
        for end in self._ends:
            end.start()

    def cut(self) -> None:
        _ip("-n", self.namespace, "link", "set", self._inner, "down")

    def mend(self) -> None:
        _ip("-n", self.namespace, "link", "set", self._inner, "up")

    def remove(self) -> None:
        for end in self._ends:
            end.kill()
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, capture_output=True, timeout=20)
        subprocess.run(["ip", "link", "delete", self._outer], check=False, capture_output=True, timeout=20)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
