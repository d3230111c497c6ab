"""Looking before leaping: what would fail later with a worse message."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Final

import psutil

from hytopus.up.errors import DiskTooFull, NotRoot, PortTaken
from hytopus.up.options import UpOptions

NEEDED_MB: Final = 2_000


def check_root() -> None:
    if os.geteuid() != 0:
        raise NotRoot


def check(options: UpOptions) -> None:
    """Raises what is wrong with the machine."""
    check_disk(options.data_dir)
    for port in options.ports():
        check_port(options.bind, port)


def check_disk(path: Path, needed_mb: int = NEEDED_MB) -> None:
    free_mb = shutil.disk_usage(path).free // 1_000_000
    if free_mb < needed_mb:
        raise DiskTooFull(path=path, free_mb=free_mb, needed_mb=needed_mb)


def check_port(bind: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            raise PortTaken(port=port, holder=_holder(port) or error.strerror) from error


def _holder(port: int) -> str | None:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            try:
                name = psutil.Process(connection.pid).name() if connection.pid else "another process"
            except psutil.Error:
                name = "another process"
            return f"{name} (process {connection.pid})"
    return None
