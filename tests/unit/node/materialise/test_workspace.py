"""Preparing directories: what is made, what is shared, what is kept, and what every error leaves."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from hytopus.layers.errors import RequiredFileMissing, UnresolvedVariables, VariablesMissing
from hytopus.node.materialise.errors import CannotMaterialise, NotPrepared
from hytopus.node.materialise.probe import Abilities, How
from hytopus.node.materialise.workspace import Workspaces
from tests.unit.layers.trees import File, Folder, Link, Tree, read_tree
from tests.unit.node.cache.layers import left_over
from tests.unit.node.materialise.worlds import World, data, lower, upper

BASE: Tree = {
    "d": Folder(0o750),
    "d/conf": File(b"port=${PORT}", 0o640),
    "d/other": File(b"o"),
    "link": Link("d/other"),
}


@pytest.fixture
async def overlay(tmp_path: Path) -> World:
    return await World.make(tmp_path / "node", How.OVERLAY)


@pytest.fixture
async def copy(tmp_path: Path) -> World:
    return await World.make(tmp_path / "node", How.COPY)


async def test_an_overlay_is_a_list_of_directories(overlay: World) -> None:
    bottom, top = await overlay.layer(BASE), await overlay.layer({"x": File(b"x")})
    prepared = await overlay.prepare([bottom, top])
    rendered, *trees = lower(prepared)
    assert trees == [top.tree, bottom.tree]
    assert read_tree(rendered) == {"d": Folder(0o750), "d/conf": File(b"port=5520", 0o640)}
    assert list(upper(prepared).iterdir()) == []
    assert (prepared.files, prepared.rendered) == (3, 1)
    assert set(prepared.timings) == {"plan", "check", "render", "materialise", "total"}


async def test_the_same_values_render_nothing_anew(overlay: World) -> None:
    layer = await overlay.layer(BASE)
    one = await overlay.prepare([layer], {"PORT": "1", "UNUSED": "a"}, name="one")
    two = await overlay.prepare([layer], {"PORT": "1", "UNUSED": "b"}, name="two")
    three = await overlay.prepare([layer], {"PORT": "2"}, name="three")
    assert lower(one)[0] == lower(two)[0] != lower(three)[0]


async def test_without_placeholders_nothing_is_rendered(overlay: World) -> None:
    layer = await overlay.layer({"a": File(b"plain")})
    prepared = await overlay.prepare([layer])
    assert lower(prepared) == [layer.tree]


async def test_removed_paths_get_whiteouts(overlay: World) -> None:
    bottom = await overlay.layer({"d": Folder(0o711), "d/old": File(), "e": Folder(), "e/f": File()})
    top = await overlay.layer({"d": Folder(0o711), "d/new": File()}, 'remove = ["d/**", "e"]')
    prepared = await overlay.prepare([bottom, top])
    whiteouts = lower(prepared)[0]
    assert stat.S_ISCHR((whiteouts / "d/old").lstat().st_mode)
    assert stat.S_ISCHR((whiteouts / "e").lstat().st_mode)
    assert stat.S_IMODE((whiteouts / "d").stat().st_mode) == 0o711
    assert prepared.files == 1


async def test_layers_below_a_clean_one_are_left_out(overlay: World) -> None:
    bottom, top = await overlay.layer(BASE), await overlay.layer({"x": File()}, "clean = true")
    assert lower(await overlay.prepare([bottom, top])) == [top.tree]


async def test_the_same_layer_twice_is_stacked_once(overlay: World) -> None:
    one, two = await overlay.layer({"a": File()}), await overlay.layer({"b": File()})
    assert lower(await overlay.prepare([one, two, one])) == [one.tree, two.tree]


async def test_options_that_would_be_cut_off_are_squashed(tmp_path: Path) -> None:
    world = await World.make(tmp_path / "node", How.OVERLAY, options_limit=900)
    layers = [await world.layer({"f": File(b"%d" % index), f"f{index}": File()}) for index in range(20)]
    prepared = await world.prepare(layers)
    trees = lower(prepared)
    assert len(",".join(map(str, trees))) < 900
    squashed = read_tree(trees[-1])
    shown = {path for tree in trees for path in read_tree(tree)}
    assert shown == {"f", *(f"f{index}" for index in range(20))}
    assert squashed["f"] == File(b"%d" % (20 - len(trees)))
    assert lower(await world.workspaces.reopen("i")) == trees


async def test_a_copy_is_a_directory_of_its_own(copy: World) -> None:
    prepared = await copy.prepare([await copy.layer(BASE), await copy.layer({"d": Folder(), "d/other": File(b"2")})])
    assert read_tree(data(prepared)) == {
        "d": Folder(0o755),
        "d/conf": File(b"port=5520", 0o640),
        "d/other": File(b"2"),
        "link": Link("d/other"),
    }


async def test_preparing_again_keeps_the_instances_own_changes(copy: World) -> None:
    old: Tree = {
        "kept": File(b"1"),
        "touched": File(b"1"),
        "gone": File(b"1"),
        "d": Folder(),
        "d/gone": File(b"1"),
        "m": File(),
    }
    first = await copy.prepare([await copy.layer(old)])
    await asyncio.to_thread(_play, data(first))
    new = {
        **old,
        "kept": File(b"2"),
        "touched": File(b"2"),
        "gone": File(b"2"),
        "d/gone": File(b"2"),
        "d/new": File(b"2"),
    }
    layer = await copy.layer(new)
    second = await copy.prepare([layer])
    assert read_tree(data(second)) == {
        "kept": File(b"mine"),
        "touched": File(b"2"),
        "d": Folder(),
        "d/new": File(b"2"),
        "world": Folder(0o700),
        "world/level": File(b"mine"),
        "m": File(b"", 0o600),
        "link": Link("world/level"),
    }
    assert not data(first).exists()
    third = await copy.prepare([layer], discard=True)
    assert read_tree(data(third)) == new


def _play(root: Path) -> None:
    (root / "kept").write_bytes(b"mine")
    (root / "touched").touch()
    (root / "gone").unlink()
    (root / "d/gone").unlink()
    (root / "m").chmod(0o600)
    (root / "world").mkdir(mode=0o700)
    (root / "world/level").write_bytes(b"mine")
    (root / "world/level").chmod(0o644)
    (root / "link").symlink_to("world/level")


async def test_changes_survive_any_number_of_upgrades(copy: World) -> None:
    layers = [await copy.layer({"a": File(b"%d" % index)}) for index in range(3)]
    prepared = await copy.prepare(layers[:1])
    await asyncio.to_thread((data(prepared) / "mine").write_bytes, b"x")
    for layer in layers:
        prepared = await copy.prepare([layer])
    assert read_tree(data(prepared)) == {"a": File(b"2"), "mine": File(b"x")}


async def test_preparing_the_same_again_does_nothing(copy: World) -> None:
    layer = await copy.layer(BASE)
    first = await copy.prepare([layer])
    inode = (data(first) / "d/conf").stat().st_ino
    second = await copy.prepare([layer])
    assert (data(second) / "d/conf").stat().st_ino == inode
    assert data(await copy.prepare([layer], {"PORT": "1"})) != data(first)


async def test_an_overlay_keeps_its_upper_directory_unless_told_otherwise(overlay: World) -> None:
    first = await overlay.prepare([await overlay.layer(BASE)])
    await asyncio.to_thread((upper(first) / "mine").write_bytes, b"x")
    again = await overlay.prepare([await overlay.layer({"a": File()})])
    assert read_tree(upper(again)) == {"mine": File(b"x", (upper(again) / "mine").stat().st_mode & 0o777)}
    fresh = await overlay.prepare([await overlay.layer({"a": File()})], discard=True)
    assert read_tree(upper(fresh)) == {}


async def test_an_instance_with_changes_keeps_the_way_it_was_made(overlay: World) -> None:
    layer = await overlay.layer(BASE)
    await overlay.prepare([layer])
    by_copy = Workspaces(overlay.cache, Abilities(overlay=True, reflink=False), how=How.COPY)
    assert (await by_copy.prepare("i", [layer], {"PORT": "1"})).how is How.OVERLAY
    assert (await by_copy.prepare("i", [layer], {"PORT": "1"}, discard_changes=True)).how is How.COPY


async def test_half_a_directory_of_an_interrupted_run_is_made_again(copy: World) -> None:
    layer = await copy.layer(BASE)
    instance = copy.cache.disk.instances / "i"
    await asyncio.to_thread((instance / "data-1/half").mkdir, parents=True)
    prepared = await copy.prepare([layer])
    assert "half" not in read_tree(data(prepared))
    assert [path.name for path in instance.glob("data-*")] == [data(prepared).name]


async def test_unresolved_names_are_all_told_and_leave_nothing(overlay: World) -> None:
    layer = await overlay.layer({"a": File(b"x\n${MISSING}"), "b": File(b"${OTHER} ${MISSING}")})
    with pytest.raises(UnresolvedVariables) as caught:
        await overlay.prepare([layer])
    assert f"{layer.name}:a:2 ${{MISSING}}" in caught.value.message
    assert caught.value.params["names"] == ["MISSING", "OTHER"]
    await overlay.cache.disk.empty()
    assert left_over(overlay.cache.disk.root) == []
    assert list((overlay.cache.disk.root / "r").iterdir()) == []


async def test_allowed_names_and_declared_defaults(overlay: World) -> None:
    rules = '[substitute]\nallow_unresolved = ["LATER"]\n[variables.MOTD]\ndefault = "hi"\nsecret = true'
    prepared = await overlay.prepare([await overlay.layer({"a": File(b"${LATER} ${MOTD}")}, rules)])
    assert read_tree(lower(prepared)[0]) == {"a": File(b"${LATER} hi")}
    assert prepared.secrets == {"MOTD"}


async def test_required_variables_and_files(overlay: World) -> None:
    with pytest.raises(VariablesMissing):
        await overlay.prepare([await overlay.layer({"a": File()}, "[variables.SEED]\nrequired = true")])
    layer = await overlay.layer({"a": File()}, 'require = ["a", "world/level.dat"]')
    with pytest.raises(RequiredFileMissing) as caught:
        await overlay.prepare([layer])
    assert f"'world/level.dat' (asked for by {layer.name})" in caught.value.message
    with pytest.raises(NotPrepared):
        await overlay.workspaces.reopen("i")


@pytest.mark.parametrize("how", [How.OVERLAY, How.COPY])
async def test_reopening_needs_everything_it_was_made_of(tmp_path: Path, how: How) -> None:
    world = await World.make(tmp_path / "node", how)
    layer = await world.layer(BASE)
    prepared = await world.prepare([layer])
    again = await world.workspaces.reopen("i")
    assert (again.mount, again.layers, again.files) == (prepared.mount, prepared.layers, prepared.files)
    await world.cache.purge()
    with pytest.raises(NotPrepared) as caught:
        await world.workspaces.reopen("i")
    assert layer.link in caught.value.message


async def test_destroying_leaves_nothing_and_may_be_repeated(overlay: World) -> None:
    prepared = await overlay.prepare([await overlay.layer(BASE)])
    await overlay.workspaces.destroy("i")
    await overlay.workspaces.destroy("i")
    assert not prepared.directory.exists()
    assert await asyncio.to_thread(overlay.workspaces.instances) == []
    await overlay.workspaces.collect()
    await overlay.cache.disk.empty()
    assert list((overlay.cache.disk.root / "r").iterdir()) == []
    assert left_over(overlay.cache.disk.root) == []


async def test_trees_in_use_are_known_from_the_disk(overlay: World) -> None:
    used, unused = await overlay.layer(BASE), await overlay.layer({"x": File()})
    await overlay.prepare([used])
    in_use = await asyncio.to_thread(overlay.workspaces.in_use)
    assert in_use == {used.link}
    assert (await overlay.cache.purge(in_use=overlay.workspaces.in_use)).kept_until_released == 1
    assert not unused.tree.exists()
    await overlay.workspaces.reopen("i")
    await overlay.workspaces.destroy("i")
    await overlay.cache.collect(in_use=overlay.workspaces.in_use)
    assert not used.tree.exists()


async def test_rendered_files_in_use_are_not_collected(overlay: World) -> None:
    prepared = await overlay.prepare([await overlay.layer(BASE)])
    await overlay.workspaces.collect()
    assert lower(prepared)[0].is_dir()


@pytest.mark.parametrize("how", [How.OVERLAY, How.COPY])
async def test_provenance_names_the_layer_of_each_file_and_what_the_instance_changed(tmp_path: Path, how: How) -> None:
    world = await World.make(tmp_path / "node", how)
    bottom = await world.layer({"a": File(b"1"), "b": File(b"1"), "c": File(b"${PORT}"), "d": Folder(), "d/e": File()})
    top = await world.layer({"a": File(b"2")})
    prepared = await world.prepare([bottom, top])
    root = upper(prepared) if how is How.OVERLAY else data(prepared)
    await asyncio.to_thread((root / "b").write_bytes, b"mine")
    await asyncio.to_thread((root / "own").write_bytes, b"mine")
    found = {one.path: one for one in await world.workspaces.provenance("i")}
    assert list(found) == ["a", "b", "c", "d/e", "own"]
    assert (found["a"].layer, found["a"].overrode) == (top.name, (bottom.name,))
    assert (found["c"].layer, found["c"].substituted, found["c"].changed) == (bottom.name, True, False)
    assert [path for path, one in found.items() if one.changed] == ["b", "own"]
    assert found["own"].layer == "instance"
    assert [one.path for one in await world.workspaces.provenance("i", "d/**")] == ["d/e"]


async def test_a_way_the_node_does_not_have_is_refused(overlay: World) -> None:
    with pytest.raises(CannotMaterialise):
        Workspaces(overlay.cache, Abilities(overlay=False, reflink=False), how=How.OVERLAY)
    assert Workspaces(overlay.cache, Abilities(overlay=False, reflink=True)).how is How.REFLINK


async def test_plans_are_read_back_from_the_disk(overlay: World) -> None:
    bottom = await overlay.layer({**BASE, "x": File()})
    layers = [bottom, await overlay.layer({"y": File(b"${NAME}")}, 'remove = ["x"]')]
    first = await overlay.prepare(layers)
    later = Workspaces(overlay.cache, Abilities(overlay=True, reflink=False))
    second = await later.prepare("j", layers, {"PORT": "5520", "NAME": "lobby"})
    assert lower(second) == lower(first)
    assert (second.files, second.bytes, second.rendered) == (first.files, first.bytes, first.rendered)
