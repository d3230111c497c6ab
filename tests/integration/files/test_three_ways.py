"""Overlay, reflink and copy give what unpacking one layer over the other gives: same files, bytes, modes and owners."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from hytopus.layers.substitute import render_text
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.materialise.probe import How, probe
from hytopus.node.materialise.workspace import Prepared, Workspaces
from tests.integration.files.mounts import mounted, xfs
from tests.unit.layers.trees import File, Folder, LayerTree, Tree, layer_trees, read_tree, unpack_over_each_other
from tests.unit.node.cache.layers import WatchedDownload

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")]

OWNER = (1000, 1000)
VALUES = {"PORT": "5520", "NAME": "lobby"}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("xfs")
    with xfs(root / "image", root / "disk") as mount:
        yield mount


async def prepare_all(root: Path, trees: list[LayerTree], values: Mapping[str, str]) -> list[Prepared]:
    """The same layers prepared in every way the disk has."""
    download = WatchedDownload()
    sources = [download.add(f"layer{index}", one.tree, rules=one.rules_text()) for index, one in enumerate(trees)]
    cache = TemplateCache(root, owner=OWNER, download=MemoryDownload(download.tarballs))
    await cache.recover()
    prepared = []
    async with cache.hold(sources) as layers:
        for how in How:
            workspaces = Workspaces(cache, await probe(root), how=how)
            prepared.append(await workspaces.prepare(f"i-{how}", layers, values))
    return prepared


def substituted(tree: Tree) -> Tree:
    return {
        path: File(render_text(node.data.decode(), VALUES).encode(), node.mode) if isinstance(node, File) else node
        for path, node in tree.items()
    }


def owners(root: Path) -> set[tuple[int, int]]:
    return {(status.st_uid, status.st_gid) for path in [root, *root.rglob("*")] for status in [path.lstat()]}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trees=layer_trees())
def test_all_three_equal_the_naive_reference(disk: Path, trees: list[LayerTree]) -> None:
    root = disk / "node"
    try:
        unpack_over_each_other(trees, disk / "expected")
        expected = substituted(read_tree(disk / "expected"))
        for prepared in asyncio.run(prepare_all(root, trees, VALUES)):
            with mounted(prepared, disk / "merged") as merged:
                assert read_tree(merged) == expected, prepared.how
                assert owners(merged) == {OWNER}
                assert stat.S_IMODE(merged.stat().st_mode) == 0o755
    finally:
        shutil.rmtree(root)
        shutil.rmtree(disk / "expected", ignore_errors=True)


async def upgrade_all(root: Path, old: LayerTree, new: LayerTree, merged: Path) -> list[Tree]:
    download = WatchedDownload()
    sources = [download.add(name, one.tree, rules=one.rules_text()) for name, one in (("old", old), ("new", new))]
    cache = TemplateCache(root, owner=OWNER, download=MemoryDownload(download.tarballs))
    await cache.recover()
    results = []
    async with cache.hold(sources) as (old_layer, new_layer):
        for how in How:
            workspaces = Workspaces(cache, await probe(root), how=how)
            first = await workspaces.prepare(f"i-{how}", [old_layer], VALUES)
            await asyncio.to_thread(_play, first, merged)
            second = await workspaces.prepare(f"i-{how}", [new_layer], VALUES)
            results.append(await asyncio.to_thread(_look, second, merged))
    return results


def _play(prepared: Prepared, at: Path) -> None:
    """What a game does to its files; some of the paths are there, some are not."""
    with mounted(prepared, at) as root:
        for path in ("a", "b/c", "d/a"):
            if (root / path).is_file() and not (root / path).is_symlink():
                (root / path).write_bytes(b"mine")
        for path in ("b", "c/a"):
            if (root / path).is_symlink() or (root / path).is_file():
                (root / path).unlink()
        (root / "saves").mkdir()
        (root / "saves/world").write_bytes(b"mine")


def _look(prepared: Prepared, at: Path) -> Tree:
    with mounted(prepared, at) as root:
        return read_tree(root)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(trees=layer_trees())
def test_all_three_keep_the_same_changes_over_an_upgrade(disk: Path, trees: list[LayerTree]) -> None:
    root = disk / "node"
    try:
        overlay, *others = asyncio.run(upgrade_all(root, trees[0], trees[-1], disk / "merged"))
        assert overlay["saves/world"] == File(b"mine")
        for other in others:
            assert without_folder_modes(other) == without_folder_modes(overlay)
    finally:
        shutil.rmtree(root)


def without_folder_modes(tree: Tree) -> Tree:
    """An overlay keeps the mode of a folder that the game wrote into, a clone takes the new layer's."""
    return {path: Folder(0) if isinstance(entry, Folder) else entry for path, entry in tree.items()}


def test_the_disk_has_all_three(disk: Path) -> None:
    abilities = asyncio.run(probe(disk / "probe"))
    assert (abilities.overlay, abilities.reflink, abilities.copy) == (True, True, True)
    assert list((disk / "probe").iterdir()) == []
