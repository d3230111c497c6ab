"""What is changed through the node is what the game finds, in all three ways, and belongs to the game."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.files.own import Change
from hytopus.node.files.sides import instance_tree
from hytopus.node.files.write import Writer, staging
from hytopus.node.materialise.probe import How, probe
from hytopus.node.materialise.workspace import Prepared, Workspaces
from tests.integration.files.mounts import mounted, xfs
from tests.unit.layers.trees import File, Folder, Tree, read_tree
from tests.unit.node.cache.layers import WatchedDownload

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")]

OWNER = (1000, 1000)
BASE: Tree = {
    "config": Folder(0o750),
    "config/a": File(b"a", 0o640),
    "config/b": File(b"b"),
    "deep": Folder(),
    "deep/er": Folder(0o700),
    "deep/er/x": File(b"x"),
    "gone": File(b"g"),
}
TOP: Tree = {"deep": Folder(), "deep/y": File(b"y"), "gone": File(b"g2")}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("xfs")
    with xfs(root / "image", root / "disk") as mount:
        yield mount


async def prepared_in(root: Path, how: How) -> tuple[Workspaces, Prepared]:
    download = WatchedDownload()
    sources = [download.add(name, tree) for name, tree in (("base", BASE), ("top", TOP))]
    cache = TemplateCache(root, owner=OWNER, download=MemoryDownload(download.tarballs))
    await cache.recover()
    workspaces = Workspaces(cache, await probe(root), how=how)
    async with cache.hold(sources) as layers:
        return workspaces, await workspaces.prepare("i", layers, {})


def change(workspaces: Workspaces) -> None:
    site = workspaces.site
    with instance_tree(workspaces, "i") as tree:
        writer = Writer(tree, site.disk, site.owner)
        for path, data in (("config/a", b"edited"), ("new/folder/file", b"new")):
            with staging(site.disk) as staged:
                staged.write_bytes(data)
                writer.put(path, staged, "*")
        writer.delete("gone", "*", recursive=False)
        writer.delete("deep/er", "*", recursive=True)
        writer.delete("config/b", "*", recursive=False)
        with staging(site.disk) as staged:
            staged.write_bytes(b"again")
            writer.put("deep/er/z", staged, "")


@pytest.mark.parametrize("how", list(How))
def test_the_game_finds_what_was_changed(disk: Path, tmp_path: Path, how: How) -> None:
    workspaces, prepared = asyncio.run(prepared_in(disk / how, how))
    change(workspaces)
    with mounted(prepared, tmp_path / "merged") as merged:
        assert read_tree(merged) == {
            "config": Folder(0o750),
            "config/a": File(b"edited", 0o640),
            "deep": Folder(),
            "deep/er": Folder(),
            "deep/er/z": File(b"again"),
            "deep/y": File(b"y"),
            "new": Folder(),
            "new/folder": Folder(),
            "new/folder/file": File(b"new"),
        }
        assert {(one.lstat().st_uid, one.lstat().st_gid) for one in merged.rglob("*")} == {OWNER}


@pytest.mark.parametrize("how", list(How))
def test_what_the_game_does_is_seen_as_the_kernel_writes_it_down(disk: Path, tmp_path: Path, how: How) -> None:
    workspaces, prepared = asyncio.run(prepared_in(disk / f"game-{how}", how))
    with mounted(prepared, tmp_path / "merged") as merged:
        (merged / "config/a").write_bytes(b"game")
        (merged / "gone").unlink()
        for path in ("deep/er/x", "deep/y"):
            (merged / path).unlink()
        (merged / "deep/er").rmdir()
        (merged / "deep").rmdir()
        (merged / "deep").mkdir()
        (merged / "deep/own").write_bytes(b"o")
        with instance_tree(workspaces, "i") as tree:
            found = {item.path: item.change for item in tree.walk() if item.kind != "d"}
    assert found == {
        "config/a": Change.CHANGED,
        "config/b": Change.NONE,
        "deep/own": Change.ADDED,
        "deep/y": Change.DELETED,
        "gone": Change.DELETED,
    }
