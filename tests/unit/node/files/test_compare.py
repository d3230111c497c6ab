"""From one set of layers to another, with and without values, and what the instance did meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hytopus.node.cache.cache import CachedLayer
from hytopus.node.files.compare import Side, compare, compare_file
from hytopus.node.files.draft import configs, draft_view
from hytopus.node.files.sides import instance_tree, layer_tree
from hytopus.node.files.tree import FileTree
from hytopus.node.materialise.probe import How
from tests.unit.layers.trees import File, Folder, Link, Tree
from tests.unit.node.files.conftest import SECRETS, Place
from tests.unit.node.materialise.worlds import World

OLD: Tree = {
    "same": File(b"same"),
    "grown": File(b"one\ntwo\n"),
    "sized": File(b"abc"),
    "mode": File(b"m", 0o644),
    "gone": File(b"g"),
    "link": Link("same"),
    "blob": File(b"\0a"),
}
NEW: Tree = {
    "same": File(b"same"),
    "grown": File(b"one\n2\n"),
    "sized": File(b"abd"),
    "mode": File(b"m", 0o755),
    "link": Link("sized"),
    "blob": File(b"\0b"),
    "d": Folder(),
    "d/new": File(b"n"),
}


def trees(root: Path, *layers: tuple[Tree, str]) -> list[FileTree]:
    async def fetch() -> tuple[World, list[CachedLayer]]:
        world = await World.make(root / "node", How.COPY)
        return world, [await world.layer(tree, rules) for tree, rules in layers]

    world, held = asyncio.run(fetch())
    return [layer_tree(world.workspaces.site, [layer]) for layer in held]


def test_what_differs_between_two_versions(tmp_path: Path) -> None:
    old, new = trees(tmp_path, (OLD, 'description = "a"\n'), (NEW, 'description = "b"\n'))
    found = compare(Side(old), Side(new))
    assert {one["path"]: one["change"] for one in found["files"]} == {
        "blob": "changed",
        "d/new": "added",
        "gone": "removed",
        "grown": "changed",
        "link": "changed",
        "mode": "mode",
        "sized": "changed",
    }
    assert found["counts"] == {"added": 1, "changed": 4, "mode": 1, "removed": 1}
    assert found["next"] is None
    assert '-description = "a"\n+description = "b"' in found["rules_diff"]


def test_how_a_text_differs(tmp_path: Path) -> None:
    old, new = trees(tmp_path, (OLD, ""), (NEW, ""))
    assert compare_file(Side(old), Side(new), "grown")["diff"] == (
        "--- a/grown\n+++ b/grown\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    )
    assert compare_file(Side(old), Side(new), "blob")["diff"] is None
    gone = compare_file(Side(old), Side(new), "gone")
    assert gone["new"] is None
    assert gone["diff"] == "--- a/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-g\n\\ No newline at end of file\n"


def test_a_page_of_differences_goes_on_where_it_ended(tmp_path: Path) -> None:
    old, new = trees(tmp_path, (OLD, ""), (NEW, ""))
    assert [one["path"] for one in compare(Side(old), Side(new), after="link")["files"]] == ["mode", "sized"]


def test_a_draft_tells_what_it_would_render_and_what_it_lacks(tmp_path: Path) -> None:
    rules = 'require = ["world"]\n'
    (tree,) = trees(tmp_path, ({"a.toml": File(b"x = ${A}\ny = ${B:-2}\n"), "plain": File(b"p")}, rules))
    found = configs(tree, {})
    assert found["configs"] == [
        {
            "path": "a.toml",
            "layer": "layer1@1",
            "size": 15,
            "names": ["A", "B"],
            "unresolved": [{"line": 1, "name": "A"}],
        }
    ]
    assert found["missing"] == [{"path": "world", "layer": "layer1@1"}]
    shown = draft_view(tree, "a.toml", {"A": "1"})
    assert (shown["view"].text, shown["source"]) == ("x = 1\ny = 2\n", "x = ${A}\ny = ${B:-2}\n")
    assert draft_view(tree, "plain", {"A": "1"})["source"] is None


def test_an_upgrade_tells_what_the_server_has_made_its_own(place: Place) -> None:
    place.server_writes("motd", b"mine")
    place.server_deletes("config/old")
    new: Tree = {"motd": File(b"v2"), "config": Folder(0o750), "config/old": File(b"v2"), "config/server.toml": File()}

    layer = asyncio.run(place.world.layer(new))
    side = Side(layer_tree(place.world.workspaces.site, [layer]), SECRETS.marked)
    with instance_tree(place.world.workspaces, "i", own=False) as prepared, place.tree() as own:
        found = compare(Side(prepared, SECRETS.marked), side, own=own)
        text = compare_file(Side(prepared, SECRETS.marked), side, "config/server.toml")
    assert {one["path"]: (one["change"], one["own"]) for one in found["files"]} == {
        "config/old": ("changed", "deleted"),
        "config/server.toml": ("changed", "none"),
        "extra": ("removed", "none"),
        "link": ("removed", "none"),
        "motd": ("changed", "changed"),
        "plugins/a.jar": ("removed", "none"),
    }
    assert "⟦PASSWORD⟧" in text["diff"]
    assert "pw" not in text["diff"]
