"""Ordered layers as one directory: which layer each path comes from, and what has to be done to get there.

Pure: works on manifests alone. The last layer wins; a layer's removal rules apply to the layers below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hytopus.layers.globs import compile_glob, matches_any
from hytopus.layers.manifest import DIRECTORY, FILE, Entry, Manifest
from hytopus.layers.rules import TemplateRules


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as merging sees it. `name` is for people: `id@version`."""

    name: str
    manifest: Manifest
    rules: TemplateRules


class Placed(NamedTuple):
    """A path of the finished directory: the index of the layer it comes from, and what it is there."""

    layer: int
    entry: Entry


class Substituted(NamedTuple):
    """A file whose placeholders are to be replaced."""

    path: str
    layer: int
    mode: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The finished directory."""

    view: dict[str, Placed]
    """Every path; directories come before what they hold once sorted."""
    base: int
    """The lowest layer that contributes anything: those below it were cleaned away."""
    whiteouts: tuple[str, ...]
    """What stacking `layers[base:]` one over the other would still show, though it was removed. Topmost paths only."""
    substituted: tuple[Substituted, ...]
    missing: tuple[tuple[str, str], ...]
    """Required paths that are not there, with the layer that asks."""

    @property
    def files(self) -> int:
        return sum(1 for placed in self.view.values() if placed.entry.kind == FILE)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(placed.entry.size for placed in self.view.values() if placed.entry.kind == FILE)


def merge(layers: Sequence[Layer]) -> Merged:
    """Lay the layers, bottom first, over each other."""
    base = max((index for index, layer in enumerate(layers) if layer.rules.clean), default=0)
    view = _stack(layers, base, removing=True)
    removing = any(layer.rules.remove for layer in layers[base + 1 :])
    stacked = _stack(layers, base, removing=False) if removing else view
    return Merged(
        view,
        base,
        tuple(path for path in sorted(stacked) if path not in view and _is_shown(path, view)),
        tuple(_substituted(layers, view)),
        tuple(
            (path, layer.name)
            for layer in layers
            for path in layer.rules.require
            if path.strip("/") not in view and path.strip("/")
        ),
    )


def origins(layers: Sequence[Layer], path: str) -> list[int]:
    """The indices of all layers that bring a path, bottom first."""
    return [index for index, layer in enumerate(layers) if path in layer.manifest.entries]


def _stack(layers: Sequence[Layer], base: int, *, removing: bool) -> dict[str, Placed]:
    view: dict[str, Placed] = {}
    for index in range(base, len(layers)):
        if removing and layers[index].rules.remove and view:
            _remove(view, layers[index].rules.remove)
        _lay_over(view, index, layers[index].manifest)
    return view


def _lay_over(view: dict[str, Placed], index: int, manifest: Manifest) -> None:
    """Put one layer's entries over what is there; whatever lay below a directory that becomes a file goes."""
    replaced = set()
    for path, entry in manifest.entries.items():
        if entry.kind != DIRECTORY and (old := view.get(path)) and old.entry.kind == DIRECTORY:
            replaced.add(path)
        view[path] = Placed(index, entry)
    if replaced:
        for path in _below(view, replaced):
            del view[path]


def _remove(view: dict[str, Placed], patterns: Sequence[str]) -> None:
    compiled = [compile_glob(pattern) for pattern in patterns]
    roots = {path for path in view if any(one.fullmatch(path) for one in compiled)}
    for path in [*_below(view, roots), *roots]:
        del view[path]


def _below(view: dict[str, Placed], roots: set[str]) -> list[str]:
    """Every path that lies below one of the roots, which are not among them."""
    gone = set(roots)
    found = []
    for path in sorted(view):
        if path.rpartition("/")[0] in gone and path not in roots:
            gone.add(path)
            found.append(path)
    return found


def _is_shown(path: str, view: dict[str, Placed]) -> bool:
    parent = path.rpartition("/")[0]
    return not parent or parent in view


def _substituted(layers: Sequence[Layer], view: dict[str, Placed]) -> Iterator[Substituted]:
    for path, (index, entry) in view.items():
        if entry.names is None:
            continue
        rules = layers[index].rules.substitute
        if matches_any(path, rules.include) and not matches_any(path, rules.exclude):
            yield Substituted(path, index, entry.mode, entry.names)
