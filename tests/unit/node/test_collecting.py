"""Clearing away what nobody uses, while something begins to be used: what was read a moment ago may no longer hold."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.cache.eviction import Bounds
from hytopus.node.directories import CachedDirectories
from hytopus.node.materialise.probe import Abilities
from hytopus.node.materialise.record import Record
from hytopus.node.materialise.workspace import Workspaces
from hytopus.wire.messages import PrepareInstance, TemplateLayer
from tests.unit.node.runner.clock import StillClock
from tests.unit.node.runner.records import assignment
from tests.unit.node.test_directories import BASE, tarball

PLAIN = tarball(motd="base")


class SlowWorkspaces(Workspaces):
    """Whoever reads what instances are built of hears it late, once `slow` is set: as it was when he asked."""

    def __init__(self, cache: TemplateCache) -> None:
        super().__init__(cache, Abilities(overlay=True, reflink=False))
        self.slow = False
        self.read, self.go_on = threading.Event(), threading.Event()

    def _records(self) -> list[Record]:
        found = super()._records()
        if self.slow:
            self.slow = False
            self.read.set()
            assert self.go_on.wait(10)
        return found


class Site:
    def __init__(self, root: Path) -> None:
        download = MemoryDownload({sha256(data).hexdigest(): data for data in (BASE, PLAIN)})
        self.cache = TemplateCache(root, download=download)
        self.workspaces = SlowWorkspaces(self.cache)
        self.directories = CachedDirectories(
            self.cache, self.workspaces, monotonic=StillClock().monotonic, bounds=lambda: Bounds(bytes=1)
        )

    async def build(self, instance_id: str, data: bytes) -> None:
        layer = TemplateLayer("base", "1", sha256(data).hexdigest(), len(data), "memory:")
        asked: PrepareInstance = assignment(instance_id=instance_id, template_layers=(layer,))
        await self.directories.build(asked, refresh=False, progress=lambda *_: None)

    async def meanwhile(self, clearing: Callable[[], Coroutine[Any, Any, None]], instance_id: str, data: bytes) -> None:
        """The instance is built from beginning to end after the other has read what is used."""
        self.workspaces.slow = True
        task = asyncio.create_task(clearing())
        await asyncio.to_thread(self.workspaces.read.wait, 10)
        await self.build(instance_id, data)
        self.workspaces.go_on.set()
        await task


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    await site.cache.recover()
    await site.build("former", PLAIN)
    await site.directories.destroy("former")
    return site


async def test_a_version_stays_that_an_instance_began_to_use_meanwhile(site: Site) -> None:
    await site.meanwhile(site.directories.evict, "i1", PLAIN)
    await site.directories.reopen("i1")


async def test_rendered_files_stay_that_an_instance_began_to_use_meanwhile(site: Site) -> None:
    await site.build("other", BASE)
    await site.directories.destroy("other")
    await site.meanwhile(site.workspaces.collect, "i1", BASE)
    await site.directories.reopen("i1")
