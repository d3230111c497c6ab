"""A program in a process of its own that a test can kill and start again."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class Process:
    """One program with its log file. `start` after `kill` runs the same command again."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.running
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )

    def kill(self) -> None:
        """SIGKILL: no chance to clean up."""
        self._end(signal.SIGKILL)

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM, and the exit code; SIGKILL where that does not end it in time."""
        return self._end(signal.SIGTERM, timeout)

    def interrupt(self, timeout: float = 30) -> int:
        """Ctrl-C, and the exit code."""
        return self._end(signal.SIGINT, timeout)

    def wait(self, timeout: float = 30) -> int:
        """The exit code of one that ends by itself."""
        assert self._process is not None
        return self._process.wait(timeout)

    def tail(self, lines: int = 40) -> str:
        """The end of its log, for messages of failed tests."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        telling = [line for line in text.splitlines() if "hytopus.access" not in line]
        return f"--- {self.name}\n" + "\n".join(telling[-lines:])

    def _end(self, number: signal.Signals, timeout: float = 10) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
