"""The cache as it lies on the disk: which tree belongs to which template version.

`cache/<template id>/<version>/checksum` names the tarball's SHA-256 and the unpacked tree, and is replaced whole;
`tree` beside it is a link for people. An unpacked tree never moves and never changes: a version fetched anew gets a
new one, while instances go on with the old one until they end.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hytopus.layers.manifest import Manifest
from hytopus.node.cache.disk import LAYERS, Disk

_CHECKSUM: Final = "checksum"
_FACTS: Final = "facts.json"
MANIFEST: Final = "manifest"
TREE: Final = "t"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an unpacked tree without looking into it. `fetched_at` is ISO 8601 in UTC."""

    template_id: str
    version: str
    checksum: str
    files: int
    bytes: int
    rules_text: str
    fetched_at: str

    @property
    def fetched(self) -> datetime:
        return datetime.fromisoformat(self.fetched_at)


def now() -> str:
    return datetime.now(UTC).isoformat()


def tree_of(disk: Disk, link: str) -> Path:
    return disk.root / LAYERS / link / TREE


def read_manifest(disk: Disk, link: str) -> Manifest:
    """Raises `BadManifest`, or OSError where the tree is gone."""
    return Manifest.load((disk.root / LAYERS / link / MANIFEST).read_bytes())


def read_rules_text(scratch: Path) -> str:
    """The `template.toml` of a tree just unpacked, out of its manifest's first line."""
    with (scratch / MANIFEST).open("rb") as file:
        text: str = json.loads(file.readline())["rules"]
        return text


def write_facts(scratch: Path, facts: Facts) -> None:
    (scratch / _FACTS).write_text(json.dumps(asdict(facts)))


def read_facts(disk: Disk, link: str) -> Facts | None:
    """None where there is no such tree."""
    try:
        return Facts(**json.loads((disk.root / LAYERS / link / _FACTS).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def pointed(disk: Disk, template_id: str, version: str) -> tuple[str, str] | None:
    """The checksum and the link of a cached version whose tree is there."""
    try:
        checksum, _, link = (disk.cache / template_id / version / _CHECKSUM).read_text().strip().partition("  ")
    except OSError:
        return None
    return (checksum, link) if link and tree_of(disk, link).is_dir() else None


def point(disk: Disk, template_id: str, version: str, checksum: str, link: str) -> None:
    """Make a tree the one of a version, replacing any other."""
    folder = disk.cache / template_id / version
    folder.mkdir(parents=True, exist_ok=True)
    target = Path("../../..") / LAYERS / link / TREE
    temporary = folder / f".tree.{link}"
    temporary.symlink_to(target)
    temporary.replace(folder / "tree")
    draft = folder / f".{_CHECKSUM}.{link}"
    draft.write_text(f"{checksum}  {link}\n")
    draft.replace(folder / _CHECKSUM)


def forget(disk: Disk, template_id: str | None, version: str | None) -> None:
    """Remove versions from the cache; their trees stay until they are collected."""
    for one_id, one_version, _ in list(pointers(disk)):
        if template_id in (None, one_id) and version in (None, one_version):
            shutil.rmtree(disk.cache / one_id / one_version, ignore_errors=True)
            if not any((disk.cache / one_id).iterdir()):
                (disk.cache / one_id).rmdir()


def pointers(disk: Disk) -> Iterator[tuple[str, str, str]]:
    """Template id, version and link of everything in the cache; versions without a tree are cleared away."""
    for folder in sorted(disk.cache.glob("*/*")):
        found = pointed(disk, folder.parent.name, folder.name)
        if found:
            yield folder.parent.name, folder.name, found[1]
        else:
            shutil.rmtree(folder, ignore_errors=True)


def touch(disk: Disk, link: str) -> None:
    """Remember that it was used now."""
    with suppress(OSError):
        os.utime(disk.root / LAYERS / link / _FACTS)


def used_at(disk: Disk, link: str) -> float:
    """When it was last used, or fetched; in seconds since 1970."""
    try:
        return (disk.root / LAYERS / link / _FACTS).stat().st_mtime
    except OSError:
        return 0.0


def links(disk: Disk) -> list[str]:
    """Every unpacked tree, in the cache or only still in use."""
    return sorted(path.name for path in (disk.root / LAYERS).iterdir())
