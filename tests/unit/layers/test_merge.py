"""Merging equals unpacking one layer over the other, and says what plain stacking would get wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given

from hytopus.layers.manifest import DIRECTORY, LINK
from hytopus.layers.merge import Layer, Merged, merge, origins
from hytopus.layers.rules import TemplateRules
from tests.unit.layers.trees import (
    File,
    Folder,
    LayerTree,
    Link,
    Tree,
    layer_trees,
    manifest_of,
    read_tree,
    tarball,
    unpack_over_each_other,
)


def as_layers(trees: list[LayerTree]) -> list[Layer]:
    layers = []
    for index, one in enumerate(trees):
        manifest = manifest_of(tarball(one.tree, one.rules_text()))
        layers.append(Layer(f"layer{index}@1", manifest, TemplateRules.parse(manifest.rules_text)))
    return layers


def as_tree(merged: Merged, layers: list[LayerTree]) -> Tree:
    return {path: layers[placed.layer].tree[path] for path, placed in merged.view.items()}


@given(layer_trees())
def test_equals_the_naive_reference(trees: list[LayerTree]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "merged"
        unpack_over_each_other(trees, target)
        assert as_tree(merge(as_layers(trees)), trees) == read_tree(target)


@given(layer_trees())
def test_stacking_with_whiteouts_shows_the_same(trees: list[LayerTree]) -> None:
    merged = merge(as_layers(trees))
    plain = merge(as_layers([LayerTree(one.tree) for one in trees[merged.base :]]))
    shown = {
        path for path in plain.view if not any(path == gone or path.startswith(f"{gone}/") for gone in merged.whiteouts)
    }
    assert shown == set(merged.view)


def test_last_layer_wins_and_the_overridden_are_known() -> None:
    trees = [LayerTree({"a": File(b"1")}), LayerTree({"b": File(b"2")}), LayerTree({"a": File(b"3")})]
    layers = as_layers(trees)
    merged = merge(layers)
    assert merged.view["a"].layer == 2
    assert origins(layers, "a") == [0, 2]


def test_a_file_over_a_folder_takes_everything_below_with_it() -> None:
    merged = merge(as_layers([LayerTree({"a": Folder(), "a/b": File()}), LayerTree({"a": File()})]))
    assert set(merged.view) == {"a"}


def test_a_folder_over_a_link_replaces_it() -> None:
    merged = merge(as_layers([LayerTree({"a": Link("b")}), LayerTree({"a": Folder(), "a/c": File()})]))
    assert merged.view["a"].entry.kind == DIRECTORY
    assert merged.view["a"].entry.kind != LINK


def test_removal_applies_to_lower_layers_only() -> None:
    lower = LayerTree({"mods": Folder(), "mods/old": File(), "keep": File()})
    upper = LayerTree({"mods": Folder(), "mods/new": File()}, remove=("mods/**",))
    merged = merge(as_layers([lower, upper]))
    assert set(merged.view) == {"mods", "mods/new", "keep"}
    assert merged.whiteouts == ("mods/old",)


def test_clean_leaves_only_what_comes_from_there_on() -> None:
    merged = merge(as_layers([LayerTree({"a": File()}), LayerTree({"b": File()}, clean=True)]))
    assert (set(merged.view), merged.base, merged.whiteouts) == ({"b"}, 1, ())


def test_rules_decide_which_files_are_substituted() -> None:
    manifest = manifest_of(tarball({"a.txt": File(b"${PORT}"), "b.txt": File(b"${PORT}"), "c": File(b"plain")}))
    rules = TemplateRules.parse('[substitute]\nexclude = ["b.*"]')
    merged = merge([Layer("x@1", manifest, rules)])
    assert [one.path for one in merged.substituted] == ["a.txt"]


def test_required_files_are_looked_for_in_the_result() -> None:
    manifest = manifest_of(tarball({"a": File()}))
    rules = TemplateRules.parse('require = ["a", "world/level.dat"]')
    assert merge([Layer("x@1", manifest, rules)]).missing == (("world/level.dat", "x@1"),)
