"""An instance of two layers, prepared by overlay and by copy, and what a server may do to it."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from hytopus.node.files.secrets import Secrets
from hytopus.node.files.sides import instance_tree
from hytopus.node.files.tree import FileTree
from hytopus.node.files.write import Writer, Written, staging
from hytopus.node.materialise.probe import How
from hytopus.node.materialise.workspace import Prepared
from hytopus.node.runtime.base import OverlayMount
from tests.unit.layers.trees import File, Folder, Link, Tree
from tests.unit.node.materialise.worlds import World

BASE: Tree = {
    "config": Folder(0o750),
    "config/server.toml": File(b'name = "${NAME}"\npassword = "${PASSWORD}"\n', 0o640),
    "config/old": File(b"old"),
    "motd": File(b"base"),
    "link": Link("motd"),
    "plugins": Folder(),
    "plugins/a.jar": File(b"a\0jar"),
}
TOP: Tree = {"motd": File(b"top"), "extra": File(b"extra")}
VALUES = {"NAME": "lobby", "PASSWORD": "pw"}
SECRETS = Secrets(VALUES, ["PASSWORD"])


@dataclass
class Place:
    """A prepared instance, as its server and as the node see it."""

    world: World
    prepared: Prepared
    how: How

    @property
    def own(self) -> Path:
        """Where the server's own files are."""
        mount = self.prepared.mount
        return Path(mount.upper if isinstance(mount, OverlayMount) else mount.source)

    def tree(self) -> FileTree:
        return instance_tree(self.world.workspaces, "i")

    def server_writes(self, path: str, data: bytes) -> None:
        target = self.own / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def server_deletes(self, path: str) -> None:
        """As an overlay would write it down, or for good."""
        target = self.own / path
        if self.how is not How.OVERLAY:
            target.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        os.mknod(target, stat.S_IFCHR, os.makedev(0, 0))

    def put(self, path: str, data: bytes, expected: str = "*") -> Written:
        disk = self.world.workspaces.disk
        with self.tree() as tree, staging(disk) as staged:
            staged.write_bytes(data)
            return Writer(tree, disk, self.world.cache.owner).put(path, staged, expected)

    def delete(self, path: str, expected: str = "*", *, recursive: bool = False) -> Written:
        with self.tree() as tree:
            writer = Writer(tree, self.world.workspaces.disk, self.world.cache.owner)
            return writer.delete(path, expected, recursive=recursive)

    def shown(self, folder: str = "") -> dict[str, tuple[str, str | None]]:
        """Name -> what became of it, and the layer it came from."""
        with self.tree() as tree:
            items = tree.folder(folder)
            return {
                item.path: (item.change.value, tree.layers[item.layer].name if item.layer is not None else None)
                for item in items
            }


@pytest.fixture(params=[How.OVERLAY, How.COPY])
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    async def make() -> Place:
        world = await World.make(tmp_path / "node", request.param)
        layers = [await world.layer(BASE), await world.layer(TOP)]
        return Place(world, await world.prepare(layers, VALUES), request.param)

    return asyncio.run(make())
