"""Preparing, disk use and destroying of an instance, against copying its layers."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.files.data import Pools, make_layers
from bench.files.disks import bytes_on_disk, mount_overlay, unmount
from hytopus.layers.pack import pack
from hytopus.layers.substitute import placeholders, substitute
from hytopus.node.cache.cache import CachedLayer, TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.cache.source import LayerSource
from hytopus.node.materialise.probe import How, probe
from hytopus.node.materialise.workspace import Prepared, Workspaces
from hytopus.node.runtime.base import OverlayMount

PLACEHOLDERS = 20
LAYERS = 4
_RUNS = 9


@dataclass(frozen=True)
class Copied:
    """The plain way: seconds to copy and substitute, seconds to delete, bytes on disk."""

    prepare: float
    destroy: float
    size: int


@dataclass(frozen=True)
class Ours:
    """The first time with these layers, the median of later times, and the same as above."""

    first: float
    prepare: float
    destroy: float
    size: int


class Node:
    """A node's files with the layers in its cache."""

    def __init__(self, cache: TemplateCache, sources: list[LayerSource]) -> None:
        self.cache, self.sources = cache, sources

    @classmethod
    async def make(cls, root: Path, scratch: Path, files: int, pools: Pools) -> Node:
        blobs: dict[str, bytes] = {}
        sources = []
        for index, folder in enumerate(make_layers(scratch, files, LAYERS, pools, placeholders=PLACEHOLDERS)):
            blob = scratch / "layer.tar"
            packed = pack(folder, blob)
            blobs[packed.checksum] = blob.read_bytes()
            sources.append(LayerSource(f"layer{index}", "1", packed.checksum, packed.size, ""))
            shutil.rmtree(folder)
            blob.unlink()
        cache = TemplateCache(root, download=MemoryDownload(blobs))
        await cache.recover()
        async with cache.hold(sources):
            blobs.clear()
        return cls(cache, sources)

    async def trees(self) -> list[CachedLayer]:
        async with self.cache.hold(self.sources) as layers:
            return layers


def copied(layers: list[CachedLayer], target: Path, values: Mapping[str, str]) -> Copied:
    """`cp -a` of the layers one over the other, then every file is looked into; `rm -rf` at the end."""
    target.mkdir()
    prepare = _timed(lambda: _copy(layers, target, values))
    size = bytes_on_disk(target)
    return Copied(prepare, _timed(lambda: subprocess.run(["rm", "-rf", target], check=True)), size)


async def prepared(node: Node, how: How, at: Path, values: Mapping[str, str]) -> Ours:
    """Prepare instances with values of their own, each mounted as the engine would; destroy them."""
    root = node.cache.disk.root
    workspaces = Workspaces(node.cache, await probe(root), how=how)
    await asyncio.to_thread(at.mkdir)
    prepares, destroys, sizes = [], [], []
    runs = _RUNS if how is How.OVERLAY else 3
    for number in range(runs + 1):
        began = time.perf_counter()
        async with node.cache.hold(node.sources) as layers:
            done = await workspaces.prepare(f"i{number}", layers, {**values, "PORT": str(number)})
        if isinstance(done.mount, OverlayMount):
            mount_overlay(done.mount, at)
        prepares.append(time.perf_counter() - began)
        _check(done, at, number)
        sizes.append(_size(done))
        if isinstance(done.mount, OverlayMount):
            unmount(at)
        began = time.perf_counter()
        await workspaces.destroy(f"i{number}")
        destroys.append(time.perf_counter() - began)
        assert not done.directory.exists()
        await node.cache.disk.empty()
    return Ours(prepares[0], statistics.median(prepares[1:]), statistics.median(destroys), max(sizes))


def _copy(layers: list[CachedLayer], target: Path, values: Mapping[str, str]) -> None:
    for layer in layers:
        subprocess.run(["cp", "-a", f"{layer.tree}/.", target], check=True)
    for path in target.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if placeholders(data):
                path.write_bytes(substitute(data, values)[0])


def _check(done: Prepared, at: Path, number: int) -> None:
    """The instance's directory is whole: a rendered file says so, and so does the number of files."""
    root = at if isinstance(done.mount, OverlayMount) else Path(done.mount.source)
    if number == 0:
        assert sum(1 for path in root.rglob("*") if path.is_file()) == done.files
    rendered = next(path for path in sorted(root.rglob("file*")) if path.read_bytes()[:7] == b"port = ")
    assert rendered.read_bytes().startswith(b"port = %d\nname = bench\n" % number)


def _size(done: Prepared) -> int:
    """New bytes of one instance, its rendered files included. Reflinked blocks count for nobody."""
    if not isinstance(done.mount, OverlayMount):
        return 0
    rendered = [Path(path) for path in done.mount.lower if "/r/" in path]
    return bytes_on_disk(done.directory, *rendered)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
