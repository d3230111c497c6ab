"""What an instance changed, packed as a tarball that another node builds in (`world.py` says what is in it)."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hytopus.layers.errors import PackRefused
from hytopus.layers.manifest import DIRECTORY, FILE, LINK
from hytopus.layers.names import BadName, Paths, check_link
from hytopus.layers.pack import Item, write_archive
from hytopus.node.materialise import record as records
from hytopus.node.materialise.changes import Changes, own_changes, walk
from hytopus.node.materialise.prepare import UPPER, Site, sources_of
from hytopus.node.materialise.record import Record
from hytopus.node.materialise.world import FILES, META, OPAQUE

_REDIRECT: Final = "trusted.overlay.redirect"


@dataclass(frozen=True, slots=True)
class PackedWorld:
    """A tarball on this node's disk; `checksum` is SHA-256 in hex."""

    path: Path
    size: int
    checksum: str


def pack_world(
    site: Site, instance_id: str, record: Record, target: Path, progress: Callable[[float], None]
) -> PackedWorld:
    """Write what the instance changed to `target`. Raises `PackRefused` for what no tarball of ours may hold."""
    instance = site.instance(instance_id)
    root = instance / (record.data or UPPER)
    changes = _with_parents(_changes(site, instance, record, root))
    found = list(_items(root, changes.kept))
    meta = target.with_suffix(".json")
    meta.write_text(json.dumps(_meta(changes, found)))
    try:
        first = [Item(META, meta, FILE, 0o644, meta.stat().st_size), Item(FILES, root, DIRECTORY, 0o755, 0)]
        written = write_archive([*first, *found], target, lambda done, total: progress(done / total if total else 1.0))
    finally:
        meta.unlink(missing_ok=True)
    return PackedWorld(target, written.size, written.checksum)


def _changes(site: Site, instance: Path, record: Record, root: Path) -> Changes:
    if record.data:
        return own_changes(root, records.read_stamps(instance, record.data), sources_of(site, record, frozenset()))
    deleted, kept = [], []
    for path, status in walk(root):
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            deleted.append(path)
            continue
        if stat.S_ISDIR(status.st_mode):
            _refuse_redirect(root / path, path)
            if _xattr(root / path, OPAQUE):
                deleted.append(path)
        kept.append(path)
    return Changes(tuple(sorted(deleted)), tuple(sorted(kept)))


def _with_parents(changes: Changes) -> Changes:
    kept = set(changes.kept)
    for path in (*changes.kept, *changes.deleted):
        while path := path.rpartition("/")[0]:
            kept.add(path)
    return Changes(changes.deleted, tuple(sorted(kept)))


def _items(root: Path, kept: Iterable[str]) -> Iterator[Item]:
    paths = Paths()
    for path in kept:
        status = (root / path).lstat()
        if stat.S_ISSOCK(status.st_mode) or stat.S_ISFIFO(status.st_mode):
            continue  # of a process that is gone
        item = _item(root, path, status)
        try:
            paths.add(item.path, item.kind)
            if item.kind == LINK:
                check_link(path, item.target)
        except BadName as error:
            raise PackRefused(path=path, rule=error.rule) from None
        yield item


def _item(root: Path, path: str, status: os.stat_result) -> Item:
    name, mode = f"{FILES}/{path}", stat.S_IMODE(status.st_mode) & 0o777
    if stat.S_ISDIR(status.st_mode):
        return Item(name, root / path, DIRECTORY, mode, 0)
    if stat.S_ISLNK(status.st_mode):
        return Item(name, root / path, LINK, 0o777, 0, str((root / path).readlink()))
    if not stat.S_ISREG(status.st_mode):
        raise PackRefused(path=path, rule="it is neither a file, a directory nor a symbolic link")
    return Item(name, root / path, FILE, mode, status.st_size)


def _meta(changes: Changes, found: Iterable[Item]) -> dict[str, Any]:
    modes = {item.path.removeprefix(f"{FILES}/"): (item.mode, item.source.lstat().st_mtime_ns) for item in found}
    return {"deleted": changes.deleted, "modes": modes}


def _refuse_redirect(real: Path, path: str) -> None:
    if _xattr(real, _REDIRECT):
        raise PackRefused(path=path, rule="it is a renamed folder of a layer, kept as a mere reference to it")


def _xattr(path: Path, name: str) -> bytes:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return b""
