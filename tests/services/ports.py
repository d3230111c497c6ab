"""Free ports that no other test process takes at the same time."""

from __future__ import annotations

import fcntl
import random
import socket
import tempfile
from pathlib import Path
from typing import IO, Final

RANGE: Final = range(18_000, 28_000)
"""Below the kernel's ephemeral ports, which outgoing connections take at any moment, and below the games' own pool."""

_claims: dict[int, IO[str]] = {}
"""Open lock files; a claim ends with the process."""


def free_port(*, beside: int | None = None) -> int:
    """A port free for TCP and UDP on all addresses; with `beside`, the port at that distance is free too."""
    while True:
        port = random.choice(RANGE)
        wanted = (port,) if beside is None else (port, port + beside)
        if all(_claim(one) and _is_free(one) for one in wanted):
            return port


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]


def free_row(count: int) -> int:
    """The first of so many free ports that follow each other."""
    while True:
        first = random.choice(RANGE)
        if all(_claim(port) and _is_free(port) for port in range(first, first + count)):
            return first


def _claim(port: int) -> bool:
    if port in _claims:
        return False
    folder = Path(tempfile.gettempdir()) / "hytopus-test-ports"
    folder.mkdir(exist_ok=True, mode=0o777)
    file = (folder / str(port)).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _claims[port] = file
    return True


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return False
    return True
