"""The node's directory of files: what is half made, what is finished, and what is on its way out.

    cache/<template id>/<version>/   checksum file, and a link to the unpacked tree
    l/ p/ r/ s/                      finished things under short names: layers, plans, rendered files, squashed layers
    instances/<instance id>/         one directory per instance
    tmp/ trash/                      nothing in them is ever needed again

A finished thing is moved into place whole. Until the disk is known to have it, it carries the boot it was made in;
what a power loss may have damaged is thereby known and made again.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hytopus.node.cache.errors import BadCacheRoot

LAYERS: Final = "l"
PLANS: Final = "p"
RENDERED: Final = "r"
SQUASHED: Final = "s"
_KINDS: Final = (LAYERS, PLANS, RENDERED, SQUASHED)
_UNSYNCED: Final = "unsynced"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_SAFE_ROOT: Final = re.compile(r"/[A-Za-z0-9_.+@%=/-]*")
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class Disk:
    """One node's root directory. `run` deletes and makes durable in the background for as long as the agent lives."""

    def __init__(self, root: Path) -> None:
        if not _SAFE_ROOT.fullmatch(str(root)):
            raise BadCacheRoot(path=str(root), why="it must be absolute, and mount options cannot hold its characters")
        self.root = root
        self.cache = root / "cache"
        self.instances = root / "instances"
        self._tmp = root / "tmp"
        self._trash = root / "trash"
        self._work = asyncio.Event()

    def create(self) -> None:
        """Make what is missing."""
        for name in ("cache", "instances", "tmp", "trash", *_KINDS):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for private in (self.instances, self._tmp, self._trash, self.root / RENDERED):
            private.chmod(0o700)

    def recover(self) -> None:
        """Throw away what was half made, or finished in an earlier boot without the disk being known to have it."""
        self.create()
        boot = _boot_id()
        for half in self._tmp.iterdir():
            self.throw(half)
        for kind in _KINDS:
            for thing in (self.root / kind).iterdir():
                marker = thing / _UNSYNCED
                if marker.exists() and marker.read_text() != boot:
                    self.throw(thing)
        self._work.set()

    def scratch(self) -> Path:
        """A new empty directory for something half made."""
        path = self._tmp / new_link()
        path.mkdir()
        return path

    def place(self, scratch: Path, kind: str, name: str) -> Path:
        """Move a finished thing into its place; what stands there already wins."""
        target = self.root / kind / name
        (scratch / _UNSYNCED).write_text(_boot_id())
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            self.throw(scratch)
        return target

    def throw(self, path: Path) -> None:
        """Gone from where it was at once; deleted by `run`, or by `empty`."""
        try:
            path.rename(self._trash / new_link())
        except FileNotFoundError:
            return

    def throw_from(self, name: str, folder: int) -> None:
        """The same for something in an open folder, whatever its path is by now."""
        os.rename(name, self._trash / new_link(), src_dir_fd=folder)

    def wake(self) -> None:
        """There may be something to delete or to make durable. Call it on the event loop."""
        self._work.set()

    async def run(self) -> None:
        """Housekeeping until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            await self.empty()
            await self._make_durable()

    async def empty(self) -> None:
        """Delete everything thrown away so far."""
        names = await asyncio.to_thread(lambda: [str(path) for path in self._trash.iterdir()])
        if names:
            await _execute("rm", "-rf", "--one-file-system", "--", *names)
        for name in names:  # what `rm` may not enter
            await asyncio.to_thread(_force_remove, Path(name))

    async def _make_durable(self) -> None:
        markers = await asyncio.to_thread(self._unsynced)
        if markers and await _execute("sync", "-f", str(self.root)) == 0:
            await asyncio.to_thread(_unlink_all, markers)

    def _unsynced(self) -> list[Path]:
        return [path for kind in _KINDS for path in (self.root / kind).glob(f"*/{_UNSYNCED}")]


def new_link() -> str:
    """Eight characters nobody has used: short, because mount options are limited to 4,095 bytes."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


async def _execute(*command: str) -> int:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _force_remove(path: Path) -> None:
    if not path.exists():
        return
    for folder in [path, *path.rglob("*")]:
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o700)
    shutil.rmtree(path, ignore_errors=True)


def _unlink_all(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _boot_id() -> str:
    return _BOOT.read_text().strip()
