"""Preparing that is killed at any step and done again gives what it would have given at once."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from hytopus.layers.variables import resolve
from hytopus.node.cache.cache import CachedLayer, TemplateCache
from hytopus.node.materialise import record as records
from hytopus.node.materialise.plan import Plans
from hytopus.node.materialise.prepare import Request, Site, Steps, prepare
from hytopus.node.materialise.probe import How
from tests.unit.layers.trees import File, Folder, Tree, read_tree
from tests.unit.node.cache.layers import WatchedDownload, left_over, new_cache

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="whiteouts and owners need root")

CHANGES: Final = frozenset(
    f"os.{name}" for name in ("rename", "mkdir", "remove", "link", "symlink", "rmdir", "chmod", "chown", "utime")
)
OLD: Tree = {"d": Folder(), "d/conf": File(b"port=${PORT}"), "d/old": File(b"1"), "x": File(b"1"), "y": File(b"1")}
NEW: Tree = {"d": Folder(), "d/conf": File(b"new port=${PORT}"), "x": File(b"2"), "y": File(b"2")}
RULES = 'remove = ["d/old"]'


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that ends hard before its `step`-th change to the disk; False if it gets through."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) in (0, 77)
        return status != 0
    try:
        sys.addaudithook(_Countdown(step))
        work()
        os._exit(0)
    finally:
        os._exit(1)


class _Countdown:
    def __init__(self, steps: int) -> None:
        self._left = steps

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event in CHANGES or writes:
            self._left -= 1
            if self._left < 0:
                os._exit(77)


def site_of(cache: TemplateCache) -> Site:
    """A fresh one each time: nothing may be remembered but by the disk."""
    return Site(cache.disk, cache.owner, Plans(cache.disk, cache.owner))


def build(cache: TemplateCache, layers: list[CachedLayer], how: How, port: str) -> Path:
    resolved = resolve([layer.rules for layer in layers], {"PORT": port})
    record = prepare(site_of(cache), Request("i", layers, resolved.values, frozenset(), how), Steps("i"))
    instance = cache.disk.instances / "i"
    return instance / record.data if record.data else instance / "upper"


async def two_layers(root: Path) -> tuple[TemplateCache, CachedLayer, CachedLayer]:
    download = WatchedDownload()
    cache = await new_cache(root, download)
    old = await cache.ensure(download.add("old", OLD))
    return cache, old, await cache.ensure(download.add("new", NEW, rules=RULES))


@pytest.mark.parametrize("how", [How.COPY, How.OVERLAY])
def test_killed_at_every_step(tmp_path: Path, how: How) -> None:
    cache, old, new = asyncio.run(two_layers(tmp_path / "node"))
    step = 0
    while killed_at(step, lambda: build(cache, [old, new], how, "1")):
        again = build(cache, [old, new], how, "1")
        if how is How.COPY:
            assert read_tree(again) == {**NEW, "d/conf": File(b"new port=1")}
        else:
            _check_lower(cache)
        _forget_everything(cache)
        step += 1
    assert step > 10


def test_an_upgrade_killed_at_every_step_keeps_the_instances_changes(tmp_path: Path) -> None:
    cache, old, new = asyncio.run(two_layers(tmp_path / "node"))
    expected = {
        "d": Folder(),
        "d/conf": File(b"new port=1"),
        "x": File(b"mine"),
        "saves": Folder(),
        "saves/world": File(b"mine"),
    }
    step = 0
    while True:
        data = build(cache, [old], How.COPY, "1")
        (data / "x").write_bytes(b"mine")
        (data / "y").unlink()
        (data / "saves").mkdir(mode=0o755)
        (data / "saves/world").write_bytes(b"mine")
        through = not killed_at(step, lambda: build(cache, [old, new], How.COPY, "1"))
        assert read_tree(build(cache, [old, new], How.COPY, "1")) == expected
        if through:
            break
        _forget_everything(cache)
        step += 1
    assert step > 30


def _check_lower(cache: TemplateCache) -> None:
    record = records.read_record(cache.disk.instances / "i")
    assert record
    assert record.rendered
    assert read_tree(cache.disk.root / "r" / record.rendered / "t")["d/conf"] == File(b"new port=1")
    assert (cache.disk.root / "p" / record.plan / "t/d/old").is_char_device()


def _forget_everything(cache: TemplateCache) -> None:
    """Throw away what was made, as if for the first time; what was half made is cleared as at a start."""
    cache.disk.throw(cache.disk.instances / "i")
    for kind in "pr":
        for path in (cache.disk.root / kind).iterdir():
            cache.disk.throw(path)
    asyncio.run(cache.recover())
    asyncio.run(cache.disk.empty())
    assert left_over(cache.disk.root) == []
