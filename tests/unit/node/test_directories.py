"""From templates in the cache to directories, on a real disk; the tarballs come from memory."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from hytopus.errors import HytopusError
from hytopus.node.cache.cache import TemplateCache
from hytopus.node.cache.download import MemoryDownload
from hytopus.node.directories import CachedDirectories
from hytopus.node.materialise.probe import Abilities
from hytopus.node.materialise.workspace import Workspaces
from hytopus.node.runtime.base import BindMount
from hytopus.wire.messages import PrepareInstance, TemplateLayer
from tests.services.waiting import eventually
from tests.unit.node.runner.clock import StillClock
from tests.unit.node.runner.records import assignment


def tarball(**files: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


BASE = tarball(config="port=${PORT} name=${INSTANCE_NAME}\n", motd="base")
LOBBY = tarball(motd="lobby")


def layered() -> PrepareInstance:
    layers = tuple(
        TemplateLayer(name, "1", sha256(data).hexdigest(), len(data), "memory:")
        for name, data in (("base", BASE), ("lobby", LOBBY))
    )
    return assignment(template_layers=layers)


@asynccontextmanager
async def directories_in(root: Path) -> AsyncIterator[CachedDirectories]:
    owner = (os.geteuid(), os.getegid())
    download = MemoryDownload({sha256(data).hexdigest(): data for data in (BASE, LOBBY)})
    cache = TemplateCache(root, owner=owner, download=download)
    await cache.recover()
    workspaces = Workspaces(cache, Abilities(overlay=False, reflink=False))
    directories = CachedDirectories(cache, workspaces, monotonic=StillClock().monotonic)
    await directories.count()
    tasks = [asyncio.create_task(directories.run()), asyncio.create_task(cache.run())]
    yield directories
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_layers_become_a_directory_and_the_cache_is_counted(tmp_path: Path) -> None:
    async with directories_in(tmp_path) as directories:
        steps: list[str] = []
        built = await directories.build(layered(), refresh=False, progress=lambda step, part: steps.append(step))
        assert isinstance(built.mount, BindMount)
        folder = Path(built.mount.source)
        assert (folder / "config").read_text() == "port=30000 name=lobby-1\n"
        assert (folder / "motd").read_text() == "lobby"
        assert {"fetch", "materialise", "total"} <= set(built.timings)
        assert "merge" in steps
        assert built.secrets == {"TOKEN"}
        numbers = directories.numbers()
        assert (numbers.versions, numbers.hits, numbers.misses) == (2, 0, 2)
        assert numbers.s3_bytes == len(BASE) + len(LOBBY)
        await directories.build(replace(layered(), instance_id="i2"), refresh=False, progress=lambda *_: None)
        assert directories.numbers().hits == 2
        await directories.build(replace(layered(), instance_id="i3"), refresh=True, progress=lambda *_: None)
        assert directories.numbers().misses == 4


async def test_another_agent_reopens_what_was_built(tmp_path: Path) -> None:
    async with directories_in(tmp_path) as directories:
        built = await directories.build(layered(), refresh=False, progress=lambda *_: None)
    async with directories_in(tmp_path) as directories:
        assert (await directories.reopen("i1")).mount == built.mount
        assert directories.numbers().versions == 2
        with pytest.raises(HytopusError) as raised:
            await directories.reopen("i2")
        assert raised.value.code == "not_prepared"


async def test_a_purge_keeps_what_is_in_use_until_it_is_let_go(tmp_path: Path) -> None:
    async with directories_in(tmp_path) as directories:
        await directories.build(layered(), refresh=False, progress=lambda *_: None)
        purged = await directories.purge("", "")
        assert (purged["trees"], purged["kept_until_released"]) == (0, 2)
        assert directories.numbers().versions == 0
        assert len(list((tmp_path / "l").iterdir())) == 2
        await directories.destroy("i1")
        await directories.destroy("i1")
        await eventually(lambda: not list((tmp_path / "l").iterdir()), what="the trees to go")
        assert not list((tmp_path / "instances").iterdir())


async def test_one_template_can_be_purged(tmp_path: Path) -> None:
    async with directories_in(tmp_path) as directories:
        await directories.build(layered(), refresh=False, progress=lambda *_: None)
        await directories.destroy("i1")
        assert (await directories.purge("lobby", "1"))["trees"] == 1
        templates = (await directories.cached())["templates"]
        assert [(template["template_id"], template["version"]) for template in templates] == [("base", "1")]


async def test_provenance_says_which_layer_won(tmp_path: Path) -> None:
    async with directories_in(tmp_path) as directories:
        await directories.build(layered(), refresh=False, progress=lambda *_: None)
        files = {file["path"]: file for file in await directories.provenance("i1", "**")}
        assert (files["motd"]["layer"], tuple(files["motd"]["overrode"])) == ("lobby@1", ("base@1",))
        assert (files["config"]["layer"], files["config"]["substituted"]) == ("base@1", True)
