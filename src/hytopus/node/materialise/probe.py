"""Which ways of preparing directories this node has, found out by trying them."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

FICLONE: Final = 0x40049409
_FILESYSTEMS: Final = Path("/proc/filesystems")


class How(StrEnum):
    """The ways, best first."""

    OVERLAY = "overlay"
    REFLINK = "reflink"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What works on the file system of a directory."""

    overlay: bool
    reflink: bool
    copy: bool = True

    @property
    def best(self) -> How:
        if self.overlay:
            return How.OVERLAY
        return How.REFLINK if self.reflink else How.COPY

    def __contains__(self, how: object) -> bool:
        return how in {one for one in How if getattr(self, one.value)}


async def probe(root: Path) -> Abilities:
    """Try each way in a directory of its own below `root`, and leave nothing there."""
    place = await asyncio.to_thread(_place, root)
    try:
        return Abilities(await _overlay(place), await asyncio.to_thread(_reflink, place))
    finally:
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


def _place(root: Path) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=".probe-", dir=root))


async def _overlay(place: Path) -> bool:
    """A mount in a mount namespace that ends with the attempt. Without root the engine mounts: ask the kernel."""
    if os.geteuid() != 0:
        return "\toverlay\n" in await asyncio.to_thread(_FILESYSTEMS.read_text)
    for name in ("lower", "upper", "work", "merged"):
        await asyncio.to_thread((place / name).mkdir)
    options = f"lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, f"{place}/merged"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0


def _reflink(place: Path) -> bool:
    source, target = place / "source", place / "target"
    source.write_bytes(b"x" * 4096)
    with source.open("rb") as reading, target.open("wb") as writing:
        try:
            fcntl.ioctl(writing.fileno(), FICLONE, reading.fileno())
        except OSError:
            return False
    return True
