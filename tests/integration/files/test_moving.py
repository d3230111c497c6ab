"""A world that was packed on one node and built in on another is the same there, whichever way each of them does it."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from hytopus.layers.errors import PackRefused
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.cache.source import LayerSource
from hytopus.node.materialise.probe import How, probe
from hytopus.node.materialise.workspace import Prepared, Workspaces
from tests.integration.files.mounts import mounted, xfs
from tests.integration.files.test_three_ways import OWNER, VALUES, owners, without_folder_modes
from tests.unit.layers.trees import File, Folder, LayerTree, Tree, layer_trees, read_tree
from tests.unit.node.cache.layers import WatchedDownload

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")]

WAYS = [How.OVERLAY, How.COPY]
BASE: Tree = {
    "world": Folder(),
    "world/level.dat": File(b"level"),
    "world/region": Folder(),
    "world/region/r.0.0": File(b"old region"),
    "mods": Folder(),
    "mods/a.jar": File(b"a"),
    "server.properties": File(b"port=${PORT}"),
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("xfs")
    with xfs(root / "image", root / "disk") as mount:
        yield mount


class Node:
    """A node's files. Both nodes have the same layers."""

    def __init__(self, cache: TemplateCache, workspaces: Workspaces, download: WatchedDownload) -> None:
        self.cache, self.workspaces, self.download = cache, workspaces, download

    @classmethod
    async def make(cls, root: Path, how: How) -> Node:
        download = WatchedDownload()
        cache = TemplateCache(root, owner=OWNER, download=MemoryDownload(download.tarballs))
        await cache.recover()
        return cls(cache, Workspaces(cache, await probe(root), how=how), download)

    async def prepare(self, trees: list[LayerTree], world: LayerSource | None = None) -> Prepared:
        sources = [
            self.download.add(f"layer{index}", one.tree, rules=one.rules_text()) for index, one in enumerate(trees)
        ]
        async with self.cache.hold([*sources, *([world] if world else [])]) as layers:
            tree = layers[-1].tree if world else None
            return await self.workspaces.prepare("i", layers[: len(sources)], VALUES, world=tree)


async def move(old: Node, new: Node, trees: list[LayerTree]) -> Prepared:
    packed = await old.workspaces.pack("i", lambda fraction: None)
    new.download.tarballs[packed.checksum] = await asyncio.to_thread(packed.path.read_bytes)
    return await new.prepare(trees, LayerSource("world-i", "1", packed.checksum, packed.size, "https://s3/world"))


def play(prepared: Prepared, at: Path) -> None:
    """What a game does to its files, as the user it runs as."""
    with mounted(prepared, at) as root:
        for path in ("a", "b/c", "d/a"):
            if (root / path).is_file() and not (root / path).is_symlink():
                (root / path).write_bytes(b"mine")
        for path in ("b", "c/a"):
            if (root / path).is_symlink() or (root / path).is_file():
                (root / path).unlink()
            elif (root / path).is_dir():
                shutil.rmtree(root / path)
                (root / path).mkdir()
                os.chown(root / path, *OWNER)
        (root / "saves").mkdir()
        (root / "saves/world").write_bytes(b"mine")
        (root / "saves/world").chmod(0o640)
        (root / "saves/link").symlink_to("world")
        for path in ("saves", "saves/world", "saves/link"):
            os.chown(root / path, *OWNER, follow_symlinks=False)


def look(prepared: Prepared, at: Path) -> tuple[Tree, set[tuple[int, int]]]:
    with mounted(prepared, at) as root:
        return read_tree(root), owners(root)


async def moved(root: Path, trees: list[LayerTree], first: How, second: How) -> None:
    old, new = await Node.make(root / "old", first), await Node.make(root / "new", second)
    prepared = await old.prepare(trees)
    await asyncio.to_thread(play, prepared, root / "merged")
    before, _ = await asyncio.to_thread(look, prepared, root / "merged")
    after, owned = await asyncio.to_thread(look, await move(old, new, trees), root / "merged")
    assert without_folder_modes(after) == without_folder_modes(before)
    assert owned == {OWNER}
    again, _ = await asyncio.to_thread(look, prepared, root / "merged")
    assert again == before, "the old copy was touched"


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trees=layer_trees())
def test_whatever_the_game_did_is_there_after_the_move(
    disk: Path, trees: list[LayerTree], first: How, second: How
) -> None:
    root = disk / "nodes"
    root.mkdir()
    try:
        asyncio.run(moved(root, trees, first, second))
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
async def test_deleted_replaced_and_strange_files(tmp_path: Path, first: How, second: How) -> None:
    trees = [LayerTree(BASE)]
    old, new = await Node.make(tmp_path / "old", first), await Node.make(tmp_path / "new", second)
    prepared = await old.prepare(trees)

    def play() -> None:
        with mounted(prepared, tmp_path / "merged") as root:
            shutil.rmtree(root / "world/region")
            (root / "world/region").mkdir(0o700)
            (root / "world/region/r.1.1").write_bytes(b"new region")
            (root / "world/level.dat").chmod(0o600)
            (root / "mods/a.jar").unlink()
            os.utime(root / "world/level.dat", ns=(10**18, 10**18))
            os.mkfifo(root / "world/pipe")
            for path in ("world/region", "world/region/r.1.1"):
                os.chown(root / path, *OWNER)

    await asyncio.to_thread(play)
    after = await move(old, new, trees)

    def check() -> None:
        with mounted(after, tmp_path / "merged") as root:
            assert sorted(path.name for path in (root / "world/region").iterdir()) == ["r.1.1"]
            assert stat.S_IMODE((root / "world/region").stat().st_mode) == 0o700
            assert stat.S_IMODE((root / "world/level.dat").stat().st_mode) == 0o600
            assert (root / "world/level.dat").stat().st_mtime_ns == 10**18
            assert not (root / "mods/a.jar").exists()
            assert not (root / "world/pipe").exists()
            assert (root / "server.properties").read_text() == "port=5520"

    await asyncio.to_thread(check)


async def test_the_same_files_make_the_same_tarball(tmp_path: Path) -> None:
    node = await Node.make(tmp_path / "old", How.COPY)
    await node.prepare([LayerTree(BASE)])
    first = await node.workspaces.pack("i", lambda fraction: None)
    assert (await node.workspaces.pack("i", lambda fraction: None)).checksum == first.checksum


async def test_a_link_out_of_the_directory_is_named(tmp_path: Path) -> None:
    node = await Node.make(tmp_path / "old", How.COPY)
    prepared = await node.prepare([LayerTree(BASE)])
    with mounted(prepared, tmp_path / "merged") as root:
        await asyncio.to_thread((root / "out").symlink_to, "/etc/passwd")
    with pytest.raises(PackRefused, match="out"):
        await node.workspaces.pack("i", lambda fraction: None)
