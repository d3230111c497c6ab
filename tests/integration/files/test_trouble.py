"""A disk that is full, and preparing that is cancelled: nothing half made stays, and the next try works."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hytopus.node.journal import Journal
from hytopus.node.materialise.probe import How
from hytopus.node.runtime.base import NoSpaceLeft
from hytopus.wire.messages import NodeStatus
from tests.integration.files.mounts import tmpfs
from tests.unit.layers.trees import File, Tree
from tests.unit.node.cache.layers import left_over
from tests.unit.node.materialise.worlds import World, data
from tests.unit.node.runner.records import record

TREE: Tree = {f"f{index:03}": File(b"x" * 10_000 + b"${PORT}" * (index == 0)) for index in range(400)}


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@needs_root
@pytest.mark.parametrize("how", [How.COPY, How.OVERLAY])
async def test_a_full_disk_is_named_with_its_step(tmp_path: Path, how: How) -> None:
    with tmpfs(tmp_path / "small", "14M") as disk:
        world = await World.make(disk, how)
        layer = await world.layer(TREE)
        filler = disk / "filler"
        await asyncio.to_thread(_fill, filler)
        with pytest.raises(NoSpaceLeft, match=r"the files of instance i\."):
            await world.prepare([layer])
        await world.cache.disk.empty()
        assert await asyncio.to_thread(left_over, disk) == []
        assert not list((disk / "instances").glob("*/data-*"))
        await asyncio.to_thread(filler.unlink)
        assert (await world.prepare([layer])).files == 400


@needs_root
@pytest.mark.parametrize("room", [0, 8192])
async def test_a_record_that_fits_in_part_leaves_the_old_one(tmp_path: Path, room: int) -> None:
    with tmpfs(tmp_path / "small", "1M") as disk:
        journal = Journal(disk)
        await journal.load()
        await journal.save(record())
        await asyncio.to_thread(_fill, disk / "filler")
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - room)
        with pytest.raises(NoSpaceLeft, match=r"i1\.json"):
            await journal.save(record(NodeStatus.FAILED, log_tail=("x" * 20_000,)))
        loaded = await Journal(disk).load()
        assert ([kept.status for kept in loaded.records], loaded.unreadable) == ([NodeStatus.PREPARED], [])


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


async def test_a_cancelled_preparation_stops_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    world = await World.make(tmp_path / "node", How.COPY)
    layers = [await world.layer({f"{folder}-{path}": node for path, node in TREE.items()}) for folder in "abcdef"]
    preparing = asyncio.ensure_future(world.prepare(layers))
    while not list((tmp_path / "node/instances").glob("i/data-*")) and not preparing.done():  # noqa: ASYNC110
        await asyncio.sleep(0)
    preparing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await preparing
    assert not list((tmp_path / "node/instances").glob("i/data-*"))
    prepared = await world.prepare(layers)
    assert len(list(data(prepared).iterdir())) == prepared.files == 2400
