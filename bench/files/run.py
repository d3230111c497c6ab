"""All rows of the file work. Needs root and memory for about 9 GB (a tenth with `quick`); installs what it calls."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.files.data import Pools, make_layers, make_small
from bench.files.disks import tmpfs, xfs
from bench.files.fetching import compare
from bench.files.preparing import Copied, Node, Ours, copied, prepared
from bench.files.row import Row
from bench.files.store import running_store
from hytopus.layers.pack import pack
from hytopus.node.materialise.probe import How
from tests.services.programs import ensure_program

VALUES = {"PORT": "5520", "SERVER_NAME": "bench"}


async def measure(work: Path, *, quick: bool = False) -> list[Row]:
    """Everything, on disks in memory that are gone afterwards."""
    for program in ("curl", "zstd"):
        ensure_program(program, package=program, needed_for="the baseline of fetching")
    scale = 10 if quick else 1
    with tmpfs(work / "memory") as memory:
        pools = Pools.make()
        rows = await preparing_rows(memory, pools, large=20_000 // scale, small=1_000)
        return rows + await fetching_rows(memory, pools, large=20_000 // scale, small=50_000 // scale)


async def preparing_rows(memory: Path, pools: Pools, *, large: int, small: int) -> list[Row]:
    _, few = await _prepare(memory, pools, small, How.OVERLAY, baseline=False)
    copy, many = await _prepare(memory, pools, large, How.OVERLAY)
    with xfs(memory / "image", memory / "xfs", f"{max(1, large // 2000)}G") as disk:
        xfs_copy, reflink = await _prepare(disk, pools, large, How.REFLINK)
    label = f"{large} files, {copy.size / 1e9:.1f} GB"
    return [
        Row.at_least(f"prepare by overlay, {label}: cp -a + walk / ours", copy.prepare, many.prepare, 300),
        Row.at_most(f"prepare by overlay: {large} files / {small} files", few.prepare, many.prepare, 1.5),
        Row.at_least(f"prepare by overlay, first time, {label}", copy.prepare, many.first, None),
        Row.at_least(f"prepare by reflink on XFS, {label}: cp -a + walk / ours", xfs_copy.prepare, reflink.prepare, 2),
        Row.at_least("new bytes per instance: copy / ours", copy.size, many.size, 1000, unit="B"),
        Row.at_least("destroy: rm -rf of the copy / ours", copy.destroy, many.destroy, 100),
        Row.at_least("destroy, reflink on XFS: rm -rf of the copy / ours", xfs_copy.destroy, reflink.destroy, None),
    ]


async def fetching_rows(memory: Path, pools: Pools, *, large: int, small: int) -> list[Row]:
    rows = []
    for name, files, target in (("mixed", large, 3.0), ("small", small, 4.5)):
        folder = memory / name
        if name == "small":
            make_small(folder, files, pools)
        else:
            (folder,) = make_layers(memory, files, 1, pools, placeholders=20)
        packed = pack(folder, memory / "bench.tar.zst")
        shutil.rmtree(folder)
        (memory / "s3").mkdir()
        with running_store(memory / "s3") as store:
            fetched = await compare(store, memory / "bench.tar.zst", packed, memory, runs=5)
        shutil.rmtree(memory / "s3")
        label = f"{files} {name} files, {packed.bytes / 1e9:.2f} GB"
        rows += [
            Row.at_least(f"fetch {label}: boto3, sha256, tarfile / ours", fetched.plain, fetched.ours, target),
            Row.at_least(f"fetch {label}: curl | zstd | tar / ours", fetched.shell, fetched.ours, 0.9),
        ]
    return rows


async def _prepare(disk: Path, pools: Pools, files: int, how: How, *, baseline: bool = True) -> tuple[Copied, Ours]:
    scratch, root = disk / "scratch", disk / "node"
    node = await Node.make(root, scratch, files, pools)
    copy = copied(await node.trees(), disk / "copy", VALUES) if baseline else Copied(0, 0, 0)
    ours = await prepared(node, how, disk / "merged", VALUES)
    for path in (root, scratch, disk / "merged"):
        shutil.rmtree(path)
    return copy, ours
