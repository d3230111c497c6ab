"""Small trees for tests: made, read back, and laid over each other the naive way."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from hytopus.layers.archive import scan
from hytopus.layers.compression import open_window
from hytopus.layers.globs import compile_glob
from hytopus.layers.manifest import Manifest


@dataclass(frozen=True)
class Folder:
    mode: int = 0o755


@dataclass(frozen=True)
class File:
    data: bytes = b""
    mode: int = 0o644


@dataclass(frozen=True)
class Link:
    target: str


Node = Folder | File | Link
Tree = dict[str, Node]
"""Every path with what it is; folders are listed too."""


@dataclass(frozen=True)
class LayerTree:
    tree: Tree
    remove: tuple[str, ...] = ()
    clean: bool = False

    def rules_text(self) -> str:
        patterns = ", ".join(f'"{pattern}"' for pattern in self.remove)
        return f"clean = {str(self.clean).lower()}\nremove = [{patterns}]\n"


def tarball(tree: Mapping[str, Node], rules_text: str = "") -> bytes:
    """A plain tar of the tree, folders before what they hold."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        if rules_text:
            _add_file(archive, "template.toml", rules_text.encode(), 0o644)
        for path in sorted(tree):
            node = tree[path]
            info = tarfile.TarInfo(path)
            if isinstance(node, File):
                _add_file(archive, path, node.data, node.mode)
            elif isinstance(node, Folder):
                info.type, info.mode = tarfile.DIRTYPE, node.mode
                archive.addfile(info)
            else:
                info.type, info.linkname = tarfile.SYMTYPE, node.target
                archive.addfile(info)
    return buffer.getvalue()


def manifest_of(data: bytes) -> Manifest:
    return scan(open_window(io.BytesIO(data).read))


def read_tree(root: Path) -> Tree:
    """A directory as it is on disk."""
    tree: Tree = {}
    for path in sorted(root.rglob("*")):
        name, status = path.relative_to(root).as_posix(), path.lstat()
        if stat.S_ISLNK(status.st_mode):
            tree[name] = Link(str(path.readlink()))
        elif stat.S_ISDIR(status.st_mode):
            tree[name] = Folder(stat.S_IMODE(status.st_mode))
        else:
            tree[name] = File(path.read_bytes(), stat.S_IMODE(status.st_mode))
    return tree


def unpack_over_each_other(layers: Sequence[LayerTree], target: Path) -> None:
    """The reference: apply each layer to one directory, file by file, as the specification's loop does."""
    target.mkdir()
    for layer in layers:
        if layer.clean:
            shutil.rmtree(target)
            target.mkdir()
        for pattern in layer.remove:
            for path in sorted(target.rglob("*"), reverse=True):
                if compile_glob(pattern).fullmatch(path.relative_to(target).as_posix()):
                    _remove(path)
        for name in sorted(layer.tree):
            _put(target / name, layer.tree[name])


def _put(path: Path, node: Node) -> None:
    if isinstance(node, Folder):
        if path.is_symlink() or not path.is_dir():
            _remove(path)
            path.mkdir()
        path.chmod(node.mode)
        return
    _remove(path)
    if isinstance(node, Link):
        path.symlink_to(node.target)
    else:
        path.write_bytes(node.data)
        path.chmod(node.mode)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def _add_file(archive: tarfile.TarFile, path: str, data: bytes, mode: int) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(data), mode
    archive.addfile(info, io.BytesIO(data))


_NAMES = st.sampled_from(["a", "b", "c", "d"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map("/".join)
_FILES = st.builds(
    File,
    st.sampled_from([b"", b"one", b"two ${PORT}", b"three\n${NAME:-x}\n$${NAME}"]),
    st.sampled_from([0o644, 0o755]),
)
_LINKS = st.sampled_from(["a", "b/c", "nowhere"]).map(Link)
_FOLDERS = st.sampled_from([0o755, 0o750]).map(Folder)
_PATTERNS = st.sampled_from(["a", "b/**", "*/c", "**/d", "c*", "a/b", "**", "?/a/**"])


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """A tree in which nothing lies below a file or a link."""
    tree: Tree = {}
    for path in draw(st.lists(_PATHS, max_size=7, unique=True)):
        parents = [path.rsplit("/", depth)[0] for depth in range(path.count("/"), 0, -1)]
        if path in tree or any(not isinstance(tree.get(parent, Folder()), Folder) for parent in parents):
            continue
        for parent in parents:
            tree.setdefault(parent, draw(_FOLDERS))
        tree[path] = draw(st.one_of(_FILES, _FILES, _FOLDERS, _LINKS))
    return tree


def layer_trees() -> st.SearchStrategy[list[LayerTree]]:
    """One to five layers, bottom first, some with removal rules."""
    rules = st.one_of(st.just(()), st.lists(_PATTERNS, max_size=2).map(tuple))
    layer = st.builds(LayerTree, trees(), rules, st.sampled_from([False, False, False, True]))
    return st.lists(layer, min_size=1, max_size=5)
