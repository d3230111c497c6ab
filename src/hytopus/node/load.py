"""How busy this machine is: a few small files of /proc, read once per heartbeat."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from hytopus.wire.messages import NodeLoad

_TCP_LISTEN: Final = b"0A"


class LoadMeter:
    """Call it with the ports that are ours. CPU is measured since the call before."""

    def __init__(self, data_dir: Path, *, first: int, last: int, proc: Path = Path("/proc/net")) -> None:
        self._data_dir, self._proc = data_dir, proc
        self._pool = range(first, last + 1)
        psutil.cpu_percent(interval=None)

    def __call__(self, own: frozenset[int]) -> NodeLoad:
        memory = psutil.virtual_memory()
        return NodeLoad(
            cpu_percent=psutil.cpu_percent(interval=None),
            memory_used_mb=(memory.total - memory.available) // 2**20,
            disk_free_mb=shutil.disk_usage(self._data_dir).free // 2**20,
            foreign_ports=tuple(sorted(port for port in self._used() if port in self._pool and port not in own)),
        )

    def _used(self) -> set[int]:
        ports: set[int] = set()
        for name in ("udp", "udp6"):
            ports.update(port for port, _ in _sockets(self._proc / name))
        for name in ("tcp", "tcp6"):
            ports.update(port for port, state in _sockets(self._proc / name) if state == _TCP_LISTEN)
        return ports


def _sockets(file: Path) -> Iterator[tuple[int, bytes]]:
    """Local port and state of every socket in a table of /proc/net; no table, no sockets."""
    try:
        rows = file.read_bytes().splitlines()[1:]
    except OSError:
        return
    for row in rows:
        _, local, _, state, *_ = row.split(None, 4)
        yield int(local.rpartition(b":")[2], 16), state
