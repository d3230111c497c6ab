"""Seeing a prepared directory as the game would: overlays are really mounted."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hytopus.node.materialise.workspace import Prepared
from hytopus.node.runtime.base import BindMount
from tests.services.programs import ensure_xfs


@contextmanager
def mounted(prepared: Prepared, at: Path) -> Iterator[Path]:
    """The directory's root; an overlay is mounted at `at` until the block ends."""
    mount = prepared.mount
    if isinstance(mount, BindMount):
        yield Path(mount.source)
        return
    options = f"lowerdir={':'.join(mount.lower)},upperdir={mount.upper},workdir={mount.work}"
    options += ",metacopy=off,redirect_dir=off"
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)


@contextmanager
def tmpfs(at: Path, size: str) -> Iterator[Path]:
    """A small disk."""
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@contextmanager
def xfs(image: Path, at: Path, size: str = "400M") -> Iterator[Path]:
    """A disk of its own with reflinks, on a loop device."""
    subprocess.run(["truncate", "-s", size, str(image)], check=True)
    subprocess.run([ensure_xfs(), "-q", "-m", "reflink=1", str(image)], check=True)
    at.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)
        image.unlink()
