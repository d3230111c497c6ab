"""Tarballs with sources to match, and a download that can be watched and held up."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from hytopus.layers.archive import Limits
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import Downloaded, Listener, MemoryDownload, Owner
from hytopus.node.cache.source import LayerSource
from tests.unit.layers.trees import Node, tarball


class WatchedDownload:
    """Counts its calls; waits for `gate` before it delivers anything."""

    def __init__(self) -> None:
        self.tarballs: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self.cancelled = 0

    def add(self, template_id: str, tree: Mapping[str, Node], *, version: str = "1", rules: str = "") -> LayerSource:
        data = tarball(tree, rules)
        checksum = hashlib.sha256(data).hexdigest()
        self.tarballs[checksum] = data
        return LayerSource(template_id, version, checksum, len(data), "http://nowhere")

    async def __call__(
        self, source: LayerSource, tree: Path, manifest: Path, *, owner: Owner, limits: Limits, progress: Listener
    ) -> Downloaded:
        self.calls.append(source.name)
        self.started.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        download = MemoryDownload(self.tarballs)
        return await download(source, tree, manifest, owner=owner, limits=limits, progress=progress)


async def new_cache(root: Path, download: WatchedDownload) -> TemplateCache:
    cache = TemplateCache(root, owner=None, download=download)
    await cache.recover()
    return cache


def left_over(root: Path) -> list[str]:
    """What is half made or not deleted yet."""
    return sorted(str(path.relative_to(root)) for name in ("tmp", "trash") for path in (root / name).iterdir())
