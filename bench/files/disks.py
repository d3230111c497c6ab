"""Disks for measuring on: memory, and an XFS image in memory, since a cloud disk's timings say nothing."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hytopus.node.runtime.base import OverlayMount
from tests.services.programs import ensure_xfs

_LIBC = ctypes.CDLL(None, use_errno=True)


@contextmanager
def tmpfs(at: Path) -> Iterator[Path]:
    at.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=90%,nr_inodes=0", "tmpfs", at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", at], check=True)
        at.rmdir()


@contextmanager
def xfs(image: Path, at: Path, size: str) -> Iterator[Path]:
    """`image` is a file in memory."""
    subprocess.run(["truncate", "-s", size, image], check=True)
    subprocess.run([ensure_xfs(), "-q", "-m", "reflink=1", image], check=True)
    at.mkdir()
    subprocess.run(["mount", "-o", "loop", image, at], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True)
        at.rmdir()
        image.unlink()


def mount_overlay(mount: OverlayMount, at: Path) -> None:
    """mount(2) itself, as the engine calls it: no process is started."""
    options = f"lowerdir={':'.join(mount.lower)},upperdir={mount.upper},workdir={mount.work}"
    if _LIBC.mount(b"overlay", str(at).encode(), b"overlay", 0, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(at))


def unmount(at: Path) -> None:
    if _LIBC.umount2(str(at).encode(), 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(at))


def bytes_on_disk(*paths: Path) -> int:
    """Blocks in use by everything below the paths, as `du` counts them."""
    output = subprocess.run(["du", "-s", "-B1", *paths], check=True, capture_output=True, text=True).stdout
    return sum(int(line.split()[0]) for line in output.splitlines())
