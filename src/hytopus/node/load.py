"""How busy this machine is: a few small files of /proc, read once per heartbeat."""

from __future__ import annotations

import shutil
import time
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
        self._network, self._at = _network(), time.monotonic()
        psutil.cpu_percent(interval=None)

    def __call__(self, own: frozenset[int]) -> NodeLoad:
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(self._data_dir)
        received, sent = self._speed()
        return NodeLoad(
            cpu_percent=psutil.cpu_percent(interval=None),
            memory_used_mb=(memory.total - memory.available) // 2**20,
            memory_total_mb=memory.total // 2**20,
            disk_free_mb=disk.free // 2**20,
            disk_total_mb=disk.total // 2**20,
            network_in=received,
            network_out=sent,
            foreign_ports=tuple(sorted(port for port in self._used() if port in self._pool and port not in own)),
        )

    def _speed(self) -> tuple[float, float]:
        """Bytes a second received and sent since the call before."""
        before, began = self._network, self._at
        self._network, self._at = _network(), time.monotonic()
        seconds = max(self._at - began, 0.001)
        received, sent = (max(now - then, 0) / seconds for now, then in zip(self._network, before, strict=True))
        return round(received, 1), round(sent, 1)

    def _used(self) -> set[int]:
        ports: set[int] = set()
        for name in ("udp", "udp6"):
            ports.update(port for port, _ in _sockets(self._proc / name))
        for name in ("tcp", "tcp6"):
            ports.update(port for port, state in _sockets(self._proc / name) if state == _TCP_LISTEN)
        return ports


def _network() -> tuple[int, int]:
    cards = [numbers for name, numbers in psutil.net_io_counters(pernic=True).items() if name != "lo"]
    return sum(card.bytes_recv for card in cards), sum(card.bytes_sent for card in cards)


def _sockets(file: Path) -> Iterator[tuple[int, bytes]]:
    """Local port and state of every socket in a table of /proc/net; no table, no sockets."""
    try:
        rows = file.read_bytes().splitlines()[1:]
    except OSError:
        return
    for row in rows:
        _, local, _, state, *_ = row.split(None, 4)
        yield int(local.rpartition(b":")[2], 16), state
